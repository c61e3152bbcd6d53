// SPDX-License-Identifier: Apache-2.0

/// Operations of dm_op (hvm/dm_op.h: XEN_DMOP_*).
@frozen public enum DMOp: UInt32, Sendable {
    case createIoreqServer = 1
    case getIoreqServerInfo = 2
    case mapIoRangeToIoreqServer = 3
    case unmapIoRangeFromIoreqServer = 4
    case setIoreqServerState = 5
    case destroyIoreqServer = 6
    case trackDirtyVram = 7
    case setPciIntxLevel = 8
    case setIsaIrqLevel = 9
    case setPciLinkRoute = 10
    case modifiedMemory = 11
    case setMemType = 12
    case injectEvent = 13
    case injectMsi = 14
    case mapMemTypeToIoreqServer = 15
    case remoteShutdown = 16
    case relocateMemory = 17
    case pinMemoryCacheattr = 18
    case setIrqLevel = 19
    case nrVcpus = 20
}

/// hvm/dm_op.h: struct xen_dm_op_buf.
/// The first of a call's holds a `DMOpArgument`.
@frozen public struct DMOpBuffer<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Guest address.
    public var handle: Caller.Word = .zero
    /// Bytes.
    public var size: Caller.Word = .zero
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op.
@frozen public struct DMOpArgument: BitwiseCopyable, Sendable {
    /// A `DMOp`.
    public var op: UInt32 = 0
    public var pad: UInt32 = 0
    /// As large as the largest member of the union.
    public var payload = InlineArray<3, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_create_ioreq_server.
@frozen public struct DMCreateIoreqServer: BitwiseCopyable, Sendable {
    /// A `BufferedIOReqMode`.
    public var handleBufioreq: UInt8 = 0
    public var pad = InlineArray<3, UInt8>(repeating: 0)
    /// OUT: of the server.
    public var id: UInt16 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_get_ioreq_server_info.
@frozen public struct DMGetIoreqServerInfo: BitwiseCopyable, Sendable {
    public var id: UInt16 = 0
    public var flags: UInt16 = 0
    /// OUT: the event channel of buffered requests.
    public var bufioreqPort: UInt32 = 0
    /// OUT.
    public var ioreqGfn: UInt64 = 0
    /// OUT.
    public var bufioreqGfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_ioreq_server_range.
@frozen public struct DMIoreqServerRange: BitwiseCopyable, Sendable {
    public var id: UInt16 = 0
    public var pad: UInt16 = 0
    /// A `DMIORange`.
    public var type: UInt32 = 0
    public var start: UInt64 = 0
    /// Inclusive.
    public var end: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_set_ioreq_server_state.
@frozen public struct DMSetIoreqServerState: BitwiseCopyable, Sendable {
    public var id: UInt16 = 0
    public var enabled: UInt8 = 0
    public var pad: UInt8 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_destroy_ioreq_server.
@frozen public struct DMDestroyIoreqServer: BitwiseCopyable, Sendable {
    public var id: UInt16 = 0
    public var pad: UInt16 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_track_dirty_vram.
/// Its bitmap comes in a second buffer.
@frozen public struct DMTrackDirtyVram: BitwiseCopyable, Sendable {
    /// Pages.
    public var nr: UInt32 = 0
    public var pad: UInt32 = 0
    public var firstPfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_set_pci_intx_level.
@frozen public struct DMSetPciIntxLevel: BitwiseCopyable, Sendable {
    /// The PCI segment.
    public var domain: UInt16 = 0
    public var bus: UInt8 = 0
    public var device: UInt8 = 0
    public var intx: UInt8 = 0
    /// 1 where asserted.
    public var level: UInt8 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_set_isa_irq_level.
@frozen public struct DMSetIsaIrqLevel: BitwiseCopyable, Sendable {
    public var isaIrq: UInt8 = 0
    /// 1 where asserted.
    public var level: UInt8 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_set_pci_link_route.
@frozen public struct DMSetPciLinkRoute: BitwiseCopyable, Sendable {
    public var link: UInt8 = 0
    /// Or 0: the link is off.
    public var isaIrq: UInt8 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_modified_memory.
@frozen public struct DMModifiedMemory: BitwiseCopyable, Sendable {
    /// IN: in the second buffer. OUT: one more than the index of the one that failed.
    public var nrExtents: UInt32 = 0
    /// Must be zero.
    public var opaque: UInt32 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_modified_memory_extent.
@frozen public struct DMModifiedMemoryExtent: BitwiseCopyable, Sendable {
    /// Pages.
    public var nr: UInt32 = 0
    public var pad: UInt32 = 0
    public var firstPfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_set_mem_type.
@frozen public struct DMSetMemType: BitwiseCopyable, Sendable {
    /// Pages.
    public var nr: UInt32 = 0
    /// An `HVMMemType`.
    public var memType: UInt16 = 0
    public var pad: UInt16 = 0
    public var firstPfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_inject_event.
@frozen public struct DMInjectEvent: BitwiseCopyable, Sendable {
    public var vcpuid: UInt32 = 0
    public var vector: UInt8 = 0
    /// A `DMEventType`.
    public var type: UInt8 = 0
    /// Bytes.
    public var insnLen: UInt8 = 0
    public var pad0: UInt8 = 0
    /// Or all ones: none.
    public var errorCode: UInt32 = 0
    public var pad1: UInt32 = 0
    public var cr2: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_inject_msi.
@frozen public struct DMInjectMsi: BitwiseCopyable, Sendable {
    public var data: UInt32 = 0
    public var pad: UInt32 = 0
    public var addr: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_map_mem_type_to_ioreq_server.
@frozen public struct DMMapMemTypeToIoreqServer: BitwiseCopyable, Sendable {
    public var id: UInt16 = 0
    /// An `HVMMemType`.
    public var type: UInt16 = 0
    /// Of `DMOpFlag`, or 0: unmap.
    public var flags: UInt32 = 0
    /// Must be zero.
    public var opaque: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_remote_shutdown.
@frozen public struct DMRemoteShutdown: BitwiseCopyable, Sendable {
    /// A `ShutdownReason`.
    public var reason: UInt32 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_relocate_memory.
@frozen public struct DMRelocateMemory: BitwiseCopyable, Sendable {
    /// Pages.
    public var size: UInt32 = 0
    public var pad: UInt32 = 0
    public var srcGfn: UInt64 = 0
    public var dstGfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_pin_memory_cacheattr.
@frozen public struct DMPinMemoryCacheattr: BitwiseCopyable, Sendable {
    /// First frame.
    public var start: UInt64 = 0
    /// Last frame.
    public var end: UInt64 = 0
    /// A `DMMemoryCacheType`.
    public var type: UInt32 = 0
    public var pad: UInt32 = 0
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_set_irq_level.
@frozen public struct DMSetIrqLevel: BitwiseCopyable, Sendable {
    public var irq: UInt32 = 0
    /// 1 where asserted.
    public var level: UInt8 = 0
    public var pad = InlineArray<3, UInt8>(repeating: 0)
    @inlinable public init() {}
}

/// hvm/dm_op.h: struct xen_dm_op_nr_vcpus.
@frozen public struct DMNrVcpus: BitwiseCopyable, Sendable {
    /// OUT.
    public var vcpus: UInt32 = 0
    @inlinable public init() {}
}
