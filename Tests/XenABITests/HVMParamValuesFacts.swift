// SPDX-License-Identifier: Apache-2.0

import XenABI

// hvm/params.h: values of parameters; hvm/hvm_op.h: the rest.

extension Facts {
    mutating func addHVMParamValues(_ caller: Caller) {
        addHVMParamValuesNumbers()
        addHVMParamValuesStructures()
        if !caller.isARM { addHVMParamValuesX86Numbers() }
    }

    private mutating func addHVMParamValuesNumbers() {
        cases(
            "HVMPTM_",
            [
                "delay_for_missed_ticks": .delayForMissedTicks, "no_delay_for_missed_ticks": .noDelayForMissedTicks,
                "no_missed_ticks_pending": .noMissedTicksPending, "one_missed_tick_pending": .oneMissedTickPending,
            ] as KeyValuePairs<String, HVMTimerMode>)
        values(
            "XEN_HVM_MCA_CAP_",
            ["LMCE": HVMMachineCheck.localMachineCheck, "MASK": HVMMachineCheck.mask] as KeyValuePairs<String, UInt64>)
        add("HVMOP_set_mem_access", HVMOp.setMemAccess.rawValue, "HVMOp.setMemAccess")
        add("HVMOP_get_mem_access", HVMOp.getMemAccess.rawValue, "HVMOp.getMemAccess")
        add("TRACE_EXTRA_MAX * sizeof(uint32_t)", HVMXentrace().extra.count, "HVMXentrace.extra")
    }

    private mutating func addHVMParamValuesStructures() {
        structure(
            "struct xen_hvm_xentrace", HVMXentrace.self, ["event": \.event, "extra_bytes": \.extraBytes, "extra": \.extra])
    }

    private mutating func addHVMParamValuesX86Numbers() {
        values(
            "HVMPV_",
            [
                "base_freq": Viridian.baseFreq, "no_freq": Viridian.noFreq, "time_ref_count": Viridian.timeRefCount,
                "reference_tsc": Viridian.referenceTsc, "hcall_remote_tlb_flush": Viridian.hcallRemoteTlbFlush,
                "apic_assist": Viridian.apicAssist, "crash_ctl": Viridian.crashCtl, "synic": Viridian.synic,
                "stimer": Viridian.stimer, "hcall_ipi": Viridian.hcallIpi, "ex_processor_masks": Viridian.exProcessorMasks,
                "no_vp_limit": Viridian.noVpLimit, "cpu_hotplug": Viridian.cpuHotplug, "feature_mask": Viridian.featureMask,
            ] as KeyValuePairs<String, UInt64>)
        add("1 << _HVMPV_base_freq", Viridian.baseFreq, "Viridian.baseFreq")
        add("1 << _HVMPV_no_freq", Viridian.noFreq, "Viridian.noFreq")
        add("1 << _HVMPV_time_ref_count", Viridian.timeRefCount, "Viridian.timeRefCount")
        add("1 << _HVMPV_reference_tsc", Viridian.referenceTsc, "Viridian.referenceTsc")
        add("1 << _HVMPV_hcall_remote_tlb_flush", Viridian.hcallRemoteTlbFlush, "Viridian.hcallRemoteTlbFlush")
        add("1 << _HVMPV_apic_assist", Viridian.apicAssist, "Viridian.apicAssist")
        add("1 << _HVMPV_crash_ctl", Viridian.crashCtl, "Viridian.crashCtl")
        add("1 << _HVMPV_synic", Viridian.synic, "Viridian.synic")
        add("1 << _HVMPV_stimer", Viridian.stimer, "Viridian.stimer")
        add("1 << _HVMPV_hcall_ipi", Viridian.hcallIpi, "Viridian.hcallIpi")
        add("1 << _HVMPV_ex_processor_masks", Viridian.exProcessorMasks, "Viridian.exProcessorMasks")
        add("1 << _HVMPV_no_vp_limit", Viridian.noVpLimit, "Viridian.noVpLimit")
        add("1 << _HVMPV_cpu_hotplug", Viridian.cpuHotplug, "Viridian.cpuHotplug")
    }
}
