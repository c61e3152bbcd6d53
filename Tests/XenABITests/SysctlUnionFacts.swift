// SPDX-License-Identifier: Apache-2.0

import XenABI

extension Facts {
    mutating func addSysctlPower() {
        structure(
            "struct pm_px_val", PMPxValue.self,
            [
                "freq": \.freq, "residency": \.residency, "count": \.count,
            ])
        structure(
            "struct pm_px_stat", PMPxStat.self,
            [
                "total": \.total, "usable": \.usable, "last": \.last, "cur": \.cur, "trans_pt": \.transPt,
                "pt": \.pt,
            ])
        structure(
            "struct pm_cx_stat", PMCxStat.self,
            [
                "nr": \.nr, "last": \.last, "idle_time": \.idleTime, "triggers": \.triggers,
                "residencies": \.residencies, "nr_pc": \.nrPc, "nr_cc": \.nrCc, "pc": \.pc, "cc": \.cc,
            ])
        structure(
            "struct xen_sysctl_get_pmstat", SysctlGetPMStat.self,
            [
                "type": \.type, "cpuid": \.cpuid, "u": \.union,
            ])
        arm("struct xen_sysctl_get_pmstat", "u.getpx", PMPxStat.self, at: \SysctlGetPMStat.union, [:])
        arm("struct xen_sysctl_get_pmstat", "u.getcx", PMCxStat.self, at: \SysctlGetPMStat.union, [:])
        structure(
            "struct xen_userspace", CPUFreqUserspace.self,
            [
                "scaling_setspeed": \.scalingSetspeed
            ])
        structure(
            "struct xen_ondemand", CPUFreqOndemand.self,
            [
                "sampling_rate_max": \.samplingRateMax, "sampling_rate_min": \.samplingRateMin,
                "sampling_rate": \.samplingRate, "up_threshold": \.upThreshold,
            ])
        structure(
            "struct xen_get_cpufreq_para", GetCPUFreqParameters.self,
            [
                "cpu_num": \.cpuNum, "freq_num": \.freqNum, "gov_num": \.govNum,
                "affected_cpus": \.affectedCpus, "scaling_available_frequencies": \.scalingAvailableFrequencies,
                "scaling_available_governors": \.scalingAvailableGovernors, "scaling_driver": \.scalingDriver,
                "cpuinfo_cur_freq": \.cpuinfoCurFreq, "cpuinfo_max_freq": \.cpuinfoMaxFreq,
                "cpuinfo_min_freq": \.cpuinfoMinFreq, "scaling_cur_freq": \.scalingCurFreq,
                "scaling_governor": \.scalingGovernor, "scaling_max_freq": \.scalingMaxFreq,
                "scaling_min_freq": \.scalingMinFreq, "u": \.union, "turbo_enabled": \.turboEnabled,
            ])
        arm("struct xen_get_cpufreq_para", "u.userspace", CPUFreqUserspace.self, at: \GetCPUFreqParameters.union, [:])
        arm("struct xen_get_cpufreq_para", "u.ondemand", CPUFreqOndemand.self, at: \GetCPUFreqParameters.union, [:])
        structure(
            "struct xen_set_cpufreq_gov", SetCPUFreqGovernor.self,
            [
                "scaling_governor": \.scalingGovernor
            ])
        structure(
            "struct xen_set_cpufreq_para", SetCPUFreqParameter.self,
            [
                "ctrl_type": \.ctrlType, "ctrl_value": \.ctrlValue,
            ])
        structure(
            "struct xen_sysctl_pm_op", SysctlPowerOp.self,
            [
                "cmd": \.cmd, "cpuid": \.cpuid, "u": \.union,
            ])
        arm("struct xen_sysctl_pm_op", "u.get_para", GetCPUFreqParameters.self, at: \SysctlPowerOp.union, [:])
        arm("struct xen_sysctl_pm_op", "u.set_gov", SetCPUFreqGovernor.self, at: \SysctlPowerOp.union, [:])
        arm("struct xen_sysctl_pm_op", "u.set_para", SetCPUFreqParameter.self, at: \SysctlPowerOp.union, [:])
        arm("struct xen_sysctl_pm_op", "u.get_avgfreq", UInt64.self, at: \SysctlPowerOp.union, [:])
        arm("struct xen_sysctl_pm_op", "u.set_sched_opt_smt", UInt32.self, at: \SysctlPowerOp.union, [:])
        arm("struct xen_sysctl_pm_op", "u.get_max_cstate", UInt32.self, at: \SysctlPowerOp.union, [:])
        arm("struct xen_sysctl_pm_op", "u.set_max_cstate", UInt32.self, at: \SysctlPowerOp.union, [:])
    }

    mutating func addSysctlUnions() {
        structure(
            "struct xen_sysctl_scheduler_op", SysctlSchedulerOperation.self,
            [
                "cpupool_id": \.cpupoolId, "sched_id": \.schedId, "cmd": \.cmd, "u": \.union,
            ])
        arm(
            "struct xen_sysctl_scheduler_op", "u.sched_arinc653", SysctlSchedArinc653.self,
            at: \SysctlSchedulerOperation.union, [:])
        arm(
            "struct xen_sysctl_scheduler_op", "u.sched_credit", SysctlCreditSchedule.self,
            at: \SysctlSchedulerOperation.union, [:])
        arm(
            "struct xen_sysctl_scheduler_op", "u.sched_credit2", SysctlCredit2Schedule.self,
            at: \SysctlSchedulerOperation.union, [:])
        structure(
            "struct xen_sysctl_psr_cmt_op", SysctlPSRCMTOp.self,
            [
                "cmd": \.cmd, "flags": \.flags, "u": \.union,
            ])
        arm("struct xen_sysctl_psr_cmt_op", "u.data", UInt64.self, at: \SysctlPSRCMTOp.union, [:])
        arm(
            "struct xen_sysctl_psr_cmt_op", "u.l3_cache", SysctlPSRCMTOp.L3Cache.self, at: \SysctlPSRCMTOp.union,
            [
                "cpu": \.cpu, "rsvd": \.rsvd,
            ])
        structure(
            "struct xen_sysctl_psr_alloc", SysctlPSRAlloc.self,
            [
                "cmd": \.cmd, "target": \.target, "u": \.union,
            ])
        arm(
            "struct xen_sysctl_psr_alloc", "u.cat_info", SysctlPSRAlloc.CATInfo.self, at: \SysctlPSRAlloc.union,
            [
                "cbm_len": \.cbmLen, "cos_max": \.cosMax, "flags": \.flags,
            ])
        arm(
            "struct xen_sysctl_psr_alloc", "u.mba_info", SysctlPSRAlloc.MBAInfo.self, at: \SysctlPSRAlloc.union,
            [
                "thrtl_max": \.thrtlMax, "cos_max": \.cosMax, "flags": \.flags,
            ])
        structure(
            "struct xen_livepatch_name", LivepatchName.self,
            [
                "name": \.name, "size": \.size, "pad": \.pad,
            ])
        structure(
            "struct xen_livepatch_status", LivepatchStatus.self,
            [
                "state": \.state, "rc": \.rc,
            ])
        structure(
            "struct xen_sysctl_livepatch_upload", SysctlLivepatchUpload.self,
            [
                "name": \.name, "size": \.size, "payload": \.payload,
            ])
        structure(
            "struct xen_sysctl_livepatch_get", SysctlLivepatchGet.self,
            [
                "name": \.name, "status": \.status,
            ])
        structure(
            "struct xen_sysctl_livepatch_action", SysctlLivepatchAction.self,
            [
                "name": \.name, "cmd": \.cmd, "timeout": \.timeout, "flags": \.flags, "pad": \.pad,
            ])
        structure(
            "struct xen_sysctl_livepatch_op", SysctlLivepatchOp.self,
            [
                "cmd": \.cmd, "pad": \.pad, "u": \.union,
            ])
        arm("struct xen_sysctl_livepatch_op", "u.upload", SysctlLivepatchUpload.self, at: \SysctlLivepatchOp.union, [:])
        arm("struct xen_sysctl_livepatch_op", "u.list", SysctlLivepatchList.self, at: \SysctlLivepatchOp.union, [:])
        arm("struct xen_sysctl_livepatch_op", "u.get", SysctlLivepatchGet.self, at: \SysctlLivepatchOp.union, [:])
        arm("struct xen_sysctl_livepatch_op", "u.action", SysctlLivepatchAction.self, at: \SysctlLivepatchOp.union, [:])
        structure(
            "struct xen_sysctl_arinc653_schedule", SysctlArinc653Schedule.self,
            [
                "major_frame": \.majorFrame, "num_sched_entries": \.numSchedEntries, "sched_entries": \.schedEntries,
            ])
        arm(
            "struct xen_sysctl_arinc653_schedule", "sched_entries[0]", SysctlArinc653Schedule.Entry.self,
            at: \SysctlArinc653Schedule.schedEntries,
            [
                "dom_handle": \.domHandle, "vcpu_id": \.vcpuId, "runtime": \.runtime,
            ])
    }

    mutating func addARMControl() {
        structure(
            "struct xen_domctl_ext_vcpucontext", ARMExtVCPUContext.self,
            [
                "vcpu": \.vcpu, "size": \.size,
            ])
    }

    mutating func addX86Control() {
        structure(
            "struct xen_domctl_ext_vcpucontext", X86ExtVCPUContext.self,
            [
                "vcpu": \.vcpu, "size": \.size, "syscall32_callback_eip": \.syscall32CallbackEip,
                "sysenter_callback_eip": \.sysenterCallbackEip, "syscall32_callback_cs": \.syscall32CallbackCs,
                "sysenter_callback_cs": \.sysenterCallbackCs,
                "syscall32_disables_events": \.syscall32DisablesEvents,
                "sysenter_disables_events": \.sysenterDisablesEvents, "vmce": \.vmce,
            ])
        structure(
            "struct xen_domctl_cpu_policy", DomctlCPUPolicy.self,
            [
                "nr_leaves": \.nrLeaves, "nr_msrs": \.nrMsrs, "leaves": \.leaves, "msrs": \.msrs,
                "err_leaf": \.errLeaf, "err_subleaf": \.errSubleaf, "err_msr": \.errMsr,
            ])
        structure(
            "struct xen_domctl_vcpuextstate", DomctlVCPUExtState.self,
            [
                "vcpu": \.vcpu, "xfeature_mask": \.xfeatureMask, "size": \.size, "buffer": \.buffer,
            ])
        structure(
            "struct xen_domctl_vcpu_msr", DomctlVCPUMSR.self,
            [
                "index": \.index, "reserved": \.reserved, "value": \.value,
            ])
        structure(
            "struct xen_domctl_vcpu_msrs", DomctlVCPUMSRs.self,
            [
                "vcpu": \.vcpu, "msr_count": \.msrCount, "msrs": \.msrs,
            ])
        structure(
            "struct xen_sysctl_cpu_policy", SysctlCPUPolicy.self,
            [
                "index": \.index, "nr_leaves": \.nrLeaves, "nr_msrs": \.nrMsrs, "_rsvd": \.rsvd,
                "leaves": \.leaves, "msrs": \.msrs,
            ])
        add(
            "offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap)",
            MemoryLayout<X86ExtVCPUContext>.offset(of: \.vmce)!, "X86ExtVCPUContext.vmce")
    }

    mutating func addCallerControl<C: CallerABI>(_ type: C.Type) {
        structure(
            "struct xen_domctl_cacheflush", DomctlCacheFlush<C>.self,
            [
                "start_pfn": \.startPfn, "nr_pfns": \.nrPfns,
            ])
        structure(
            "struct xen_sysctl_page_offline_op", SysctlPageOfflineOp<C>.self,
            [
                "cmd": \.cmd, "start": \.start, "end": \.end, "status": \.status,
            ])
    }
}
