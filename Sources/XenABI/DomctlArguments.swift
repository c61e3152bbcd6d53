// SPDX-License-Identifier: Apache-2.0

// What a domctl has in its union, where that is the same on all ISAs and no union itself: 64-bit fields and handles are aligned to
// eight bytes whoever calls. Fields have the names of their C counterparts; handles are guest addresses of 64 bits.

/// domctl.h: struct xen_domctl_getpageframeinfo3.
@frozen public struct DomctlGetpageframeinfo3: BitwiseCopyable, Sendable {
    public var num: UInt64 = 0
    public var array: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_shadow_op_stats.
@frozen public struct DomctlShadowOpStats: BitwiseCopyable, Sendable {
    public var faultCount: UInt32 = 0
    public var dirtyCount: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_nodeaffinity.
@frozen public struct DomctlNodeaffinity: BitwiseCopyable, Sendable {
    public var nodemap = ControlBitmap()
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_sched_credit.
@frozen public struct DomctlSchedCredit: BitwiseCopyable, Sendable {
    public var weight: UInt16 = 0
    public var cap: UInt16 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_sched_credit2.
@frozen public struct DomctlSchedCredit2: BitwiseCopyable, Sendable {
    public var weight: UInt16 = 0
    public var cap: UInt16 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_sched_rtds.
@frozen public struct DomctlSchedRtds: BitwiseCopyable, Sendable {
    public var period: UInt32 = 0
    public var budget: UInt32 = 0
    public var flags: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_setdebugging.
@frozen public struct DomctlSetdebugging: BitwiseCopyable, Sendable {
    public var enable: UInt8 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_irq_permission.
@frozen public struct DomctlIrqPermission: BitwiseCopyable, Sendable {
    public var pirq: UInt32 = 0
    public var allowAccess: UInt8 = 0
    public var pad = InlineArray<3, UInt8>(repeating: 0)
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_iomem_permission.
@frozen public struct DomctlIomemPermission: BitwiseCopyable, Sendable {
    public var firstMfn: UInt64 = 0
    public var nrMfns: UInt64 = 0
    public var allowAccess: UInt8 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_ioport_permission.
@frozen public struct DomctlIoportPermission: BitwiseCopyable, Sendable {
    public var firstPort: UInt32 = 0
    public var nrPorts: UInt32 = 0
    public var allowAccess: UInt8 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_hypercall_init.
@frozen public struct DomctlHypercallInit: BitwiseCopyable, Sendable {
    public var gmfn: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_settimeoffset.
@frozen public struct DomctlSettimeoffset: BitwiseCopyable, Sendable {
    public var timeOffsetSeconds: Int64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_hvmcontext.
@frozen public struct DomctlHvmcontext: BitwiseCopyable, Sendable {
    public var size: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var buffer: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_sendtrigger.
@frozen public struct DomctlSendtrigger: BitwiseCopyable, Sendable {
    public var trigger: UInt32 = 0
    public var vcpu: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_get_device_group.
@frozen public struct DomctlGetDeviceGroup: BitwiseCopyable, Sendable {
    public var machineSbdf: UInt32 = 0
    public var maxSdevs: UInt32 = 0
    public var numSdevs: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var sdevArray: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_memory_mapping.
@frozen public struct DomctlMemoryMapping: BitwiseCopyable, Sendable {
    public var firstGfn: UInt64 = 0
    public var firstMfn: UInt64 = 0
    public var nrMfns: UInt64 = 0
    public var addMapping: UInt32 = 0
    public var padding: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_ioport_mapping.
@frozen public struct DomctlIoportMapping: BitwiseCopyable, Sendable {
    public var firstGport: UInt32 = 0
    public var firstMport: UInt32 = 0
    public var nrPorts: UInt32 = 0
    public var addMapping: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_set_target.
@frozen public struct DomctlSetTarget: BitwiseCopyable, Sendable {
    public var target: UInt16 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_subscribe.
@frozen public struct DomctlSubscribe: BitwiseCopyable, Sendable {
    public var port: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_debug_op.
@frozen public struct DomctlDebugOp: BitwiseCopyable, Sendable {
    public var op: UInt32 = 0
    public var vcpu: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_hvmcontext_partial.
@frozen public struct DomctlHvmcontextPartial: BitwiseCopyable, Sendable {
    public var type: UInt32 = 0
    public var instance: UInt32 = 0
    public var bufsz: UInt64 = 0
    public var buffer: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_tsc_info.
@frozen public struct DomctlTscInfo: BitwiseCopyable, Sendable {
    public var tscMode: UInt32 = 0
    public var gtscKhz: UInt32 = 0
    public var incarnation: UInt32 = 0
    public var pad: UInt32 = 0
    public var elapsedNsec: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_gdbsx_memio.
@frozen public struct DomctlGdbsxMemio: BitwiseCopyable, Sendable {
    public var pgd3val: UInt64 = 0
    public var gva: UInt64 = 0
    public var uva: UInt64 = 0
    public var len: UInt32 = 0
    public var gwr: UInt8 = 0
    @usableFromInline var gap: UInt8 = 0
    @usableFromInline var gap2: UInt16 = 0
    public var remain: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_gdbsx_pauseunp_vcpu.
@frozen public struct DomctlGdbsxPauseunpVcpu: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_gdbsx_domstatus.
@frozen public struct DomctlGdbsxDomstatus: BitwiseCopyable, Sendable {
    public var paused: UInt8 = 0
    @usableFromInline var gap: UInt8 = 0
    @usableFromInline var gap2: UInt16 = 0
    public var vcpuId: UInt32 = 0
    public var vcpuEv: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_audit_p2m.
@frozen public struct DomctlAuditP2m: BitwiseCopyable, Sendable {
    public var orphans: UInt64 = 0
    public var m2pBad: UInt64 = 0
    public var p2mBad: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_set_virq_handler.
@frozen public struct DomctlSetVirqHandler: BitwiseCopyable, Sendable {
    public var virq: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_set_access_required.
@frozen public struct DomctlSetAccessRequired: BitwiseCopyable, Sendable {
    public var accessRequired: UInt8 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_set_broken_page_p2m.
@frozen public struct DomctlSetBrokenPageP2m: BitwiseCopyable, Sendable {
    public var pfn: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_vnuma.
@frozen public struct DomctlVnuma: BitwiseCopyable, Sendable {
    public var nrVnodes: UInt32 = 0
    public var nrVmemranges: UInt32 = 0
    public var nrVcpus: UInt32 = 0
    public var pad: UInt32 = 0
    public var vdistance: UInt64 = 0
    public var vcpuToVnode: UInt64 = 0
    public var vnodeToPnode: UInt64 = 0
    public var vmemrange: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_psr_cmt_op.
@frozen public struct DomctlPsrCmtOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var data: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_psr_alloc.
@frozen public struct DomctlPsrAlloc: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var target: UInt32 = 0
    public var data: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_vuart_op.
@frozen public struct DomctlVuartOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var type: UInt32 = 0
    public var gfn: UInt64 = 0
    public var consoleDomid: UInt16 = 0
    public var pad = InlineArray<2, UInt8>(repeating: 0)
    public var evtchn: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_vmtrace_op.
@frozen public struct DomctlVmtraceOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var vcpu: UInt32 = 0
    public var key: UInt64 = 0
    public var value: UInt64 = 0
    @inlinable public init() {}
}
