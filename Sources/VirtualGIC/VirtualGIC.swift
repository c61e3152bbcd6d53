// SPDX-License-Identifier: Apache-2.0

/// Guest-visible GICv2 and GICv3 as pure state machines.
