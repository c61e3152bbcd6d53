// SPDX-License-Identifier: Apache-2.0

// physdev.h: what is for PV domains, or older, or for one ISA.

/// physdev.h: struct physdev_pirq_eoi_gmfn.
@frozen public struct PhysdevPIRQEOIGMFN<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var gmfn: Caller.Word = .zero
    @inlinable public init() {}
}

/// physdev.h: struct physdev_set_iopl.
@frozen public struct PhysdevSetIOPL: BitwiseCopyable, Sendable {
    public var iopl: UInt32 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_set_iobitmap.
@frozen public struct PhysdevSetIOBitmap<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var bitmap: Caller.Word = .zero
    public var nrPorts: UInt32 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_apic.
@frozen public struct PhysdevAPIC<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// `unsigned long`, thus not for arm32, where that has 32 bits.
    public var apicPhysbase: Caller.Word = .zero
    public var reg: UInt32 = 0
    /// IN or OUT.
    public var value: UInt32 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_irq.
@frozen public struct PhysdevIRQ: BitwiseCopyable, Sendable {
    public var irq: UInt32 = 0
    /// IN or OUT.
    public var vector: UInt32 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_restore_msi.
@frozen public struct PhysdevRestoreMSI: BitwiseCopyable, Sendable {
    public var bus: UInt8 = 0
    public var devfn: UInt8 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_manage_pci_ext.
@frozen public struct PhysdevManagePCIExt: BitwiseCopyable, Sendable {
    public var bus: UInt8 = 0
    public var devfn: UInt8 = 0
    @usableFromInline var gap: UInt16 = 0
    public var isExtfn: UInt32 = 0
    public var isVirtfn: UInt32 = 0
    public var physicalFunctionBus: UInt8 = 0
    public var physicalFunctionDevfn: UInt8 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_op.
/// Argument of the old hypercall; x86.
@frozen public struct PhysdevCompatArgument<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// A `PhysdevOp`.
    public var cmd: UInt32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    /// As large as the largest member of the union.
    public var payload = PhysdevAPIC<Caller>()
    @inlinable public init() {}
}

/// physdev.h: struct physdev_dbgp_op.
@frozen public struct PhysdevDebugPort: BitwiseCopyable, Sendable {
    /// A `DebugPortReset`.
    public var op: UInt8 = 0
    /// A `DebugPortBus`.
    public var bus: UInt8 = 0
    public var device = PhysdevPCIDevice()
    @inlinable public init() {}
}

/// `PhysdevDebugPort.op` (physdev.h: PHYSDEVOP_DBGP_RESET_*).
@frozen public enum DebugPortReset: UInt8, Sendable {
    case prepare = 1
    case done = 2
}

/// `PhysdevDebugPort.bus` (physdev.h: PHYSDEVOP_DBGP_BUS_*).
@frozen public enum DebugPortBus: UInt8, Sendable {
    case unknown = 0
    case pci = 1
}
