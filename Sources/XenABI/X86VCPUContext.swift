// SPDX-License-Identifier: Apache-2.0

// arch-x86/xen.h: struct vcpu_guest_context of 64 bits, which domctls have for every x86 domain.

/// arch-x86/xen-x86_64.h: struct cpu_user_regs.
@frozen public struct X86UserRegisters: BitwiseCopyable, Sendable {
    public var r15: UInt64 = 0
    public var r14: UInt64 = 0
    public var r13: UInt64 = 0
    public var r12: UInt64 = 0
    public var rbp: UInt64 = 0
    public var rbx: UInt64 = 0
    public var r11: UInt64 = 0
    public var r10: UInt64 = 0
    public var r9: UInt64 = 0
    public var r8: UInt64 = 0
    public var rax: UInt64 = 0
    public var rcx: UInt64 = 0
    public var rdx: UInt64 = 0
    public var rsi: UInt64 = 0
    public var rdi: UInt64 = 0
    public var errorCode: UInt32 = 0
    public var entryVector: UInt32 = 0
    public var rip: UInt64 = 0
    public var cs: UInt16 = 0
    public var pad0: UInt16 = 0
    public var savedUpcallMask: UInt8 = 0
    public var pad1: (UInt8, UInt8, UInt8) = (0, 0, 0)
    public var rflags: UInt64 = 0
    public var rsp: UInt64 = 0
    public var ss: UInt16 = 0
    public var pad2: (UInt16, UInt16, UInt16) = (0, 0, 0)
    public var es: UInt16 = 0
    public var pad3: (UInt16, UInt16, UInt16) = (0, 0, 0)
    public var ds: UInt16 = 0
    public var pad4: (UInt16, UInt16, UInt16) = (0, 0, 0)
    public var fs: UInt16 = 0
    public var pad5: (UInt16, UInt16, UInt16) = (0, 0, 0)
    public var gs: UInt16 = 0
    public var pad6: (UInt16, UInt16, UInt16) = (0, 0, 0)
    @inlinable public init() {}
}

/// struct vcpu_guest_context up to its interrupt table.
@frozen public struct X86VCPUContextStart: BitwiseCopyable, Sendable {
    /// As FXSAVE writes it.
    public var vectors = InlineArray<64, UInt64>(repeating: 0)
    public var flags: UInt64 = 0
    public var registers = X86UserRegisters()
    @inlinable public init() {}
}

/// struct vcpu_guest_context behind its interrupt table.
@frozen public struct X86VCPUContextEnd: BitwiseCopyable, Sendable {
    public var ldtBase: UInt64 = 0
    public var ldtEntries: UInt64 = 0
    public var gdtFrames = InlineArray<16, UInt64>(repeating: 0)
    public var gdtEntries: UInt64 = 0
    public var kernelSS: UInt64 = 0
    public var kernelSP: UInt64 = 0
    public var control = InlineArray<8, UInt64>(repeating: 0)
    public var debug = InlineArray<8, UInt64>(repeating: 0)
    public var eventCallback: UInt64 = 0
    public var failsafeCallback: UInt64 = 0
    public var syscallCallback: UInt64 = 0
    public var assists: UInt64 = 0
    public var fsBase: UInt64 = 0
    public var gsBaseKernel: UInt64 = 0
    public var gsBaseUser: UInt64 = 0
    @inlinable public init() {}
}

/// arch-x86/xen.h: struct vcpu_guest_context. Large: the hypervisor reads and writes it in its parts.
@frozen public struct X86VCPUContext: BitwiseCopyable, Sendable {
    public var start = X86VCPUContextStart()
    /// A PV guest's interrupt table, which no other has.
    public var traps = InlineArray<512, UInt64>(repeating: 0)
    public var end = X86VCPUContextEnd()
    @inlinable public init() {}

    /// In `flags` (Xen: VGCF_i387_valid, VGCF_online).
    @inlinable public static var vectorsAreValid: UInt64 { 1 << 0 }
    @inlinable public static var online: UInt64 { 1 << 5 }
    /// Bytes before `traps`, and before `end`.
    @inlinable public static var trapsOffset: UInt64 { 720 }
    @inlinable public static var endOffset: UInt64 { 4816 }
}

/// What a domain's machine has besides its processors (arch-x86/xen.h: XEN_X86_EMU_*), in `X86DomainConfig.emulationFlags`.
public enum X86Emulation {
    @inlinable public static var localAPIC: UInt32 { 1 << 0 }
    @inlinable public static var hpet: UInt32 { 1 << 1 }
    @inlinable public static var powerManagement: UInt32 { 1 << 2 }
    @inlinable public static var rtc: UInt32 { 1 << 3 }
    @inlinable public static var ioAPIC: UInt32 { 1 << 4 }
    @inlinable public static var pic: UInt32 { 1 << 5 }
    @inlinable public static var vga: UInt32 { 1 << 6 }
    @inlinable public static var iommu: UInt32 { 1 << 7 }
    @inlinable public static var pit: UInt32 { 1 << 8 }
    @inlinable public static var usePIRQ: UInt32 { 1 << 9 }
    @inlinable public static var vPCI: UInt32 { 1 << 10 }
    @inlinable public static var all: UInt32 { (1 << 11) - 1 }
    /// In `X86DomainConfig.miscFlags` (Xen: XEN_X86_MSR_RELAXED).
    @inlinable public static var relaxedMSRs: UInt32 { 1 << 0 }
}
