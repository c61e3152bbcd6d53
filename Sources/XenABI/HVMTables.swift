// SPDX-License-Identifier: Apache-2.0

// hvm/hvm_info_table.h, hvm/e820.h, hvm/hvm_vcpu.h.

/// hvm/hvm_info_table.h: struct hvm_info_table.
@frozen public struct HVMInfoTable: BitwiseCopyable, Sendable {
    /// "HVM INFO".
    public var signature = InlineArray<8, UInt8>(repeating: 0)
    /// Bytes.
    public var length: UInt32 = 0
    public var checksum: UInt8 = 0
    /// Whether firmware is to tell of APICs.
    public var apicMode: UInt8 = 0
    @usableFromInline var gap: UInt16 = 0
    public var nrVcpus: UInt32 = 0
    /// Page numbers: the end of RAM below 4 GiB.
    public var lowMemPgend: UInt32 = 0
    public var reservedMemPgstart: UInt32 = 0
    public var highMemPgend: UInt32 = 0
    /// Bitmap of those online at boot.
    public var vcpuOnline = InlineArray<16, UInt8>(repeating: 0)
    @inlinable public init() {}
}

/// Where an HVM domain's tables and its hole below 4 GiB are (hvm/hvm_info_table.h, hvm/e820.h).
public enum HVMMap {
    /// Of the page with `HVMInfoTable` (hvm/hvm_info_table.h).
    @inlinable public static var infoPFN: UInt64 { 0x9F }
    /// Bytes in that page.
    @inlinable public static var infoOffset: UInt64 { 0x800 }
    @inlinable public static var infoAddress: UInt64 { 0x9_F800 }
    /// As many as `HVMInfoTable` has bits for.
    @inlinable public static var maxVCPUs: UInt64 { 128 }
    /// hvm/e820.h: a physical address.
    @inlinable public static var e820Page: UInt64 { 0x9_0000 }
    @inlinable public static var e820CountOffset: UInt64 { 0x1E8 }
    @inlinable public static var e820Offset: UInt64 { 0x2D0 }
    @inlinable public static var below4GRAMEnd: UInt64 { 0xF000_0000 }
    @inlinable public static var below4GMMIOStart: UInt64 { 0xF000_0000 }
    @inlinable public static var below4GMMIOLength: UInt64 { 0x1000_0000 }
}

/// hvm/hvm_vcpu.h: struct vcpu_hvm_x86_32.
@frozen public struct VCPUHVMX86_32: BitwiseCopyable, Sendable {
    public var eax: UInt32 = 0
    public var ecx: UInt32 = 0
    public var edx: UInt32 = 0
    public var ebx: UInt32 = 0
    public var esp: UInt32 = 0
    public var ebp: UInt32 = 0
    public var esi: UInt32 = 0
    public var edi: UInt32 = 0
    public var eip: UInt32 = 0
    public var eflags: UInt32 = 0
    public var cr0: UInt32 = 0
    public var cr3: UInt32 = 0
    public var cr4: UInt32 = 0
    public var pad1: UInt32 = 0
    public var efer: UInt64 = 0
    public var csBase: UInt32 = 0
    public var dsBase: UInt32 = 0
    public var ssBase: UInt32 = 0
    public var esBase: UInt32 = 0
    public var trBase: UInt32 = 0
    public var csLimit: UInt32 = 0
    public var dsLimit: UInt32 = 0
    public var ssLimit: UInt32 = 0
    public var esLimit: UInt32 = 0
    public var trLimit: UInt32 = 0
    public var csAr: UInt16 = 0
    public var dsAr: UInt16 = 0
    public var ssAr: UInt16 = 0
    public var esAr: UInt16 = 0
    public var trAr: UInt16 = 0
    public var pad2 = InlineArray<3, UInt16>(repeating: 0)
    @inlinable public init() {}
}

/// hvm/hvm_vcpu.h: struct vcpu_hvm_x86_64.
@frozen public struct VCPUHVMX86_64: BitwiseCopyable, Sendable {
    public var rax: UInt64 = 0
    public var rcx: UInt64 = 0
    public var rdx: UInt64 = 0
    public var rbx: UInt64 = 0
    public var rsp: UInt64 = 0
    public var rbp: UInt64 = 0
    public var rsi: UInt64 = 0
    public var rdi: UInt64 = 0
    public var rip: UInt64 = 0
    public var rflags: UInt64 = 0
    public var cr0: UInt64 = 0
    public var cr3: UInt64 = 0
    public var cr4: UInt64 = 0
    public var efer: UInt64 = 0
    @inlinable public init() {}
}

/// In the first half of the first word of `VCPUHVMContext` (hvm/hvm_vcpu.h: VCPU_HVM_MODE_*).
@frozen public enum VCPUHVMMode: UInt32, Sendable {
    case bits32 = 0
    case bits64 = 1
}
