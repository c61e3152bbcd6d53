// SPDX-License-Identifier: Apache-2.0

/// x86-64 on the metal: the direct map, the hypervisor's own page tables, port I/O, model-specific registers, a CPU's
/// descriptor tables. Compiled into the x86-64 image only; what can be tested without the metal is in `X86` and `Drivers`.
