// SPDX-License-Identifier: Apache-2.0

import XenABI

extension Facts {
    /// Bit numbers of flags.
    private mutating func addSysctlBits() {
        values(
            "_XEN_",
            [
                "SYSCTL_PHYSCAP_hvm": PhysicalCapability.hvm.trailingZeroBitCount,
                "SYSCTL_PHYSCAP_pv": PhysicalCapability.pv.trailingZeroBitCount,
                "SYSCTL_PHYSCAP_directio": PhysicalCapability.directio.trailingZeroBitCount,
                "SYSCTL_PHYSCAP_hap": PhysicalCapability.hap.trailingZeroBitCount,
                "SYSCTL_PHYSCAP_shadow": PhysicalCapability.shadow.trailingZeroBitCount,
                "SYSCTL_PHYSCAP_iommu_hap_pt_share": PhysicalCapability.iommuHapPtShare.trailingZeroBitCount,
            ])
    }

    mutating func addSysctlConstants(_ caller: Caller) {
        values(
            "XEN_SYSCTL_TBUFOP_",
            [
                "get_info": SysctlTraceBuffer.getInfo, "set_cpu_mask": SysctlTraceBuffer.setCpuMask,
                "set_evt_mask": SysctlTraceBuffer.setEvtMask, "set_size": SysctlTraceBuffer.setSize,
                "enable": SysctlTraceBuffer.enable, "disable": SysctlTraceBuffer.disable,
            ])
        values(
            "XEN_SYSCTL_PHYSCAP_",
            [
                "hvm": PhysicalCapability.hvm, "pv": PhysicalCapability.pv,
                "directio": PhysicalCapability.directio, "hap": PhysicalCapability.hap,
                "shadow": PhysicalCapability.shadow, "iommu_hap_pt_share": PhysicalCapability.iommuHapPtShare,
                "vmtrace": PhysicalCapability.vmtrace, "vpmu": PhysicalCapability.vpmu,
                "gnttab_v1": PhysicalCapability.gnttabV1, "gnttab_v2": PhysicalCapability.gnttabV2,
                "MAX": PhysicalCapability.max,
            ])
        values(
            "XEN_SYSCTL_PERFCOP_",
            [
                "reset": SysctlPerfc.reset, "query": SysctlPerfc.query,
            ])
        values(
            "PMSTAT_",
            [
                "CATEGORY_MASK": PMStat.categoryMask, "PX": PMStat.px, "CX": PMStat.cx,
                "get_max_px": PMStat.getMaxPx, "get_pxstat": PMStat.getPxstat, "reset_pxstat": PMStat.resetPxstat,
                "get_max_cx": PMStat.getMaxCx, "get_cxstat": PMStat.getCxstat, "reset_cxstat": PMStat.resetCxstat,
            ])
        values(
            "XEN_SYSCTL_CPU_HOTPLUG_",
            [
                "ONLINE": SysctlHotplug.online, "OFFLINE": SysctlHotplug.offline,
                "SMT_ENABLE": SysctlHotplug.smtEnable, "SMT_DISABLE": SysctlHotplug.smtDisable,
            ])
        values(
            "",
            [
                "CPUFREQ_NAME_LEN": SysctlConstant.cpufreqNameLen,
                "SCALING_MAX_FREQ": SysctlConstant.scalingMaxFreq,
                "SCALING_MIN_FREQ": SysctlConstant.scalingMinFreq,
                "SCALING_SETSPEED": SysctlConstant.scalingSetspeed, "SAMPLING_RATE": SysctlConstant.samplingRate,
                "UP_THRESHOLD": SysctlConstant.upThreshold,
                "PM_PARA_CATEGORY_MASK": SysctlConstant.pmParaCategoryMask,
                "CPUFREQ_PARA": SysctlConstant.cpufreqPara, "GET_CPUFREQ_PARA": SysctlConstant.getCpufreqPara,
                "SET_CPUFREQ_GOV": SysctlConstant.setCpufreqGov, "SET_CPUFREQ_PARA": SysctlConstant.setCpufreqPara,
                "GET_CPUFREQ_AVGFREQ": SysctlConstant.getCpufreqAvgfreq,
                "ARINC653_MAX_DOMAINS_PER_SCHEDULE": SysctlConstant.arinc653MaxDomainsPerSchedule,
                "XEN_GCOV_FORMAT_MAGIC": SysctlConstant.xenGcovFormatMagic,
            ])
        values(
            "XEN_SYSCTL_pm_op_",
            [
                "set_sched_opt_smt": SysctlPMOp.setSchedOptSmt, "get_max_cstate": SysctlPMOp.getMaxCstate,
                "set_max_cstate": SysctlPMOp.setMaxCstate,
                "set_vcpu_migration_delay": SysctlPMOp.setVcpuMigrationDelay,
                "get_vcpu_migration_delay": SysctlPMOp.getVcpuMigrationDelay,
                "enable_turbo": SysctlPMOp.enableTurbo, "disable_turbo": SysctlPMOp.disableTurbo,
            ])
        values(
            "XEN_SYSCTL_CX_",
            [
                "UNLIMITED": SysctlCState.unlimited
            ])
        values(
            "sysctl_",
            [
                "page_offline": SysctlPage.pageOffline, "page_online": SysctlPage.pageOnline,
                "query_page_offline": SysctlPage.queryPageOffline,
            ])
        values(
            "PG_",
            [
                "OFFLINE_STATUS_MASK": PageOffline.offlineStatusMask,
                "OFFLINE_INVALID": PageOffline.offlineInvalid, "OFFLINE_OFFLINED": PageOffline.offlineOfflined,
                "OFFLINE_PENDING": PageOffline.offlinePending, "OFFLINE_FAILED": PageOffline.offlineFailed,
                "OFFLINE_AGAIN": PageOffline.offlineAgain, "ONLINE_FAILED": PageOffline.onlineFailed,
                "ONLINE_ONLINED": PageOffline.onlineOnlined,
                "OFFLINE_STATUS_OFFLINED": PageOffline.offlineStatusOfflined,
                "OFFLINE_STATUS_ONLINE": PageOffline.offlineStatusOnline,
                "OFFLINE_STATUS_OFFLINE_PENDING": PageOffline.offlineStatusOfflinePending,
                "OFFLINE_STATUS_BROKEN": PageOffline.offlineStatusBroken,
                "OFFLINE_MISC_MASK": PageOffline.offlineMiscMask, "OFFLINE_XENPAGE": PageOffline.offlineXenpage,
                "OFFLINE_DOM0PAGE": PageOffline.offlineDom0page, "OFFLINE_ANONYMOUS": PageOffline.offlineAnonymous,
                "OFFLINE_NOT_CONV_RAM": PageOffline.offlineNotConvRam, "OFFLINE_OWNED": PageOffline.offlineOwned,
                "OFFLINE_BROKEN": PageOffline.offlineBroken, "ONLINE_BROKEN": PageOffline.onlineBroken,
                "OFFLINE_OWNER_SHIFT": PageOffline.offlineOwnerShift,
            ])
        values(
            "XEN_SYSCTL_LOCKPROF_",
            [
                "reset": SysctlLockprof.reset, "query": SysctlLockprof.query,
            ])
        values(
            "LOCKPROF_TYPE_",
            [
                "GLOBAL": LockprofType.global, "PERDOM": LockprofType.perdom, "N": LockprofType.n,
            ])
        values(
            "XEN_INVALID_",
            [
                "CORE_ID": TopologyConstant.coreId, "SOCKET_ID": TopologyConstant.socketId,
                "NODE_ID": TopologyConstant.nodeId, "MEM_SZ": TopologyConstant.memSz,
                "NODE_DIST": TopologyConstant.nodeDist, "DEV": TopologyConstant.dev,
            ])
        values(
            "XEN_SYSCTL_CPUPOOL_",
            [
                "OP_CREATE": SysctlCPUPool.opCreate, "OP_DESTROY": SysctlCPUPool.opDestroy,
                "OP_INFO": SysctlCPUPool.opInfo, "OP_ADDCPU": SysctlCPUPool.opAddcpu,
                "OP_RMCPU": SysctlCPUPool.opRmcpu, "OP_MOVEDOMAIN": SysctlCPUPool.opMovedomain,
                "OP_FREEINFO": SysctlCPUPool.opFreeinfo, "PAR_ANY": SysctlCPUPool.parAny,
            ])
        values(
            "XEN_SYSCTL_SCHED_RATELIMIT_",
            [
                "MAX": SchedulerRateLimit.max, "MIN": SchedulerRateLimit.min,
            ])
        values(
            "XEN_SYSCTL_CSCHED_",
            [
                "TSLICE_MAX": CreditLimit.tsliceMax, "TSLICE_MIN": CreditLimit.tsliceMin,
                "MGR_DLY_MAX_US": CreditLimit.mgrDlyMaxUs,
            ])
        values(
            "XEN_SYSCTL_SCHEDOP_",
            [
                "putinfo": SysctlSchedulerOp.putinfo, "getinfo": SysctlSchedulerOp.getinfo,
            ])
        values(
            "XEN_SYSCTL_COVERAGE_",
            [
                "get_size": SysctlCoverage.getSize, "read": SysctlCoverage.read, "reset": SysctlCoverage.reset,
            ])
        values(
            "XEN_SYSCTL_PSR_CMT_",
            [
                "get_total_rmid": SysctlPSRCMT.getTotalRmid,
                "get_l3_upscaling_factor": SysctlPSRCMT.getL3UpscalingFactor,
                "get_l3_cache_size": SysctlPSRCMT.getL3CacheSize, "enabled": SysctlPSRCMT.enabled,
                "get_l3_event_mask": SysctlPSRCMT.getL3EventMask,
            ])
        values(
            "XEN_SYSCTL_PSR_",
            [
                "get_l3_info": SysctlPSR.getL3Info, "get_l2_info": SysctlPSR.getL2Info,
                "get_mba_info": SysctlPSR.getMbaInfo, "CAT_L3_CDP": SysctlPSR.catL3Cdp,
                "MBA_LINEAR": SysctlPSR.mbaLinear,
            ])
        values(
            "XEN_SYSCTL_CPU_LEVELCAP_",
            [
                "faulting": LevellingCapability.faulting, "ecx": LevellingCapability.ecx,
                "edx": LevellingCapability.edx, "extd_ecx": LevellingCapability.extdEcx,
                "extd_edx": LevellingCapability.extdEdx, "xsave_eax": LevellingCapability.xsaveEax,
                "thermal_ecx": LevellingCapability.thermalEcx, "l7s0_eax": LevellingCapability.l7s0Eax,
                "l7s0_ebx": LevellingCapability.l7s0Ebx,
            ])
        values(
            "XEN_SYSCTL_cpu_featureset_",
            [
                "raw": CPUFeaturesetIndex.raw, "host": CPUFeaturesetIndex.host, "pv": CPUFeaturesetIndex.pv,
                "hvm": CPUFeaturesetIndex.hvm, "pv_max": CPUFeaturesetIndex.pvMax,
                "hvm_max": CPUFeaturesetIndex.hvmMax,
            ])
        values(
            "LIVEPATCH_",
            [
                "PAYLOAD_VERSION": Livepatch.payloadVersion, "STATE_CHECKED": Livepatch.stateChecked,
                "STATE_APPLIED": Livepatch.stateApplied, "ACTION_UNLOAD": Livepatch.actionUnload,
                "ACTION_REVERT": Livepatch.actionRevert, "ACTION_APPLY": Livepatch.actionApply,
                "ACTION_REPLACE": Livepatch.actionReplace, "ACTION_APPLY_NODEPS": Livepatch.actionApplyNodeps,
            ])
        values(
            "XEN_LIVEPATCH_",
            [
                "NAME_SIZE": LivepatchLimit.nameSize
            ])
        values(
            "XEN_SYSCTL_LIVEPATCH_",
            [
                "UPLOAD": SysctlLivepatch.upload, "GET": SysctlLivepatch.get, "LIST": SysctlLivepatch.list,
                "ACTION": SysctlLivepatch.action,
            ])
        addSysctlBits()
        if caller.isARM { return }
        values(
            "XEN_SYSCTL_cpu_policy_",
            [
                "raw": CPUPolicyIndex.raw, "host": CPUPolicyIndex.host, "pv_max": CPUPolicyIndex.pvMax,
                "hvm_max": CPUPolicyIndex.hvmMax, "pv_default": CPUPolicyIndex.pvDefault,
                "hvm_default": CPUPolicyIndex.hvmDefault,
            ])
    }
}
