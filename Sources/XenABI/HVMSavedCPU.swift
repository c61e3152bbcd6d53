// SPDX-License-Identifier: Apache-2.0

// arch-x86/hvm/save.h: struct hvm_hw_cpu, and what has bit fields.

/// arch-x86/hvm/save.h: what struct hvm_hw_cpu and struct hvm_hw_cpu_compat begin with.
@frozen public struct HVMSavedRegisters: BitwiseCopyable, Sendable {
    public var fpuRegs = InlineArray<512, UInt8>(repeating: 0)
    public var rax: UInt64 = 0
    public var rbx: UInt64 = 0
    public var rcx: UInt64 = 0
    public var rdx: UInt64 = 0
    public var rbp: UInt64 = 0
    public var rsi: UInt64 = 0
    public var rdi: UInt64 = 0
    public var rsp: UInt64 = 0
    public var r8: UInt64 = 0
    public var r9: UInt64 = 0
    public var r10: UInt64 = 0
    public var r11: UInt64 = 0
    public var r12: UInt64 = 0
    public var r13: UInt64 = 0
    public var r14: UInt64 = 0
    public var r15: UInt64 = 0
    public var rip: UInt64 = 0
    public var rflags: UInt64 = 0
    public var cr0: UInt64 = 0
    public var cr2: UInt64 = 0
    public var cr3: UInt64 = 0
    public var cr4: UInt64 = 0
    public var dr0: UInt64 = 0
    public var dr1: UInt64 = 0
    public var dr2: UInt64 = 0
    public var dr3: UInt64 = 0
    public var dr6: UInt64 = 0
    public var dr7: UInt64 = 0
    public var csSel: UInt32 = 0
    public var dsSel: UInt32 = 0
    public var esSel: UInt32 = 0
    public var fsSel: UInt32 = 0
    public var gsSel: UInt32 = 0
    public var ssSel: UInt32 = 0
    public var trSel: UInt32 = 0
    public var ldtrSel: UInt32 = 0
    public var csLimit: UInt32 = 0
    public var dsLimit: UInt32 = 0
    public var esLimit: UInt32 = 0
    public var fsLimit: UInt32 = 0
    public var gsLimit: UInt32 = 0
    public var ssLimit: UInt32 = 0
    public var trLimit: UInt32 = 0
    public var ldtrLimit: UInt32 = 0
    public var idtrLimit: UInt32 = 0
    public var gdtrLimit: UInt32 = 0
    public var csBase: UInt64 = 0
    public var dsBase: UInt64 = 0
    public var esBase: UInt64 = 0
    public var fsBase: UInt64 = 0
    public var gsBase: UInt64 = 0
    public var ssBase: UInt64 = 0
    public var trBase: UInt64 = 0
    public var ldtrBase: UInt64 = 0
    public var idtrBase: UInt64 = 0
    public var gdtrBase: UInt64 = 0
    public var csArbytes: UInt32 = 0
    public var dsArbytes: UInt32 = 0
    public var esArbytes: UInt32 = 0
    public var fsArbytes: UInt32 = 0
    public var gsArbytes: UInt32 = 0
    public var ssArbytes: UInt32 = 0
    public var trArbytes: UInt32 = 0
    public var ldtrArbytes: UInt32 = 0
    public var sysenterCs: UInt64 = 0
    public var sysenterEsp: UInt64 = 0
    public var sysenterEip: UInt64 = 0
    public var shadowGs: UInt64 = 0
    public var msrFlags: UInt64 = 0
    public var msrLstar: UInt64 = 0
    public var msrStar: UInt64 = 0
    public var msrCstar: UInt64 = 0
    public var msrSyscallMask: UInt64 = 0
    public var msrEfer: UInt64 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_cpu.
@frozen public struct HVMSavedCPU: BitwiseCopyable, Sendable {
    public var registers = HVMSavedRegisters()
    public var msrTscAux: UInt64 = 0
    public var tsc: UInt64 = 0
    /// Of `PendingEventBits`.
    public var pendingEvent: UInt32 = 0
    public var errorCode: UInt32 = 0
    public var flags: UInt32 = 0
    public var pad0: UInt32 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_cpu_compat.
/// Without what was added later.
@frozen public struct HVMSavedCPUCompat: BitwiseCopyable, Sendable {
    public var registers = HVMSavedRegisters()
    public var tsc: UInt64 = 0
    /// Of `PendingEventBits`.
    public var pendingEvent: UInt32 = 0
    public var errorCode: UInt32 = 0
    @inlinable public init() {}
}

/// Masks of `HVMSavedCPU.pendingEvent`.
public enum PendingEventBits {
    @inlinable public static var vector: UInt32 { 0xFF }
    @inlinable public static var type: UInt32 { 0x700 }
    @inlinable public static var errorValid: UInt32 { 0x800 }
    @inlinable public static var reserved: UInt32 { 0x7FFFF000 }
    @inlinable public static var valid: UInt32 { 0x80000000 }
}

/// arch-x86/hvm/save.h: struct hvm_hw_vpic.
@frozen public struct HVMSavedPIC: BitwiseCopyable, Sendable {
    public var irr: UInt8 = 0
    public var imr: UInt8 = 0
    public var isr: UInt8 = 0
    public var irqBase: UInt8 = 0
    /// Of `PICInitialisationBits`.
    public var initialisation: UInt8 = 0
    /// Of `PICModeBits`.
    public var modes: UInt8 = 0
    public var elcr: UInt8 = 0
    public var intOutput: UInt8 = 0
    @inlinable public init() {}
}

/// Masks of `HVMSavedPIC.initialisation`.
public enum PICInitialisationBits {
    @inlinable public static var state: UInt8 { 0xF }
    @inlinable public static var priority: UInt8 { 0xF0 }
}

/// Masks of `HVMSavedPIC.modes`.
public enum PICModeBits {
    @inlinable public static var readselIsr: UInt8 { 0x1 }
    @inlinable public static var poll: UInt8 { 0x2 }
    @inlinable public static var autoEoi: UInt8 { 0x4 }
    @inlinable public static var rotateOnAutoEoi: UInt8 { 0x8 }
    @inlinable public static var specialFullyNestedMode: UInt8 { 0x10 }
    @inlinable public static var specialMaskMode: UInt8 { 0x20 }
    @inlinable public static var isMaster: UInt8 { 0x40 }
}

/// arch-x86/hvm/save.h: struct hvm_hw_vioapic.
@frozen public struct HVMSavedIOAPIC: BitwiseCopyable, Sendable {
    public var baseAddress: UInt64 = 0
    public var ioregsel: UInt32 = 0
    public var id: UInt32 = 0
    /// Of `RedirectionBits`.
    public var redirtbl = InlineArray<48, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// Masks of an entry of `HVMSavedIOAPIC.redirtbl` (union vioapic_redir_entry).
public enum RedirectionBits {
    @inlinable public static var vector: UInt64 { 0xFF }
    @inlinable public static var deliveryMode: UInt64 { 0x700 }
    @inlinable public static var destinationMode: UInt64 { 0x800 }
    @inlinable public static var deliveryStatus: UInt64 { 0x1000 }
    @inlinable public static var polarity: UInt64 { 0x2000 }
    @inlinable public static var remoteIRR: UInt64 { 0x4000 }
    @inlinable public static var triggerMode: UInt64 { 0x8000 }
    @inlinable public static var mask: UInt64 { 0x10000 }
    @inlinable public static var reserve: UInt64 { 0xFE0000 }
    @inlinable public static var destinationID: UInt64 { 0xFF00000000000000 }
}
