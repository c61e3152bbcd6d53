// SPDX-License-Identifier: Apache-2.0

// Constants of domctl.h that go with its structures; names follow their C counterparts.

/// domctl.h: XEN_DOMCTL_CDF_*.
public enum CreateFlagLimit {
    @inlinable public static var max: UInt32 { 128 }
}

/// domctl.h: XEN_DOMCTL_IOMMU_*.
public enum DomctlIOMMUFlag {
    @inlinable public static var noSharept: UInt32 { 1 }
    @inlinable public static var max: UInt32 { 1 }
}

/// domctl.h: XEN_DOMCTL_PFINFO_*.
public enum PageFrameInfo {
    @inlinable public static var ltabShift: UInt32 { 28 }
    @inlinable public static var notab: UInt32 { 0 }
    @inlinable public static var l1tab: UInt32 { 0x10000000 }
    @inlinable public static var l2tab: UInt32 { 0x20000000 }
    @inlinable public static var l3tab: UInt32 { 0x30000000 }
    @inlinable public static var l4tab: UInt32 { 0x40000000 }
    @inlinable public static var ltabtypeMask: UInt32 { 0x70000000 }
    @inlinable public static var lpintab: UInt32 { 0x80000000 }
    @inlinable public static var xtab: UInt32 { 0xF0000000 }
    @inlinable public static var xalloc: UInt32 { 0xE0000000 }
    @inlinable public static var broken: UInt32 { 0xD0000000 }
    @inlinable public static var ltabMask: UInt32 { 0xF0000000 }
}

/// domctl.h: XEN_DOMCTL_SHADOW_*.
public enum ShadowFlag {
    @inlinable public static var opEnableTest: UInt32 { 1 }
    @inlinable public static var enableRefcount: UInt32 { 2 }
    @inlinable public static var enableTranslate: UInt32 { 8 }
    @inlinable public static var enableExternal: UInt32 { 16 }
}

/// domctl.h: XEN_SCHEDULER_*.
public enum SchedulerID {
    @inlinable public static var credit: UInt32 { 5 }
    @inlinable public static var credit2: UInt32 { 6 }
    @inlinable public static var arinc653: UInt32 { 7 }
    @inlinable public static var rtds: UInt32 { 8 }
    @inlinable public static var null: UInt32 { 9 }
}

/// domctl.h: XEN_DOMCTL_SCHEDRT_*.
public enum SchedRTFlag {
    @inlinable public static var extra: UInt32 { 1 }
}

/// domctl.h: XEN_DOMCTL_SCHEDOP_*.
public enum DomctlSchedulerOp {
    @inlinable public static var putinfo: UInt32 { 0 }
    @inlinable public static var getinfo: UInt32 { 1 }
    @inlinable public static var putvcpuinfo: UInt32 { 2 }
    @inlinable public static var getvcpuinfo: UInt32 { 3 }
}

/// domctl.h: XEN_DOMCTL_SENDTRIGGER_*.
public enum DomctlTrigger {
    @inlinable public static var nmi: UInt32 { 0 }
    @inlinable public static var reset: UInt32 { 1 }
    @inlinable public static var `init`: UInt32 { 2 }
    @inlinable public static var power: UInt32 { 3 }
    @inlinable public static var sleep: UInt32 { 4 }
}

/// domctl.h: XEN_DOMCTL_DEV_*.
public enum DomctlDevice {
    @inlinable public static var pci: UInt32 { 0 }
    @inlinable public static var dt: UInt32 { 1 }
    @inlinable public static var rdmRelaxed: UInt32 { 1 }
}

/// domctl.h: XEN_DOMCTL_VMSI_X86_*.
public enum VMSIFlag {
    @inlinable public static var destIdMask: UInt32 { 255 }
    @inlinable public static var rhMask: UInt32 { 0x100 }
    @inlinable public static var dmMask: UInt32 { 0x200 }
    @inlinable public static var delivMask: UInt32 { 0x7000 }
    @inlinable public static var trigMask: UInt32 { 0x8000 }
    @inlinable public static var unmasked: UInt32 { 0x10000 }
}

/// domctl.h: DPCI_*.
public enum DPCIMapping {
    @inlinable public static var addMapping: UInt32 { 1 }
    @inlinable public static var removeMapping: UInt32 { 0 }
}

/// domctl.h: XEN_DOMCTL_MEM_CACHEATTR_*.
public enum MemoryCacheAttribute {
    @inlinable public static var uc: UInt32 { 0 }
    @inlinable public static var wc: UInt32 { 1 }
    @inlinable public static var wt: UInt32 { 4 }
    @inlinable public static var wp: UInt32 { 5 }
    @inlinable public static var wb: UInt32 { 6 }
    @inlinable public static var ucm: UInt32 { 7 }
}

/// domctl.h: XEN_DOMCTL_*.
public enum DomctlConstant {
    @inlinable public static var deleteMemCacheattr: UInt32 { .max }
    @inlinable public static var realModeArea: UInt32 { 26 }
    @inlinable public static var setOptFeature: UInt32 { 44 }
}

/// domctl.h: XEN_CPUID_*.
public enum CPUIDInput {
    @inlinable public static var inputUnused: UInt32 { .max }
}

/// domctl.h: XEN_DOMCTL_DEBUG_OP_*.
public enum DomctlDebug {
    @inlinable public static var singleStepOff: UInt32 { 0 }
    @inlinable public static var singleStepOn: UInt32 { 1 }
}

/// domctl.h: XEN_VM_EVENT_*.
public enum VMEvent {
    @inlinable public static var enable: UInt32 { 0 }
    @inlinable public static var disable: UInt32 { 1 }
    @inlinable public static var resume: UInt32 { 2 }
    @inlinable public static var getVersion: UInt32 { 3 }
}

/// domctl.h: XEN_DOMCTL_VM_EVENT_OP_*.
public enum DomctlVMEvent {
    @inlinable public static var paging: UInt32 { 1 }
    @inlinable public static var monitor: UInt32 { 2 }
    @inlinable public static var sharing: UInt32 { 3 }
}

/// domctl.h: XEN_DOMCTL_MEM_SHARING_*.
public enum DomctlMemSharing {
    @inlinable public static var control: UInt32 { 0 }
}

/// domctl.h: XEN_DOMCTL_PSR_CMT_OP_*.
public enum DomctlPSRCMT {
    @inlinable public static var detach: UInt32 { 0 }
    @inlinable public static var attach: UInt32 { 1 }
    @inlinable public static var queryRmid: UInt32 { 2 }
}

/// domctl.h: XEN_DOMCTL_MONITOR_OP_*.
public enum DomctlMonitor {
    @inlinable public static var enable: UInt32 { 0 }
    @inlinable public static var disable: UInt32 { 1 }
    @inlinable public static var getCapabilities: UInt32 { 2 }
    @inlinable public static var emulateEachRep: UInt32 { 3 }
    @inlinable public static var controlRegisters: UInt32 { 4 }
}

/// domctl.h: XEN_DOMCTL_MONITOR_EVENT_*.
public enum DomctlMonitorEvent {
    @inlinable public static var writeCtrlreg: UInt32 { 0 }
    @inlinable public static var movToMsr: UInt32 { 1 }
    @inlinable public static var singlestep: UInt32 { 2 }
    @inlinable public static var softwareBreakpoint: UInt32 { 3 }
    @inlinable public static var guestRequest: UInt32 { 4 }
    @inlinable public static var debugException: UInt32 { 5 }
    @inlinable public static var cpuid: UInt32 { 6 }
    @inlinable public static var privilegedCall: UInt32 { 7 }
    @inlinable public static var interrupt: UInt32 { 8 }
    @inlinable public static var descAccess: UInt32 { 9 }
    @inlinable public static var emulUnimplemented: UInt32 { 10 }
    @inlinable public static var inguestPagefault: UInt32 { 11 }
    @inlinable public static var vmexit: UInt32 { 12 }
}

/// domctl.h: XEN_DOMCTL_PSR_*.
public enum DomctlPSR {
    @inlinable public static var setL3Cbm: UInt32 { 0 }
    @inlinable public static var getL3Cbm: UInt32 { 1 }
    @inlinable public static var setL3Code: UInt32 { 2 }
    @inlinable public static var setL3Data: UInt32 { 3 }
    @inlinable public static var getL3Code: UInt32 { 4 }
    @inlinable public static var getL3Data: UInt32 { 5 }
    @inlinable public static var setL2Cbm: UInt32 { 6 }
    @inlinable public static var getL2Cbm: UInt32 { 7 }
    @inlinable public static var setMbaThrtl: UInt32 { 8 }
    @inlinable public static var getMbaThrtl: UInt32 { 9 }
}

/// domctl.h: XEN_DOMCTL_VUART_*.
public enum DomctlVUART {
    @inlinable public static var opInit: UInt32 { 0 }
    @inlinable public static var typeVpl011: UInt32 { 0 }
}

/// domctl.h: XEN_DOMCTL_vmtrace_*.
public enum DomctlVMTrace {
    @inlinable public static var enable: UInt32 { 1 }
    @inlinable public static var disable: UInt32 { 2 }
    @inlinable public static var resetAndEnable: UInt32 { 3 }
    @inlinable public static var outputPosition: UInt32 { 4 }
    @inlinable public static var getOption: UInt32 { 5 }
    @inlinable public static var setOption: UInt32 { 6 }
}

/// domctl.h: XEN_DOMCTL_gdbsx_*.
public enum DomctlGDBSX {
    @inlinable public static var guestmemio: UInt32 { 0x3E8 }
    @inlinable public static var pausevcpu: UInt32 { 0x3E9 }
    @inlinable public static var unpausevcpu: UInt32 { 0x3EA }
    @inlinable public static var domstatus: UInt32 { 0x3EB }
}
