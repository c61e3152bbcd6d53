// SPDX-License-Identifier: Apache-2.0

// Constants of sysctl.h that go with its structures; names follow their C counterparts.

/// sysctl.h: XEN_SYSCTL_TBUFOP_*.
public enum SysctlTraceBuffer {
    @inlinable public static var getInfo: UInt32 { 0 }
    @inlinable public static var setCpuMask: UInt32 { 1 }
    @inlinable public static var setEvtMask: UInt32 { 2 }
    @inlinable public static var setSize: UInt32 { 3 }
    @inlinable public static var enable: UInt32 { 4 }
    @inlinable public static var disable: UInt32 { 5 }
}

/// sysctl.h: XEN_SYSCTL_PHYSCAP_*.
public enum PhysicalCapability {
    @inlinable public static var hvm: UInt32 { 1 }
    @inlinable public static var pv: UInt32 { 2 }
    @inlinable public static var directio: UInt32 { 4 }
    @inlinable public static var hap: UInt32 { 8 }
    @inlinable public static var shadow: UInt32 { 16 }
    @inlinable public static var iommuHapPtShare: UInt32 { 32 }
    @inlinable public static var vmtrace: UInt32 { 64 }
    @inlinable public static var vpmu: UInt32 { 128 }
    @inlinable public static var gnttabV1: UInt32 { 0x100 }
    @inlinable public static var gnttabV2: UInt32 { 0x200 }
    @inlinable public static var max: UInt32 { 0x200 }
}

/// sysctl.h: XEN_SYSCTL_PERFCOP_*.
public enum SysctlPerfc {
    @inlinable public static var reset: UInt32 { 1 }
    @inlinable public static var query: UInt32 { 2 }
}

/// sysctl.h: sysctl_*.
public enum SysctlPage {
    @inlinable public static var pageOffline: UInt32 { 1 }
    @inlinable public static var pageOnline: UInt32 { 2 }
    @inlinable public static var queryPageOffline: UInt32 { 3 }
}

/// sysctl.h: PG_*.
public enum PageOffline {
    @inlinable public static var offlineStatusMask: UInt32 { 255 }
    @inlinable public static var offlineInvalid: UInt32 { 1 }
    @inlinable public static var offlineOfflined: UInt32 { 2 }
    @inlinable public static var offlinePending: UInt32 { 4 }
    @inlinable public static var offlineFailed: UInt32 { 8 }
    @inlinable public static var offlineAgain: UInt32 { 16 }
    @inlinable public static var onlineFailed: UInt32 { 8 }
    @inlinable public static var onlineOnlined: UInt32 { 2 }
    @inlinable public static var offlineStatusOfflined: UInt32 { 2 }
    @inlinable public static var offlineStatusOnline: UInt32 { 4 }
    @inlinable public static var offlineStatusOfflinePending: UInt32 { 8 }
    @inlinable public static var offlineStatusBroken: UInt32 { 16 }
    @inlinable public static var offlineMiscMask: UInt32 { 0xFF0 }
    @inlinable public static var offlineXenpage: UInt32 { 0x100 }
    @inlinable public static var offlineDom0page: UInt32 { 0x200 }
    @inlinable public static var offlineAnonymous: UInt32 { 0x400 }
    @inlinable public static var offlineNotConvRam: UInt32 { 0x800 }
    @inlinable public static var offlineOwned: UInt32 { 0x1000 }
    @inlinable public static var offlineBroken: UInt32 { 0x2000 }
    @inlinable public static var onlineBroken: UInt32 { 0x2000 }
    @inlinable public static var offlineOwnerShift: UInt32 { 16 }
}

/// sysctl.h: XEN_SYSCTL_LOCKPROF_*.
public enum SysctlLockprof {
    @inlinable public static var reset: UInt32 { 1 }
    @inlinable public static var query: UInt32 { 2 }
}

/// sysctl.h: LOCKPROF_TYPE_*.
public enum LockprofType {
    @inlinable public static var global: UInt32 { 0 }
    @inlinable public static var perdom: UInt32 { 1 }
    @inlinable public static var n: UInt32 { 2 }
}

/// sysctl.h: XEN_INVALID_*.
public enum TopologyConstant {
    @inlinable public static var coreId: UInt32 { .max }
    @inlinable public static var socketId: UInt32 { .max }
    @inlinable public static var nodeId: UInt32 { .max }
    @inlinable public static var memSz: UInt32 { .max }
    @inlinable public static var nodeDist: UInt32 { .max }
    @inlinable public static var dev: UInt32 { 0xFFFFFFFE }
}

/// sysctl.h: XEN_SYSCTL_CPUPOOL_*.
public enum SysctlCPUPool {
    @inlinable public static var opCreate: UInt32 { 1 }
    @inlinable public static var opDestroy: UInt32 { 2 }
    @inlinable public static var opInfo: UInt32 { 3 }
    @inlinable public static var opAddcpu: UInt32 { 4 }
    @inlinable public static var opRmcpu: UInt32 { 5 }
    @inlinable public static var opMovedomain: UInt32 { 6 }
    @inlinable public static var opFreeinfo: UInt32 { 7 }
    @inlinable public static var parAny: UInt32 { .max }
}

/// sysctl.h: XEN_SYSCTL_SCHED_RATELIMIT_*.
public enum SchedulerRateLimit {
    @inlinable public static var max: UInt32 { 0x7A120 }
    @inlinable public static var min: UInt32 { 100 }
}

/// sysctl.h: XEN_SYSCTL_CSCHED_*.
public enum CreditLimit {
    @inlinable public static var tsliceMax: UInt32 { 0x3E8 }
    @inlinable public static var tsliceMin: UInt32 { 1 }
    @inlinable public static var mgrDlyMaxUs: UInt32 { 0x186A0 }
}

/// sysctl.h: XEN_SYSCTL_SCHEDOP_*.
public enum SysctlSchedulerOp {
    @inlinable public static var putinfo: UInt32 { 0 }
    @inlinable public static var getinfo: UInt32 { 1 }
}

/// sysctl.h: XEN_SYSCTL_COVERAGE_*.
public enum SysctlCoverage {
    @inlinable public static var getSize: UInt32 { 0 }
    @inlinable public static var read: UInt32 { 1 }
    @inlinable public static var reset: UInt32 { 2 }
}

/// sysctl.h: XEN_SYSCTL_PSR_CMT_*.
public enum SysctlPSRCMT {
    @inlinable public static var getTotalRmid: UInt32 { 0 }
    @inlinable public static var getL3UpscalingFactor: UInt32 { 1 }
    @inlinable public static var getL3CacheSize: UInt32 { 2 }
    @inlinable public static var enabled: UInt32 { 3 }
    @inlinable public static var getL3EventMask: UInt32 { 4 }
}

/// sysctl.h: XEN_SYSCTL_PSR_*.
public enum SysctlPSR {
    @inlinable public static var getL3Info: UInt32 { 0 }
    @inlinable public static var getL2Info: UInt32 { 1 }
    @inlinable public static var getMbaInfo: UInt32 { 2 }
    @inlinable public static var catL3Cdp: UInt32 { 1 }
    @inlinable public static var mbaLinear: UInt32 { 1 }
}

/// sysctl.h: XEN_SYSCTL_CPU_LEVELCAP_*.
public enum LevellingCapability {
    @inlinable public static var faulting: UInt32 { 1 }
    @inlinable public static var ecx: UInt32 { 2 }
    @inlinable public static var edx: UInt32 { 4 }
    @inlinable public static var extdEcx: UInt32 { 8 }
    @inlinable public static var extdEdx: UInt32 { 16 }
    @inlinable public static var xsaveEax: UInt32 { 32 }
    @inlinable public static var thermalEcx: UInt32 { 64 }
    @inlinable public static var l7s0Eax: UInt32 { 128 }
    @inlinable public static var l7s0Ebx: UInt32 { 0x100 }
}

/// sysctl.h: XEN_SYSCTL_cpu_featureset_*.
public enum CPUFeaturesetIndex {
    @inlinable public static var raw: UInt32 { 0 }
    @inlinable public static var host: UInt32 { 1 }
    @inlinable public static var pv: UInt32 { 2 }
    @inlinable public static var hvm: UInt32 { 3 }
    @inlinable public static var pvMax: UInt32 { 4 }
    @inlinable public static var hvmMax: UInt32 { 5 }
}

/// sysctl.h: LIVEPATCH_*.
public enum Livepatch {
    @inlinable public static var payloadVersion: UInt32 { 2 }
    @inlinable public static var stateChecked: UInt32 { 1 }
    @inlinable public static var stateApplied: UInt32 { 2 }
    @inlinable public static var actionUnload: UInt32 { 1 }
    @inlinable public static var actionRevert: UInt32 { 2 }
    @inlinable public static var actionApply: UInt32 { 3 }
    @inlinable public static var actionReplace: UInt32 { 4 }
    @inlinable public static var actionApplyNodeps: UInt32 { 1 }
}

/// sysctl.h: XEN_LIVEPATCH_*.
public enum LivepatchLimit {
    @inlinable public static var nameSize: UInt32 { 128 }
}

/// sysctl.h: XEN_SYSCTL_LIVEPATCH_*.
public enum SysctlLivepatch {
    @inlinable public static var upload: UInt32 { 0 }
    @inlinable public static var get: UInt32 { 1 }
    @inlinable public static var list: UInt32 { 2 }
    @inlinable public static var action: UInt32 { 3 }
}

/// sysctl.h: XEN_SYSCTL_cpu_policy_*.
public enum CPUPolicyIndex {
    @inlinable public static var raw: UInt32 { 0 }
    @inlinable public static var host: UInt32 { 1 }
    @inlinable public static var pvMax: UInt32 { 2 }
    @inlinable public static var hvmMax: UInt32 { 3 }
    @inlinable public static var pvDefault: UInt32 { 4 }
    @inlinable public static var hvmDefault: UInt32 { 5 }
}
