// SPDX-License-Identifier: Apache-2.0

import XenABI

extension Facts {
    /// Bit numbers of flags.
    private mutating func addDomctlBits() {
        values(
            "_XEN_",
            [
                "DOMCTL_CDF_hvm": CreateFlag.hvm.trailingZeroBitCount,
                "DOMCTL_CDF_hap": CreateFlag.hap.trailingZeroBitCount,
                "DOMCTL_CDF_s3_integrity": CreateFlag.s3Integrity.trailingZeroBitCount,
                "DOMCTL_CDF_oos_off": CreateFlag.oosOff.trailingZeroBitCount,
                "DOMCTL_CDF_xs_domain": CreateFlag.xenstoreDomain.trailingZeroBitCount,
                "DOMCTL_CDF_iommu": CreateFlag.iommu.trailingZeroBitCount,
                "DOMCTL_CDF_nested_virt": CreateFlag.nestedVirt.trailingZeroBitCount,
                "DOMCTL_IOMMU_no_sharept": DomctlIOMMUFlag.noSharept.trailingZeroBitCount,
                "DOMINF_dying": DomainInfoFlag.dying.trailingZeroBitCount,
                "DOMINF_hvm_guest": DomainInfoFlag.hvmGuest.trailingZeroBitCount,
                "DOMINF_shutdown": DomainInfoFlag.shutdown.trailingZeroBitCount,
                "DOMINF_paused": DomainInfoFlag.paused.trailingZeroBitCount,
                "DOMINF_blocked": DomainInfoFlag.blocked.trailingZeroBitCount,
                "DOMINF_running": DomainInfoFlag.running.trailingZeroBitCount,
                "DOMINF_debugged": DomainInfoFlag.debugged.trailingZeroBitCount,
                "DOMINF_xs_domain": DomainInfoFlag.xenstoreDomain.trailingZeroBitCount,
                "DOMINF_hap": DomainInfoFlag.hap.trailingZeroBitCount,
                "VCPUAFFINITY_HARD": DomctlVCPUAffinity.hardFlag.trailingZeroBitCount,
                "VCPUAFFINITY_SOFT": DomctlVCPUAffinity.softFlag.trailingZeroBitCount,
                "VCPUAFFINITY_FORCE": DomctlVCPUAffinity.forceFlag.trailingZeroBitCount,
                "DOMCTL_SCHEDRT_extra": SchedRTFlag.extra.trailingZeroBitCount,
            ])
    }

    mutating func addDomctlConstants(_ caller: Caller) {
        values(
            "XEN_DOMCTL_CDF_",
            [
                "MAX": CreateFlagLimit.max
            ])
        values(
            "XEN_DOMCTL_IOMMU_",
            [
                "no_sharept": DomctlIOMMUFlag.noSharept, "MAX": DomctlIOMMUFlag.max,
            ])
        values(
            "XEN_DOMCTL_PFINFO_",
            [
                "LTAB_SHIFT": PageFrameInfo.ltabShift, "NOTAB": PageFrameInfo.notab, "L1TAB": PageFrameInfo.l1tab,
                "L2TAB": PageFrameInfo.l2tab, "L3TAB": PageFrameInfo.l3tab, "L4TAB": PageFrameInfo.l4tab,
                "LTABTYPE_MASK": PageFrameInfo.ltabtypeMask, "LPINTAB": PageFrameInfo.lpintab,
                "XTAB": PageFrameInfo.xtab, "XALLOC": PageFrameInfo.xalloc, "BROKEN": PageFrameInfo.broken,
                "LTAB_MASK": PageFrameInfo.ltabMask,
            ])
        values(
            "XEN_DOMCTL_SHADOW_",
            [
                "OP_ENABLE_TEST": ShadowFlag.opEnableTest, "ENABLE_REFCOUNT": ShadowFlag.enableRefcount,
                "ENABLE_TRANSLATE": ShadowFlag.enableTranslate, "ENABLE_EXTERNAL": ShadowFlag.enableExternal,
            ])
        values(
            "XEN_SCHEDULER_",
            [
                "CREDIT": SchedulerID.credit, "CREDIT2": SchedulerID.credit2, "ARINC653": SchedulerID.arinc653,
                "RTDS": SchedulerID.rtds, "NULL": SchedulerID.null,
            ])
        values(
            "XEN_DOMCTL_SCHEDRT_",
            [
                "extra": SchedRTFlag.extra
            ])
        values(
            "XEN_DOMCTL_SCHEDOP_",
            [
                "putinfo": DomctlSchedulerOp.putinfo, "getinfo": DomctlSchedulerOp.getinfo,
                "putvcpuinfo": DomctlSchedulerOp.putvcpuinfo, "getvcpuinfo": DomctlSchedulerOp.getvcpuinfo,
            ])
        values(
            "XEN_DOMCTL_SENDTRIGGER_",
            [
                "NMI": DomctlTrigger.nmi, "RESET": DomctlTrigger.reset, "INIT": DomctlTrigger.`init`,
                "POWER": DomctlTrigger.power, "SLEEP": DomctlTrigger.sleep,
            ])
        values(
            "XEN_DOMCTL_DEV_",
            [
                "PCI": DomctlDevice.pci, "DT": DomctlDevice.dt, "RDM_RELAXED": DomctlDevice.rdmRelaxed,
            ])
        values(
            "XEN_DOMCTL_VMSI_X86_",
            [
                "DEST_ID_MASK": VMSIFlag.destIdMask, "RH_MASK": VMSIFlag.rhMask, "DM_MASK": VMSIFlag.dmMask,
                "DELIV_MASK": VMSIFlag.delivMask, "TRIG_MASK": VMSIFlag.trigMask, "UNMASKED": VMSIFlag.unmasked,
            ])
        values(
            "DPCI_",
            [
                "ADD_MAPPING": DPCIMapping.addMapping, "REMOVE_MAPPING": DPCIMapping.removeMapping,
            ])
        values(
            "XEN_DOMCTL_MEM_CACHEATTR_",
            [
                "UC": MemoryCacheAttribute.uc, "WC": MemoryCacheAttribute.wc, "WT": MemoryCacheAttribute.wt,
                "WP": MemoryCacheAttribute.wp, "WB": MemoryCacheAttribute.wb, "UCM": MemoryCacheAttribute.ucm,
            ])
        values(
            "XEN_DOMCTL_",
            [
                "DELETE_MEM_CACHEATTR": DomctlConstant.deleteMemCacheattr,
                "real_mode_area": DomctlConstant.realModeArea, "set_opt_feature": DomctlConstant.setOptFeature,
            ])
        values(
            "XEN_DOMCTL_DEBUG_OP_",
            [
                "SINGLE_STEP_OFF": DomctlDebug.singleStepOff, "SINGLE_STEP_ON": DomctlDebug.singleStepOn,
            ])
        values(
            "XEN_VM_EVENT_",
            [
                "ENABLE": VMEvent.enable, "DISABLE": VMEvent.disable, "RESUME": VMEvent.resume,
                "GET_VERSION": VMEvent.getVersion,
            ])
        values(
            "XEN_DOMCTL_VM_EVENT_OP_",
            [
                "PAGING": DomctlVMEvent.paging, "MONITOR": DomctlVMEvent.monitor, "SHARING": DomctlVMEvent.sharing,
            ])
        values(
            "XEN_DOMCTL_MEM_SHARING_",
            [
                "CONTROL": DomctlMemSharing.control
            ])
        values(
            "XEN_DOMCTL_PSR_CMT_OP_",
            [
                "DETACH": DomctlPSRCMT.detach, "ATTACH": DomctlPSRCMT.attach, "QUERY_RMID": DomctlPSRCMT.queryRmid,
            ])
        values(
            "XEN_DOMCTL_MONITOR_OP_",
            [
                "ENABLE": DomctlMonitor.enable, "DISABLE": DomctlMonitor.disable,
                "GET_CAPABILITIES": DomctlMonitor.getCapabilities,
                "EMULATE_EACH_REP": DomctlMonitor.emulateEachRep,
                "CONTROL_REGISTERS": DomctlMonitor.controlRegisters,
            ])
        values(
            "XEN_DOMCTL_MONITOR_EVENT_",
            [
                "WRITE_CTRLREG": DomctlMonitorEvent.writeCtrlreg, "MOV_TO_MSR": DomctlMonitorEvent.movToMsr,
                "SINGLESTEP": DomctlMonitorEvent.singlestep,
                "SOFTWARE_BREAKPOINT": DomctlMonitorEvent.softwareBreakpoint,
                "GUEST_REQUEST": DomctlMonitorEvent.guestRequest,
                "DEBUG_EXCEPTION": DomctlMonitorEvent.debugException, "CPUID": DomctlMonitorEvent.cpuid,
                "PRIVILEGED_CALL": DomctlMonitorEvent.privilegedCall, "INTERRUPT": DomctlMonitorEvent.interrupt,
                "DESC_ACCESS": DomctlMonitorEvent.descAccess,
                "EMUL_UNIMPLEMENTED": DomctlMonitorEvent.emulUnimplemented,
                "INGUEST_PAGEFAULT": DomctlMonitorEvent.inguestPagefault, "VMEXIT": DomctlMonitorEvent.vmexit,
            ])
        values(
            "XEN_DOMCTL_PSR_",
            [
                "SET_L3_CBM": DomctlPSR.setL3Cbm, "GET_L3_CBM": DomctlPSR.getL3Cbm,
                "SET_L3_CODE": DomctlPSR.setL3Code, "SET_L3_DATA": DomctlPSR.setL3Data,
                "GET_L3_CODE": DomctlPSR.getL3Code, "GET_L3_DATA": DomctlPSR.getL3Data,
                "SET_L2_CBM": DomctlPSR.setL2Cbm, "GET_L2_CBM": DomctlPSR.getL2Cbm,
                "SET_MBA_THRTL": DomctlPSR.setMbaThrtl, "GET_MBA_THRTL": DomctlPSR.getMbaThrtl,
            ])
        values(
            "XEN_DOMCTL_VUART_",
            [
                "OP_INIT": DomctlVUART.opInit, "TYPE_VPL011": DomctlVUART.typeVpl011,
            ])
        values(
            "XEN_DOMCTL_vmtrace_",
            [
                "enable": DomctlVMTrace.enable, "disable": DomctlVMTrace.disable,
                "reset_and_enable": DomctlVMTrace.resetAndEnable, "output_position": DomctlVMTrace.outputPosition,
                "get_option": DomctlVMTrace.getOption, "set_option": DomctlVMTrace.setOption,
            ])
        values(
            "XEN_DOMCTL_gdbsx_",
            [
                "guestmemio": DomctlGDBSX.guestmemio, "pausevcpu": DomctlGDBSX.pausevcpu,
                "unpausevcpu": DomctlGDBSX.unpausevcpu, "domstatus": DomctlGDBSX.domstatus,
            ])
        addDomctlBits()
        if caller.isARM { return }
        values(
            "XEN_CPUID_",
            [
                "INPUT_UNUSED": CPUIDInput.inputUnused
            ])
    }
}
