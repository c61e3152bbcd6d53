// SPDX-License-Identifier: Apache-2.0

/// Operations of domctl (domctl.h: XEN_DOMCTL_*).
@frozen public enum Domctl: UInt32, Sendable {
    case createDomain = 1
    case destroyDomain = 2
    case pauseDomain = 3
    case unpauseDomain = 4
    case getDomainInfo = 5
    case setVCPUAffinity = 9
    case shadowOp = 10
    case maxMem = 11
    case setVCPUContext = 12
    case getVCPUContext = 13
    case getVCPUInfo = 14
    case maxVCPUs = 15
    case schedulerOp = 16
    case setDomainHandle = 17
    case setDebugging = 18
    case irqPermission = 19
    case iomemPermission = 20
    case ioportPermission = 21
    case hypercallInit = 22
    case setTimeOffset = 24
    case getVCPUAffinity = 25
    case resumeDomain = 27
    case sendTrigger = 28
    case subscribe = 29
    case getHVMContext = 33
    case setHVMContext = 34
    case setAddressSize = 35
    case getAddressSize = 36
    case assignDevice = 37
    case bindPTIRQ = 38
    case memoryMapping = 39
    case ioportMapping = 40
    case setExtVCPUContext = 42
    case getExtVCPUContext = 43
    case testAssignDevice = 45
    case setTarget = 46
    case deassignDevice = 47
    case unbindPTIRQ = 48
    case getDeviceGroup = 50
    case debugOp = 54
    case getHVMContextPartial = 55
    case vmEventOp = 56
    case memSharingOp = 57
    case getTSCInfo = 59
    case setTSCInfo = 60
    case getPageFrameInfo3 = 61
    case setVCPUExtState = 62
    case getVCPUExtState = 63
    case setAccessRequired = 64
    case auditP2M = 65
    case setVIRQHandler = 66
    case setBrokenPageP2M = 67
    case setNodeAffinity = 68
    case getNodeAffinity = 69
    case cacheFlush = 71
    case getVCPUMSRs = 72
    case setVCPUMSRs = 73
    case setVNUMAInfo = 74
    case psrCMTOp = 75
    case monitorOp = 77
    case psrAlloc = 78
    case softReset = 79
    case vuartOp = 81
    case getCPUPolicy = 82
    case setCPUPolicy = 83
    case vmtraceOp = 84
    case getPagingMempoolSize = 85
    case setPagingMempoolSize = 86

    /// What every call must name (Xen: XEN_DOMCTL_INTERFACE_VERSION).
    @inlinable public static var interfaceVersion: UInt32 { 0x15 }
    /// Bytes of the union after the header (domctl.h: struct xen_domctl, u.pad).
    @inlinable public static var payloadSize: Int { 128 }
}

// 64-bit fields of domctls and their handles are aligned to eight bytes whoever calls: one layout serves all.

/// The words before the union (domctl.h: struct xen_domctl).
@frozen public struct DomctlHeader: BitwiseCopyable, Sendable {
    /// A `Domctl`.
    public var command: UInt32 = 0
    public var interfaceVersion: UInt32 = 0
    public var domain: UInt16 = 0
    public var pad: (UInt16, UInt16, UInt16) = (0, 0, 0)
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_createdomain. `Arch` is `ARMDomainConfig` or `X86DomainConfig`.
@frozen public struct CreateDomain<Arch: DomainConfig>: BitwiseCopyable, Sendable {
    public var ssidref: UInt32 = 0
    public var handle = DomainHandle(repeating: 0)
    /// `CreateFlag`s.
    public var flags: UInt32 = 0
    public var iommuOptions: UInt32 = 0
    public var maximumVCPUs: UInt32 = 0
    public var maximumPort: UInt32 = 0
    /// Negative for the hypervisor's own limit.
    public var maximumGrantFrames: Int32 = 0
    public var maximumMaptrackFrames: Int32 = 0
    /// Lowest four bits: highest grant table version.
    public var grantOptions: UInt32 = 0
    public var vmtraceSize: UInt32 = 0
    public var cpuPool: UInt32 = 0
    public var arch = Arch()
    @inlinable public init() {}
}

/// Flags of createdomain (domctl.h: XEN_DOMCTL_CDF_*).
public enum CreateFlag {
    @inlinable public static var hvm: UInt32 { 1 << 0 }
    @inlinable public static var hap: UInt32 { 1 << 1 }
    @inlinable public static var s3Integrity: UInt32 { 1 << 2 }
    @inlinable public static var oosOff: UInt32 { 1 << 3 }
    @inlinable public static var xenstoreDomain: UInt32 { 1 << 4 }
    @inlinable public static var iommu: UInt32 { 1 << 5 }
    @inlinable public static var nestedVirt: UInt32 { 1 << 6 }
    @inlinable public static var vpmu: UInt32 { 1 << 7 }
    /// In `grantOptions` (Xen: XEN_DOMCTL_GRANT_version_mask).
    @inlinable public static var grantVersionMask: UInt32 { 0xF }
}

/// What an ISA wants to know of a new domain.
public protocol DomainConfig: BitwiseCopyable, Sendable {
    init()
}

/// arch-arm.h: struct xen_arch_domainconfig.
@frozen public struct ARMDomainConfig: DomainConfig {
    public var gicVersion: UInt8 = 0
    public var pad: UInt8 = 0
    public var teeType: UInt16 = 0
    /// Shared interrupts.
    public var sharedInterrupts: UInt32 = 0
    /// Out: what the host's device tree says of the timer, in Hz; 0 for nothing.
    public var clockFrequency: UInt32 = 0
    @inlinable public init() {}

    @inlinable public static var gicNative: UInt8 { 0 }
    @inlinable public static var gicV2: UInt8 { 1 }
    @inlinable public static var gicV3: UInt8 { 2 }
    @inlinable public static var teeNone: UInt16 { 0 }
}

/// arch-x86/xen.h: struct xen_arch_domainconfig.
@frozen public struct X86DomainConfig: DomainConfig {
    public var emulationFlags: UInt32 = 0
    public var miscFlags: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_getdomaininfo.
@frozen public struct DomainInfo<Arch: DomainConfig>: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    public var pad1: UInt16 = 0
    /// `DomainInfoFlag`s; bits 16-23 the reason of a shutdown.
    public var flags: UInt32 = 0
    public var totalPages: UInt64 = 0
    public var maximumPages: UInt64 = 0
    public var outstandingPages: UInt64 = 0
    public var sharedPages: UInt64 = 0
    public var pagedPages: UInt64 = 0
    public var sharedInfoFrame: UInt64 = 0
    /// Nanoseconds.
    public var cpuTime: UInt64 = 0
    public var onlineVCPUs: UInt32 = 0
    public var maximumVCPUID: UInt32 = 0
    public var ssidref: UInt32 = 0
    public var handle = DomainHandle(repeating: 0)
    public var cpuPool: UInt32 = 0
    public var addressBits: UInt8 = 0
    public var pad2: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0, 0, 0)
    public var arch = Arch()
    @inlinable public init() {}
}

/// domctl.h: XEN_DOMINF_*.
public enum DomainInfoFlag {
    @inlinable public static var dying: UInt32 { 1 << 0 }
    @inlinable public static var hvmGuest: UInt32 { 1 << 1 }
    @inlinable public static var shutdown: UInt32 { 1 << 2 }
    @inlinable public static var paused: UInt32 { 1 << 3 }
    @inlinable public static var blocked: UInt32 { 1 << 4 }
    @inlinable public static var running: UInt32 { 1 << 5 }
    @inlinable public static var debugged: UInt32 { 1 << 6 }
    @inlinable public static var xenstoreDomain: UInt32 { 1 << 7 }
    @inlinable public static var hap: UInt32 { 1 << 8 }
    @inlinable public static var shutdownMask: UInt32 { 255 }
    @inlinable public static var shutdownShift: UInt32 { 16 }
    /// As `maximumVCPUID`: there is no vCPU (Xen: XEN_INVALID_MAX_VCPU_ID).
    @inlinable public static var noVCPU: UInt32 { .max }
}

/// domctl.h: struct xen_domctl_max_mem.
@frozen public struct DomctlMaxMem: BitwiseCopyable, Sendable {
    public var kibibytes: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_max_vcpus.
@frozen public struct DomctlMaxVCPUs: BitwiseCopyable, Sendable {
    public var maximum: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_vcpucontext.
@frozen public struct DomctlVCPUContext: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    public var pad: UInt32 = 0
    /// A handle of a `vcpu_guest_context`.
    public var context: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_getvcpuinfo.
@frozen public struct DomctlVCPUInfo: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    public var online: UInt8 = 0
    public var blocked: UInt8 = 0
    public var running: UInt8 = 0
    public var pad: UInt8 = 0
    /// Nanoseconds.
    public var cpuTime: UInt64 = 0
    public var cpu: UInt32 = 0
    public var padAtEnd: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xenctl_bitmap.
@frozen public struct ControlBitmap: BitwiseCopyable, Sendable {
    /// A handle of bytes.
    public var bitmap: UInt64 = 0
    public var bits: UInt32 = 0
    public var pad: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_vcpuaffinity.
@frozen public struct DomctlVCPUAffinity: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    public var flags: UInt32 = 0
    public var hard = ControlBitmap()
    public var soft = ControlBitmap()
    @inlinable public init() {}

    /// In `flags` (Xen: XEN_VCPUAFFINITY_*).
    @inlinable public static var hardFlag: UInt32 { 1 << 0 }
    @inlinable public static var softFlag: UInt32 { 1 << 1 }
    @inlinable public static var forceFlag: UInt32 { 1 << 2 }
}

/// domctl.h: struct xen_domctl_paging_mempool.
@frozen public struct DomctlPagingPool: BitwiseCopyable, Sendable {
    public var bytes: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_address_size.
@frozen public struct DomctlAddressSize: BitwiseCopyable, Sendable {
    public var bits: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_setdomainhandle.
@frozen public struct DomctlSetHandle: BitwiseCopyable, Sendable {
    public var handle = DomainHandle(repeating: 0)
    @inlinable public init() {}
}
