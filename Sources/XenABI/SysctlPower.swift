// SPDX-License-Identifier: Apache-2.0

// Structures of sysctls about power: `union` has the bytes of a union, which its members are views of.

/// sysctl.h: struct pm_px_val.
@frozen public struct PMPxValue: BitwiseCopyable, Sendable {
    public var freq: UInt64 = 0
    public var residency: UInt64 = 0
    public var count: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct pm_px_stat.
@frozen public struct PMPxStat: BitwiseCopyable, Sendable {
    public var total: UInt8 = 0
    public var usable: UInt8 = 0
    public var last: UInt8 = 0
    public var cur: UInt8 = 0
    @usableFromInline var gap: UInt32 = 0
    public var transPt: UInt64 = 0
    public var pt: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct pm_cx_stat.
@frozen public struct PMCxStat: BitwiseCopyable, Sendable {
    public var nr: UInt32 = 0
    public var last: UInt32 = 0
    public var idleTime: UInt64 = 0
    public var triggers: UInt64 = 0
    public var residencies: UInt64 = 0
    public var nrPc: UInt32 = 0
    public var nrCc: UInt32 = 0
    public var pc: UInt64 = 0
    public var cc: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_get_pmstat.
@frozen public struct SysctlGetPMStat: BitwiseCopyable, Sendable {
    public var type: UInt32 = 0
    public var cpuid: UInt32 = 0
    /// `PMPxStat`, `PMCxStat`, by what comes before.
    public var union = InlineArray<7, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// sysctl.h: struct xen_userspace.
@frozen public struct CPUFreqUserspace: BitwiseCopyable, Sendable {
    public var scalingSetspeed: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_ondemand.
@frozen public struct CPUFreqOndemand: BitwiseCopyable, Sendable {
    public var samplingRateMax: UInt32 = 0
    public var samplingRateMin: UInt32 = 0
    public var samplingRate: UInt32 = 0
    public var upThreshold: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_get_cpufreq_para.
@frozen public struct GetCPUFreqParameters: BitwiseCopyable, Sendable {
    public var cpuNum: UInt32 = 0
    public var freqNum: UInt32 = 0
    public var govNum: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var affectedCpus: UInt64 = 0
    public var scalingAvailableFrequencies: UInt64 = 0
    public var scalingAvailableGovernors: UInt64 = 0
    public var scalingDriver = InlineArray<16, UInt8>(repeating: 0)
    public var cpuinfoCurFreq: UInt32 = 0
    public var cpuinfoMaxFreq: UInt32 = 0
    public var cpuinfoMinFreq: UInt32 = 0
    public var scalingCurFreq: UInt32 = 0
    public var scalingGovernor = InlineArray<16, UInt8>(repeating: 0)
    public var scalingMaxFreq: UInt32 = 0
    public var scalingMinFreq: UInt32 = 0
    /// `CPUFreqUserspace`, `CPUFreqOndemand`, by what comes before.
    public var union = InlineArray<4, UInt32>(repeating: 0)
    public var turboEnabled: Int32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_set_cpufreq_gov.
@frozen public struct SetCPUFreqGovernor: BitwiseCopyable, Sendable {
    public var scalingGovernor = InlineArray<16, UInt8>(repeating: 0)
    @inlinable public init() {}
}

/// sysctl.h: struct xen_set_cpufreq_para.
@frozen public struct SetCPUFreqParameter: BitwiseCopyable, Sendable {
    public var ctrlType: UInt32 = 0
    public var ctrlValue: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_pm_op.
@frozen public struct SysctlPowerOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var cpuid: UInt32 = 0
    /// `GetCPUFreqParameters`, `SetCPUFreqGovernor`, `SetCPUFreqParameter`, `UInt64`, `UInt32`, by what comes before.
    public var union = InlineArray<15, UInt64>(repeating: 0)
    @inlinable public init() {}
}
