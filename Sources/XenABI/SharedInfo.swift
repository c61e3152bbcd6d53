// SPDX-License-Identifier: Apache-2.0

/// Where the fields of `vcpu_info` and `shared_info` lie, in bytes, by the guest's kind (xen.h, arch-*/xen*.h).
///
/// They are never copied whole: each word is shared with the guest and touched by itself.
@frozen public struct SharedInfoLayout: Sendable {
    /// Bits in `xen_ulong_t`, the word of the bitmaps and of the selector.
    public let wordBits: UInt32
    /// Size of one `vcpu_info`.
    public let vcpuInfoSize: UInt64
    /// vCPUs whose `vcpu_info` is inside `shared_info` (Xen: XEN_LEGACY_MAX_VCPUS).
    public let legacyVCPUs: UInt32
    /// Offsets in `vcpu_info`. One byte.
    public let upcallPending: UInt64
    /// One byte, on x86 only (ARM: padding).
    public let upcallMask: UInt64
    /// One word.
    public let pendingSelector: UInt64
    /// x86: `arch.cr2`. ARM has no such fields.
    public let archVCPUInfo: UInt64
    /// A `VCPUTimeInfo`.
    public let time: UInt64
    /// Offsets in `shared_info`. `wordBits` words.
    public let pending: UInt64
    /// `wordBits` words.
    public let mask: UInt64
    public let wallclockVersion: UInt64
    public let wallclockSeconds: UInt64
    public let wallclockNanoseconds: UInt64
    public let wallclockSecondsHigh: UInt64
    /// x86: `arch_shared_info`. ARM has no such fields.
    public let archSharedInfo: UInt64
    /// Size of `shared_info`.
    public let size: UInt64

    /// arm64 and arm32 guests.
    @inlinable public static var arm: Self {
        Self(
            wordBits: 64, vcpuInfoSize: 48, legacyVCPUs: 1, upcallPending: 0, upcallMask: 1, pendingSelector: 8,
            archVCPUInfo: 16, time: 16, pending: 48, mask: 560, wallclockVersion: 1072, wallclockSeconds: 1076,
            wallclockNanoseconds: 1080, wallclockSecondsHigh: 1084, archSharedInfo: 1088, size: 1088)
    }

    @inlinable public static var x86_64: Self {
        Self(
            wordBits: 64, vcpuInfoSize: 64, legacyVCPUs: 32, upcallPending: 0, upcallMask: 1, pendingSelector: 8,
            archVCPUInfo: 16, time: 32, pending: 2048, mask: 2560, wallclockVersion: 3072, wallclockSeconds: 3076,
            wallclockNanoseconds: 3080, wallclockSecondsHigh: 3084, archSharedInfo: 3088, size: 3136)
    }

    @inlinable public static var x86_32: Self {
        Self(
            wordBits: 32, vcpuInfoSize: 64, legacyVCPUs: 32, upcallPending: 0, upcallMask: 1, pendingSelector: 4,
            archVCPUInfo: 8, time: 32, pending: 2048, mask: 2176, wallclockVersion: 2304, wallclockSeconds: 2308,
            wallclockNanoseconds: 2312, wallclockSecondsHigh: 2340, archSharedInfo: 2316, size: 2344)
    }

    @inlinable init(
        wordBits: UInt32, vcpuInfoSize: UInt64, legacyVCPUs: UInt32, upcallPending: UInt64, upcallMask: UInt64,
        pendingSelector: UInt64, archVCPUInfo: UInt64, time: UInt64, pending: UInt64, mask: UInt64,
        wallclockVersion: UInt64, wallclockSeconds: UInt64, wallclockNanoseconds: UInt64, wallclockSecondsHigh: UInt64,
        archSharedInfo: UInt64, size: UInt64
    ) {
        self.wordBits = wordBits
        self.vcpuInfoSize = vcpuInfoSize
        self.legacyVCPUs = legacyVCPUs
        self.upcallPending = upcallPending
        self.upcallMask = upcallMask
        self.pendingSelector = pendingSelector
        self.archVCPUInfo = archVCPUInfo
        self.time = time
        self.pending = pending
        self.mask = mask
        self.wallclockVersion = wallclockVersion
        self.wallclockSeconds = wallclockSeconds
        self.wallclockNanoseconds = wallclockNanoseconds
        self.wallclockSecondsHigh = wallclockSecondsHigh
        self.archSharedInfo = archSharedInfo
        self.size = size
    }
}
