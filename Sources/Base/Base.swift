// SPDX-License-Identifier: Apache-2.0

/// Distinct types for distinct numbers: a machine frame is not a guest frame, an address is not a frame number,
/// a pCPU is not a vCPU. All are 64 bits wide on every ISA, so that 32-bit ARM with LPAE needs no second set.
///
/// Owns nothing, locks nothing, knows nothing of hypercalls or hardware.

/// Size of a frame in bytes, on every ISA (Xen: PAGE_SIZE).
public let pageSize: UInt64 = 4096
/// log2(`pageSize`) (Xen: PAGE_SHIFT).
public let pageShift: UInt64 = 12

/// Rounds `value` up to a multiple of `alignment`, a power of two. Nil when that overflows.
@inlinable public func alignedUp(_ value: UInt64, to alignment: UInt64) -> UInt64? {
    let (sum, overflow) = value.addingReportingOverflow(alignment - 1)
    return overflow ? nil : sum & ~(alignment - 1)
}

/// Rounds `value` down to a multiple of `alignment`, a power of two.
@inlinable public func alignedDown(_ value: UInt64, to alignment: UInt64) -> UInt64 {
    value & ~(alignment - 1)
}
