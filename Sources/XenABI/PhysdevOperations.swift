// SPDX-License-Identifier: Apache-2.0

/// Operations of physdev_op (physdev.h: PHYSDEVOP_*).
@frozen public enum PhysdevOp: UInt32, Sendable {
    case irqUnmaskNotify = 4
    case irqStatusQuery = 5
    case setIOPL = 6
    case setIOBitmap = 7
    case apicRead = 8
    case apicWrite = 9
    case allocIRQVector = 10
    case freeIRQVector = 11
    case eoi = 12
    case mapPIRQ = 13
    case unmapPIRQ = 14
    case managePCIAdd = 15
    case managePCIRemove = 16
    case pirqEOIGMFNv1 = 17
    case restoreMSI = 19
    case managePCIAddExt = 20
    case setupGSI = 21
    case getFreePIRQ = 23
    case pciMMCFGReserved = 24
    case pciDeviceAdd = 25
    case pciDeviceRemove = 26
    case restoreMSIExt = 27
    case pirqEOIGMFNv2 = 28
    case dbgpOp = 29
    case prepareMSIX = 30
    case releaseMSIX = 31
}

/// physdev.h: struct physdev_eoi.
@frozen public struct PhysdevEOI: BitwiseCopyable, Sendable {
    public var irq: UInt32 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_irq_status_query.
@frozen public struct PhysdevIRQStatusQuery: BitwiseCopyable, Sendable {
    public var irq: UInt32 = 0
    /// OUT.
    public var flags: UInt32 = 0
    @inlinable public init() {}

    /// In `flags` (Xen: XENIRQSTAT_needs_eoi).
    @inlinable public static var needsEOI: UInt32 { 1 << 0 }
    /// In `flags` (Xen: XENIRQSTAT_shared).
    @inlinable public static var shared: UInt32 { 1 << 1 }
}

/// physdev.h: struct physdev_map_pirq.
@frozen public struct PhysdevMapPIRQ<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    public var type: Int32 = 0
    public var index: Int32 = 0
    /// IN: wanted, or negative for any. OUT: what it got.
    public var pirq: Int32 = 0
    public var bus: Int32 = 0
    public var devfn: Int32 = 0
    public var entryCount: Int32 = 0
    @usableFromInline var gap2 = Caller.paddingToWord
    public var tableBase: Caller.Quad = .zero
    @inlinable public init() {}
}

/// `PhysdevMapPIRQ.type` (physdev.h: MAP_PIRQ_TYPE_*).
@frozen public enum MapPIRQType: Int32, Sendable {
    case msi = 0
    case gsi = 1
    case unknown = 2
    case msiSegment = 3
    case multiMSI = 4
}

/// physdev.h: struct physdev_unmap_pirq.
@frozen public struct PhysdevUnmapPIRQ: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    public var pirq: Int32 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_manage_pci.
@frozen public struct PhysdevManagePCI: BitwiseCopyable, Sendable {
    public var bus: UInt8 = 0
    public var devfn: UInt8 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_setup_gsi.
@frozen public struct PhysdevSetupGSI: BitwiseCopyable, Sendable {
    public var gsi: Int32 = 0
    public var triggering: UInt8 = 0
    public var polarity: UInt8 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_get_free_pirq.
@frozen public struct PhysdevGetFreePIRQ: BitwiseCopyable, Sendable {
    public var type: Int32 = 0
    /// OUT.
    public var pirq: UInt32 = 0
    @inlinable public init() {}
}

/// physdev.h: struct physdev_pci_mmcfg_reserved.
@frozen public struct PhysdevPCIMMCFGReserved: BitwiseCopyable, Sendable {
    public var address: UInt64 = 0
    public var segment: UInt16 = 0
    public var startBus: UInt8 = 0
    public var endBus: UInt8 = 0
    public var flags: UInt32 = 0
    @inlinable public init() {}

    /// In `flags` (Xen: XEN_PCI_MMCFG_RESERVED).
    @inlinable public static var reserved: UInt32 { 1 }
}

/// physdev.h: struct physdev_pci_device_add, without the optional words at its end.
@frozen public struct PhysdevPCIDeviceAdd: BitwiseCopyable, Sendable {
    public var segment: UInt16 = 0
    public var bus: UInt8 = 0
    public var devfn: UInt8 = 0
    public var flags: UInt32 = 0
    public var physicalFunctionBus: UInt8 = 0
    public var physicalFunctionDevfn: UInt8 = 0
    @inlinable public init() {}

    /// In `flags` (Xen: XEN_PCI_DEV_EXTFN, _VIRTFN, _PXM).
    @inlinable public static var extendedFunction: UInt32 { 1 }
    @inlinable public static var virtualFunction: UInt32 { 2 }
    @inlinable public static var proximity: UInt32 { 4 }
}

/// physdev.h: struct physdev_pci_device.
@frozen public struct PhysdevPCIDevice: BitwiseCopyable, Sendable {
    public var segment: UInt16 = 0
    public var bus: UInt8 = 0
    public var devfn: UInt8 = 0
    @inlinable public init() {}
}
