// SPDX-License-Identifier: Apache-2.0

/// x86-64 as values: formats of page tables, descriptors and model-specific registers, CPUID, time scales, and how
/// exceptions are named. Pure functions, tested on the host.
///
/// Owns nothing, executes no privileged instruction; `X86Machine` does.
