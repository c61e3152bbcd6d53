// SPDX-License-Identifier: Apache-2.0

/// Operations of memory_op: the low six bits of its command (memory.h: XENMEM_*).
@frozen public enum MemoryOp: UInt32, Sendable {
    case increaseReservation = 0
    case decreaseReservation = 1
    case maximumRAMPage = 2
    case currentReservation = 3
    case maximumReservation = 4
    case machphysMFNList = 5
    case populatePhysmap = 6
    case addToPhysmap = 7
    case memoryMap = 9
    case machineMemoryMap = 10
    case exchange = 11
    case machphysMapping = 12
    case setMemoryMap = 13
    case maximumGPFN = 14
    case removeFromPhysmap = 15
    case setPoDTarget = 16
    case getPoDTarget = 17
    case getSharingFreedPages = 18
    case getSharingSharedPages = 19
    case pagingOp = 20
    case accessOp = 21
    case sharingOp = 22
    case addToPhysmapBatch = 23
    case claimPages = 24
    case machphysCompatMFNList = 25
    case getVNUMAInfo = 26
    case reservedDeviceMemoryMap = 27
    case acquireResource = 28
}

/// What add_to_physmap maps (memory.h: XENMAPSPACE_*).
@frozen public enum MapSpace: UInt32, Sendable {
    case sharedInfo = 0
    case grantTable = 1
    case gmfn = 2
    case gmfnRange = 3
    case gmfnForeign = 4
    case deviceMMIO = 5

    /// In the index of `grantTable`: a status frame is meant (Xen: XENMAPIDX_grant_table_status).
    @inlinable public static var grantTableStatus: UInt64 { 0x8000_0000 }
}

/// The flags word of a reservation (memory.h: XENMEMF_*).
@frozen public struct MemoryFlags: BitwiseCopyable, Sendable, Hashable {
    public var rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The most address bits that a frame may need; 0 for any (Xen: XENMEMF_get_address_bits).
    @inlinable public var addressBits: UInt32 { rawValue & 0xFF }
    /// The NUMA node asked for; nil for any (Xen: XENMEMF_get_node, which says 0xff).
    @inlinable public var node: UInt8? {
        let node = UInt8(truncatingIfNeeded: (rawValue >> 8) &- 1)
        return node == 0xFF ? nil : node
    }
    @inlinable public var populateOnDemand: Bool { rawValue & Self.populateOnDemandBit != 0 }
    @inlinable public var exactNode: Bool { rawValue & Self.exactNodeBit != 0 }
    /// `node` is one of the domain's virtual nodes.
    @inlinable public var virtualNode: Bool { rawValue & Self.virtualNodeBit != 0 }

    /// Xen: XENMEMF_populate_on_demand
    @inlinable public static var populateOnDemandBit: UInt32 { 1 << 16 }
    /// Xen: XENMEMF_exact_node_request
    @inlinable public static var exactNodeBit: UInt32 { 1 << 17 }
    /// Xen: XENMEMF_vnode
    @inlinable public static var virtualNodeBit: UInt32 { 1 << 18 }
}

/// Increase, decrease and populate (memory.h: struct xen_memory_reservation).
@frozen public struct MemoryReservation<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Handle of `nrExtents` frame numbers (`Word` each); 0 where the caller wants none back.
    public var extentStart: Caller.Word = .zero
    public var nrExtents: Caller.Word = .zero
    /// log2 of the frames in an extent.
    public var extentOrder: UInt32 = 0
    public var flags: MemoryFlags = .init(rawValue: 0)
    public var domain: UInt16 = 0
    @inlinable public init() {}
}

/// memory.h: struct xen_memory_exchange.
@frozen public struct MemoryExchange<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var input: MemoryReservation<Caller> = .init()
    @usableFromInline var gap: UInt16 = 0
    @usableFromInline var gap2 = Caller.paddingToWord
    public var output: MemoryReservation<Caller> = .init()
    @usableFromInline var gap3: UInt16 = 0
    @usableFromInline var gap4 = Caller.paddingToWord
    /// OUT: input extents that were exchanged. IN: must be 0.
    public var nrExchanged: Caller.Word = .zero
    @inlinable public init() {}
}

/// Whose memory is asked about (memory.h: struct xen_memory_domain).
@frozen public struct MemoryDomain: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @inlinable public init() {}
}

/// memory.h: struct xen_machphys_mfn_list.
@frozen public struct MachphysMFNList<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var maxExtents: UInt32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    public var extentStart: Caller.Word = .zero
    public var nrExtents: UInt32 = 0
    @inlinable public init() {}
}

/// memory.h: struct xen_machphys_mapping.
@frozen public struct MachphysMapping<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var virtualStart: Caller.Word = .zero
    public var virtualEnd: Caller.Word = .zero
    public var maxMFN: Caller.Word = .zero
    @inlinable public init() {}

    /// Where a 64-bit PV guest finds the table (Xen: MACH2PHYS_VIRT_START, MACH2PHYS_VIRT_END).
    @inlinable public static var start: UInt64 { 0xFFFF_8000_0000_0000 }
    @inlinable public static var end: UInt64 { 0xFFFF_8040_0000_0000 }
}

/// memory.h: struct xen_add_to_physmap.
@frozen public struct AddToPhysmap<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    /// Frames to move, for `MapSpace.gmfnRange` only.
    public var size: UInt16 = 0
    /// A `MapSpace`.
    public var space: UInt32 = 0
    public var index: Caller.Word = .zero
    public var gpfn: Caller.Word = .zero
    @inlinable public init() {}
}

/// memory.h: struct xen_add_to_physmap_batch.
@frozen public struct AddToPhysmapBatch<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    /// A `MapSpace`.
    public var space: UInt16 = 0
    /// Entries in each of the three arrays.
    public var size: UInt16 = 0
    /// For `MapSpace.gmfnForeign` the owner; for device MMIO must be 0.
    public var foreignDomain: UInt16 = 0
    /// Handle of `size` indexes (`Word` each).
    public var indexes: Caller.Word = .zero
    /// Handle of `size` frame numbers (`Word` each).
    public var gpfns: Caller.Word = .zero
    /// Handle of `size` 32-bit results, OUT.
    public var errors: Caller.Word = .zero
    @inlinable public init() {}
}

/// memory.h: struct xen_remove_from_physmap.
@frozen public struct RemoveFromPhysmap<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    @usableFromInline var gap2 = Caller.paddingToWord
    public var gpfn: Caller.Word = .zero
    @inlinable public init() {}
}

/// memory.h: struct xen_memory_map.
@frozen public struct MemoryMap<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// IN: entries that the buffer holds. OUT: entries written.
    public var nrEntries: UInt32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    public var buffer: Caller.Word = .zero
    @inlinable public init() {}
}

/// memory.h: struct xen_foreign_memory_map.
@frozen public struct ForeignMemoryMap<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    @usableFromInline var gap2 = Caller.paddingToWord
    public var map: MemoryMap<Caller> = .init()
    @inlinable public init() {}
}

/// A range of a memory map, as the firmware of a PC tells it (ACPI 6.5, 15.1). Entries follow each other without padding.
@frozen public struct E820Entry: BitwiseCopyable, Sendable, Hashable {
    /// Bytes.
    public var address: UInt64 = 0
    /// Bytes.
    public var length: UInt64 = 0
    /// 1 RAM, 2 reserved, 3 ACPI's tables, 4 what ACPI keeps, 5 unusable.
    public var type: UInt32 = 0
    @inlinable public init() {}
    @inlinable public init(address: UInt64, length: UInt64, type: UInt32) {
        (self.address, self.length, self.type) = (address, length, type)
    }

    /// Bytes from one entry to the next.
    @inlinable public static var size: Int { 20 }
    /// Entries that a domain's map may have (Xen: E820MAX).
    @inlinable public static var limit: UInt32 { 1024 }
    /// `type` of what nobody may use.
    @inlinable public static var reserved: UInt32 { 2 }
}

/// memory.h: struct xen_pod_target.
@frozen public struct PoDTarget<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var targetPages: Caller.Quad = .zero
    public var totalPages: Caller.Quad = .zero
    public var cachePages: Caller.Quad = .zero
    public var entries: Caller.Quad = .zero
    public var domain: UInt16 = 0
    @inlinable public init() {}
}

/// memory.h: struct xen_mem_acquire_resource.
@frozen public struct AcquireResource<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    /// A `ResourceType`.
    public var type: UInt16 = 0
    public var id: UInt32 = 0
    /// Frames wanted; 0 with a null list asks how many there are.
    public var nrFrames: UInt32 = 0
    public var pad: UInt32 = 0
    /// First frame of the resource.
    public var frame: Caller.Quad = .zero
    public var frameList: Caller.Word = .zero
    @inlinable public init() {}
}

/// memory.h: XENMEM_resource_*.
@frozen public enum ResourceType: UInt16, Sendable {
    case ioreqServer = 0
    case grantTable = 1
    case vmtraceBuffer = 2

    /// Xen: XENMEM_resource_grant_table_id_shared
    @inlinable public static var grantTableShared: UInt32 { 0 }
    /// Xen: XENMEM_resource_grant_table_id_status
    @inlinable public static var grantTableStatus: UInt32 { 1 }
    /// Xen: XENMEM_resource_ioreq_server_frame_bufioreq
    @inlinable public static var ioreqServerBufferedFrame: UInt64 { 0 }
}

/// memory.h: struct xen_reserved_device_memory.
@frozen public struct ReservedDeviceMemory<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var startPFN: Caller.Word = .zero
    public var nrPages: Caller.Word = .zero
    @inlinable public init() {}
}

/// memory.h: struct xen_reserved_device_memory_map.
@frozen public struct ReservedDeviceMemoryMap<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var flags: UInt32 = 0
    public var nrEntries: UInt32 = 0
    public var buffer: Caller.Word = .zero
    public var device: PhysdevPCIDevice = .init()
    @inlinable public init() {}

    /// All devices rather than one (Xen: XENMEM_RDM_ALL).
    @inlinable public static var all: UInt32 { 1 }
}

/// memory.h: struct xen_vmemrange.
@frozen public struct VMemRange<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var start: Caller.Quad = .zero
    public var end: Caller.Quad = .zero
    public var flags: UInt32 = 0
    public var node: UInt32 = 0
    @inlinable public init() {}
}

/// memory.h: struct xen_vnuma_topology_info. Each handle occupies 64 bits; x86-32 fills the low half.
@frozen public struct VNUMATopologyInfo<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    public var pad: UInt16 = 0
    public var nrVnodes: UInt32 = 0
    public var nrVCPUs: UInt32 = 0
    public var nrVMemRanges: UInt32 = 0
    public var vdistance: Caller.Quad = .zero
    public var vcpuToVnode: Caller.Quad = .zero
    public var vmemrange: Caller.Quad = .zero
    @inlinable public init() {}
}
