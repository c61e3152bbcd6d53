// SPDX-License-Identifier: Apache-2.0

/// System time, timers, vcpu_time_info, wallclock, runstate.
