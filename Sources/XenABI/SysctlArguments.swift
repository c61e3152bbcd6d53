// SPDX-License-Identifier: Apache-2.0

// What a sysctl has in its union, where that is the same on all ISAs and no union itself: 64-bit fields and handles are aligned to
// eight bytes whoever calls. Fields have the names of their C counterparts; handles are guest addresses of 64 bits.

/// sysctl.h: struct xen_sysctl_readconsole.
@frozen public struct SysctlReadconsole: BitwiseCopyable, Sendable {
    public var clear: UInt8 = 0
    public var incremental: UInt8 = 0
    public var pad0: UInt8 = 0
    public var pad1: UInt8 = 0
    public var index: UInt32 = 0
    public var buffer: UInt64 = 0
    public var count: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_tbuf_op.
@frozen public struct SysctlTbufOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var cpuMask = ControlBitmap()
    public var evtMask: UInt32 = 0
    @usableFromInline var gap2: UInt32 = 0
    public var bufferMfn: UInt64 = 0
    public var size: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_physinfo.
@frozen public struct SysctlPhysinfo: BitwiseCopyable, Sendable {
    public var threadsPerCore: UInt32 = 0
    public var coresPerSocket: UInt32 = 0
    public var nrCpus: UInt32 = 0
    public var maxCpuId: UInt32 = 0
    public var nrNodes: UInt32 = 0
    public var maxNodeId: UInt32 = 0
    public var cpuKhz: UInt32 = 0
    public var capabilities: UInt32 = 0
    public var archCapabilities: UInt32 = 0
    public var pad: UInt32 = 0
    public var totalPages: UInt64 = 0
    public var freePages: UInt64 = 0
    public var scrubPages: UInt64 = 0
    public var outstandingPages: UInt64 = 0
    public var maxMfn: UInt64 = 0
    public var hwCap = InlineArray<8, UInt32>(repeating: 0)
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_sched_id.
@frozen public struct SysctlSchedId: BitwiseCopyable, Sendable {
    public var schedId: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_perfc_desc.
@frozen public struct SysctlPerfcDesc: BitwiseCopyable, Sendable {
    public var name = InlineArray<80, CChar>(repeating: 0)
    public var nrVals: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_perfc_op.
@frozen public struct SysctlPerfcOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var nrCounters: UInt32 = 0
    public var nrVals: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var desc: UInt64 = 0
    public var val: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_getdomaininfolist.
@frozen public struct SysctlGetdomaininfolist: BitwiseCopyable, Sendable {
    public var firstDomain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    public var maxDomains: UInt32 = 0
    public var buffer: UInt64 = 0
    public var numDomains: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_debug_keys.
@frozen public struct SysctlDebugKeys: BitwiseCopyable, Sendable {
    public var keys: UInt64 = 0
    public var nrKeys: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_cpuinfo.
@frozen public struct SysctlCpuinfo: BitwiseCopyable, Sendable {
    public var idletime: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_getcpuinfo.
@frozen public struct SysctlGetcpuinfo: BitwiseCopyable, Sendable {
    public var maxCpus: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var info: UInt64 = 0
    public var nrCpus: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_availheap.
@frozen public struct SysctlAvailheap: BitwiseCopyable, Sendable {
    public var minBitwidth: UInt32 = 0
    public var maxBitwidth: UInt32 = 0
    public var node: Int32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var availBytes: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_cpu_hotplug.
@frozen public struct SysctlCpuHotplug: BitwiseCopyable, Sendable {
    public var cpu: UInt32 = 0
    public var op: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_lockprof_data.
@frozen public struct SysctlLockprofData: BitwiseCopyable, Sendable {
    public var name = InlineArray<40, CChar>(repeating: 0)
    public var type: Int32 = 0
    public var idx: Int32 = 0
    public var lockCnt: UInt64 = 0
    public var blockCnt: UInt64 = 0
    public var lockTime: UInt64 = 0
    public var blockTime: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_lockprof_op.
@frozen public struct SysctlLockprofOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var maxElem: UInt32 = 0
    public var nrElem: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var time: UInt64 = 0
    public var data: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_cputopo.
@frozen public struct SysctlCputopo: BitwiseCopyable, Sendable {
    public var core: UInt32 = 0
    public var socket: UInt32 = 0
    public var node: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_cputopoinfo.
@frozen public struct SysctlCputopoinfo: BitwiseCopyable, Sendable {
    public var numCpus: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var cputopo: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_meminfo.
@frozen public struct SysctlMeminfo: BitwiseCopyable, Sendable {
    public var memsize: UInt64 = 0
    public var memfree: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_numainfo.
@frozen public struct SysctlNumainfo: BitwiseCopyable, Sendable {
    public var numNodes: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var meminfo: UInt64 = 0
    public var distance: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_cpupool_op.
@frozen public struct SysctlCpupoolOp: BitwiseCopyable, Sendable {
    public var op: UInt32 = 0
    public var cpupoolId: UInt32 = 0
    public var schedId: UInt32 = 0
    public var domid: UInt32 = 0
    public var cpu: UInt32 = 0
    public var nDom: UInt32 = 0
    public var cpumap = ControlBitmap()
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_credit_schedule.
@frozen public struct SysctlCreditSchedule: BitwiseCopyable, Sendable {
    public var tsliceMs: UInt32 = 0
    public var ratelimitUs: UInt32 = 0
    public var vcpuMigrDelayUs: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_credit2_schedule.
@frozen public struct SysctlCredit2Schedule: BitwiseCopyable, Sendable {
    public var ratelimitUs: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_sched_arinc653.
@frozen public struct SysctlSchedArinc653: BitwiseCopyable, Sendable {
    public var schedule: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_coverage_op.
@frozen public struct SysctlCoverageOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var size: UInt32 = 0
    public var buffer: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_pcitopoinfo.
@frozen public struct SysctlPcitopoinfo: BitwiseCopyable, Sendable {
    public var numDevs: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var devs: UInt64 = 0
    public var nodes: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_cpu_levelling_caps.
@frozen public struct SysctlCpuLevellingCaps: BitwiseCopyable, Sendable {
    public var caps: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_cpu_featureset.
@frozen public struct SysctlCpuFeatureset: BitwiseCopyable, Sendable {
    public var index: UInt32 = 0
    public var nrFeatures: UInt32 = 0
    public var features: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_livepatch_list.
@frozen public struct SysctlLivepatchList: BitwiseCopyable, Sendable {
    public var version: UInt32 = 0
    public var idx: UInt32 = 0
    public var nr: UInt32 = 0
    public var pad: UInt32 = 0
    public var nameTotalSize: UInt32 = 0
    public var metadataTotalSize: UInt32 = 0
    public var status: UInt64 = 0
    public var name: UInt64 = 0
    public var len: UInt64 = 0
    public var metadata: UInt64 = 0
    public var metadataLen: UInt64 = 0
    @inlinable public init() {}
}
