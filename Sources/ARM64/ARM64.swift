// SPDX-License-Identifier: Apache-2.0

/// AArch64 at EL2 on the metal: the direct map, EL2's own page tables, the physical GIC's CPU interface, the world
/// switch. Compiled into the arm64 image only; what can be tested without the metal is in `ARM` and `Drivers`.
