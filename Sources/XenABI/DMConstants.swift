// SPDX-License-Identifier: Apache-2.0

/// `DMIoreqServerRange.type` (hvm/dm_op.h: XEN_DMOP_IO_RANGE_*).
@frozen public enum DMIORange: UInt32, Sendable {
    case port = 0
    case memory = 1
    case pci = 2
}

/// `DMInjectEvent.type` (hvm/dm_op.h: XEN_DMOP_EVENT_*).
@frozen public enum DMEventType: UInt8, Sendable {
    case externalInterrupt = 0
    case nmi = 2
    case hardwareException = 3
    case softwareInterrupt = 4
    case privilegedSoftwareException = 5
    case softwareException = 6
}

/// `DMPinMemoryCacheattr.type` (hvm/dm_op.h: XEN_DMOP_MEM_CACHEATTR_*, XEN_DMOP_DELETE_MEM_CACHEATTR).
@frozen public enum DMMemoryCacheType: UInt32, Sendable {
    case uncacheable = 0
    case writeCombining = 1
    case writeThrough = 4
    case writeProtected = 5
    case writeBack = 6
    case uncacheableMinus = 7
    case delete = 0xFFFF_FFFF
}

/// Flags of dm_op (hvm/dm_op.h).
public enum DMOpFlag {
    /// In `DMGetIoreqServerInfo.flags`: the caller maps the pages as a resource.
    @inlinable public static var noGFNs: UInt32 { 1 << 0 }
    /// In `DMMapMemTypeToIoreqServer.flags`.
    @inlinable public static var accessRead: UInt32 { 1 << 0 }
    @inlinable public static var accessWrite: UInt32 { 1 << 1 }

    /// A PCI function as `DMIORange.pci` takes it (Xen: XEN_DMOP_PCI_SBDF).
    @inlinable public static func function(segment: UInt16, bus: UInt8, device: UInt8, function: UInt8) -> UInt32 {
        UInt32(segment) << 16 | UInt32(bus) << 8 | UInt32(device & 0x1F) << 3 | UInt32(function & 7)
    }
}

/// `DMCreateIoreqServer.handleBufioreq` (hvm/hvm_op.h: HVM_IOREQSRV_BUFIOREQ_*).
@frozen public enum BufferedIOReqMode: UInt8, Sendable {
    case off = 0
    case legacy = 1
    case atomic = 2
}
