// SPDX-License-Identifier: Apache-2.0

/// What guests are told of time: vcpu_time_info, the wallclock in shared_info, runstates; and a vCPU's own timers.
///
/// Everything here is a value that is given the time; nothing reads a clock, arms a timer or sends an event. Who owns a
/// value guards it: a runstate belongs to the scheduler, the wallclock to whoever sets it.
