// SPDX-License-Identifier: Apache-2.0

/// ARMv7 in HYP mode on the metal: the direct map and HYP mode's own page tables. Compiled into the arm32 image only;
/// what can be tested without the metal is in `ARM` and `Drivers`.
