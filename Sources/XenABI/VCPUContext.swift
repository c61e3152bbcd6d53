// SPDX-License-Identifier: Apache-2.0

/// arch-arm.h: struct vcpu_guest_core_regs, as an AArch64 guest's.
@frozen public struct ARMCoreRegisters: BitwiseCopyable, Sendable {
    /// X0 to X30.
    public var x = InlineArray<31, UInt64>(repeating: 0)
    public var pc: UInt64 = 0
    /// PSTATE.
    public var cpsr: UInt64 = 0
    public var spsrEL1: UInt64 = 0
    public var spsrFIQ: UInt32 = 0
    public var spsrIRQ: UInt32 = 0
    public var spsrUND: UInt32 = 0
    public var spsrABT: UInt32 = 0
    public var spEL0: UInt64 = 0
    public var spEL1: UInt64 = 0
    public var elrEL1: UInt64 = 0
    @inlinable public init() {}
}

/// arch-arm.h: struct vcpu_guest_context.
@frozen public struct ARMVCPUContext: BitwiseCopyable, Sendable {
    public var flags: UInt32 = 0
    public var pad: UInt32 = 0
    public var registers = ARMCoreRegisters()
    public var sctlr: UInt64 = 0
    public var ttbcr: UInt64 = 0
    public var ttbr0: UInt64 = 0
    public var ttbr1: UInt64 = 0
    @inlinable public init() {}

    /// In `flags` (Xen: VGCF_online).
    @inlinable public static var online: UInt32 { 1 << 0 }
}
