// SPDX-License-Identifier: Apache-2.0

// Constants of sysctl.h that have to do with power; names follow their C counterparts.

/// sysctl.h: PMSTAT_*.
public enum PMStat {
    @inlinable public static var categoryMask: UInt32 { 240 }
    @inlinable public static var px: UInt32 { 16 }
    @inlinable public static var cx: UInt32 { 32 }
    @inlinable public static var getMaxPx: UInt32 { 17 }
    @inlinable public static var getPxstat: UInt32 { 18 }
    @inlinable public static var resetPxstat: UInt32 { 19 }
    @inlinable public static var getMaxCx: UInt32 { 33 }
    @inlinable public static var getCxstat: UInt32 { 34 }
    @inlinable public static var resetCxstat: UInt32 { 35 }
}

/// sysctl.h: XEN_SYSCTL_CPU_HOTPLUG_*.
public enum SysctlHotplug {
    @inlinable public static var online: UInt32 { 0 }
    @inlinable public static var offline: UInt32 { 1 }
    @inlinable public static var smtEnable: UInt32 { 2 }
    @inlinable public static var smtDisable: UInt32 { 3 }
}

/// sysctl.h: what has no prefix of its own.
public enum SysctlConstant {
    @inlinable public static var cpufreqNameLen: UInt32 { 16 }
    @inlinable public static var scalingMaxFreq: UInt32 { 1 }
    @inlinable public static var scalingMinFreq: UInt32 { 2 }
    @inlinable public static var scalingSetspeed: UInt32 { 3 }
    @inlinable public static var samplingRate: UInt32 { 4 }
    @inlinable public static var upThreshold: UInt32 { 5 }
    @inlinable public static var pmParaCategoryMask: UInt32 { 240 }
    @inlinable public static var cpufreqPara: UInt32 { 16 }
    @inlinable public static var getCpufreqPara: UInt32 { 17 }
    @inlinable public static var setCpufreqGov: UInt32 { 18 }
    @inlinable public static var setCpufreqPara: UInt32 { 19 }
    @inlinable public static var getCpufreqAvgfreq: UInt32 { 20 }
    @inlinable public static var arinc653MaxDomainsPerSchedule: UInt32 { 64 }
    @inlinable public static var xenGcovFormatMagic: UInt32 { 0x58434F56 }
}

/// sysctl.h: XEN_SYSCTL_pm_op_*.
public enum SysctlPMOp {
    @inlinable public static var setSchedOptSmt: UInt32 { 33 }
    @inlinable public static var getMaxCstate: UInt32 { 34 }
    @inlinable public static var setMaxCstate: UInt32 { 35 }
    @inlinable public static var setVcpuMigrationDelay: UInt32 { 36 }
    @inlinable public static var getVcpuMigrationDelay: UInt32 { 37 }
    @inlinable public static var enableTurbo: UInt32 { 38 }
    @inlinable public static var disableTurbo: UInt32 { 39 }
}

/// sysctl.h: XEN_SYSCTL_CX_*.
public enum SysctlCState {
    @inlinable public static var unlimited: UInt32 { .max }
}
