// SPDX-License-Identifier: Apache-2.0

/// Operations of sysctl (sysctl.h: XEN_SYSCTL_*).
@frozen public enum Sysctl: UInt32, Sendable {
    case readconsole = 1
    case tbufOp = 2
    case physinfo = 3
    case schedId = 4
    case perfcOp = 5
    case getdomaininfolist = 6
    case debugKeys = 7
    case getcpuinfo = 8
    case availheap = 9
    case getPmstat = 10
    case cpuHotplug = 11
    case pmOp = 12
    case pageOfflineOp = 14
    case lockprofOp = 15
    case cputopoinfo = 16
    case numainfo = 17
    case cpupoolOp = 18
    case schedulerOp = 19
    case coverageOp = 20
    case psrCmtOp = 21
    case pcitopoinfo = 22
    case psrAlloc = 23
    case getCpuLevellingCaps = 25
    case getCpuFeatureset = 26
    case livepatchOp = 27
    case getCpuPolicy = 29

    /// What every call must name (Xen: XEN_SYSCTL_INTERFACE_VERSION).
    @inlinable public static var interfaceVersion: UInt32 { 0x15 }
    /// Bytes of the union after the header (sysctl.h: struct xen_sysctl, u.pad).
    @inlinable public static var payloadSize: Int { 128 }
}

/// The words before the union (sysctl.h: struct xen_sysctl).
@frozen public struct SysctlHeader: BitwiseCopyable, Sendable {
    /// A `Sysctl`.
    public var command: UInt32 = 0
    public var interfaceVersion: UInt32 = 0
    @inlinable public init() {}
}
