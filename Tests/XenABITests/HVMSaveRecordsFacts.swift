// SPDX-License-Identifier: Apache-2.0

import XenABI

// hvm/save.h, arch-x86/hvm/save.h.

extension Facts {
    mutating func addHVMSaves<C: CallerABI>(_ type: C.Type, _ caller: Caller) {
        addHVMSavesNumbers()
        addHVMSavesStructures()
        if !caller.isARM { addHVMSavesX86Numbers() }
        if !caller.isARM { addHVMSavesX86Structures() }
        if !caller.isARM { addHVMSavesX86CallerStructures(C.self) }
    }

    private mutating func addHVMSavesNumbers() {
        add("HVM_SAVE_CODE(END)", HVMSaveType.end.rawValue, "HVMSaveType.end")
    }

    private mutating func addHVMSavesStructures() {
        structure(
            "struct hvm_save_descriptor", HVMSaveDescriptor.self,
            ["typecode": \.typecode, "instance": \.instance, "length": \.length])
    }

    private mutating func addHVMSavesX86Numbers() {
        add("HVM_SAVE_CODE(HEADER)", HVMSaveType.header.rawValue, "HVMSaveType.header")
        add("HVM_SAVE_CODE(CPU)", HVMSaveType.cpu.rawValue, "HVMSaveType.cpu")
        add("HVM_SAVE_CODE(PIC)", HVMSaveType.pic.rawValue, "HVMSaveType.pic")
        add("HVM_SAVE_CODE(IOAPIC)", HVMSaveType.ioAPIC.rawValue, "HVMSaveType.ioAPIC")
        add("HVM_SAVE_CODE(LAPIC)", HVMSaveType.localAPIC.rawValue, "HVMSaveType.localAPIC")
        add("HVM_SAVE_CODE(LAPIC_REGS)", HVMSaveType.localAPICRegisters.rawValue, "HVMSaveType.localAPICRegisters")
        add("HVM_SAVE_CODE(PCI_IRQ)", HVMSaveType.pciIRQs.rawValue, "HVMSaveType.pciIRQs")
        add("HVM_SAVE_CODE(ISA_IRQ)", HVMSaveType.isaIRQs.rawValue, "HVMSaveType.isaIRQs")
        add("HVM_SAVE_CODE(PCI_LINK)", HVMSaveType.pciLinks.rawValue, "HVMSaveType.pciLinks")
        add("HVM_SAVE_CODE(PIT)", HVMSaveType.pit.rawValue, "HVMSaveType.pit")
        add("HVM_SAVE_CODE(RTC)", HVMSaveType.rtc.rawValue, "HVMSaveType.rtc")
        add("HVM_SAVE_CODE(HPET)", HVMSaveType.hpet.rawValue, "HVMSaveType.hpet")
        add("HVM_SAVE_CODE(PMTIMER)", HVMSaveType.pmTimer.rawValue, "HVMSaveType.pmTimer")
        add("HVM_SAVE_CODE(MTRR)", HVMSaveType.mtrr.rawValue, "HVMSaveType.mtrr")
        add("HVM_SAVE_CODE(VIRIDIAN_DOMAIN)", HVMSaveType.viridianDomain.rawValue, "HVMSaveType.viridianDomain")
        add("CPU_XSAVE_CODE", HVMSaveType.xsave.rawValue, "HVMSaveType.xsave")
        add("HVM_SAVE_CODE(VIRIDIAN_VCPU)", HVMSaveType.viridianVCPU.rawValue, "HVMSaveType.viridianVCPU")
        add("HVM_SAVE_CODE(VMCE_VCPU)", HVMSaveType.machineCheck.rawValue, "HVMSaveType.machineCheck")
        add("HVM_SAVE_CODE(TSC_ADJUST)", HVMSaveType.tscAdjust.rawValue, "HVMSaveType.tscAdjust")
        add("CPU_MSR_CODE", HVMSaveType.msrs.rawValue, "HVMSaveType.msrs")
        add("HVM_SAVE_CODE_MAX", HVMSaveType.last, "HVMSaveType.last")
        values(
            "",
            [
                "HVM_FILE_MAGIC": HVMSaveConstant.magic, "HVM_FILE_VERSION": HVMSaveConstant.version,
                "XEN_X86_FPU_INITIALISED": HVMSaveConstant.fpuInitialised, "VIOAPIC_NUM_PINS": HVMSaveConstant.ioAPICPins,
                "RTC_CMOS_SIZE": HVMSaveConstant.cmosSize, "HPET_TIMER_NUM": HVMSaveConstant.hpetTimers,
                "MTRR_VCNT": HVMSaveConstant.variableMTRRs, "NUM_FIXED_MSR": HVMSaveConstant.fixedMTRRs,
            ] as KeyValuePairs<String, UInt32>)
        add("1u << _XEN_X86_FPU_INITIALISED", HVMSaveConstant.fpuInitialised, "HVMSaveConstant.fpuInitialised")
    }

    private mutating func addHVMSavesX86Structures() {
        structure(
            "struct hvm_save_header", HVMSaveHeader.self,
            ["magic": \.magic, "version": \.version, "changeset": \.changeset, "cpuid": \.cpuid, "gtsc_khz": \.gtscKhz])
        structure(
            "struct hvm_hw_lapic", HVMSavedLocalAPIC.self,
            ["apic_base_msr": \.apicBaseMsr, "disabled": \.disabled, "timer_divisor": \.timerDivisor, "tdt_msr": \.tdtMsr])
        structure("struct hvm_hw_lapic_regs", HVMSavedLocalAPICRegisters.self, ["data": \.data])
        structure("struct hvm_hw_pci_irqs", HVMSavedPCIIRQs.self, ["pad": \.wires])
        structure("struct hvm_hw_isa_irqs", HVMSavedISAIRQs.self, ["pad": \.wires])
        structure("struct hvm_hw_pci_link", HVMSavedPCILinks.self, ["route": \.route, "pad0": \.pad0])
        structure(
            "struct hvm_hw_pit_channel", HVMSavedPITChannel.self,
            [
                "count": \.count, "latched_count": \.latchedCount, "count_latched": \.countLatched,
                "status_latched": \.statusLatched, "status": \.status, "read_state": \.readState,
                "write_state": \.writeState, "write_latch": \.writeLatch, "rw_mode": \.rwMode, "mode": \.mode, "bcd": \.bcd,
                "gate": \.gate,
            ])
        structure(
            "struct hvm_hw_pit", HVMSavedPIT.self,
            ["channels": \.channels, "speaker_data_on": \.speakerDataOn, "pad0": \.pad0])
        structure(
            "struct hvm_hw_rtc", HVMSavedRTC.self,
            ["cmos_data": \.cmosData, "cmos_index": \.cmosIndex, "pad0": \.pad0, "rtc_offset": \.rtcOffset])
        structure(
            "__typeof__(((struct hvm_hw_hpet *)0)->timers[0])", HVMSavedHPETTimer.self,
            ["config": \.config, "cmp": \.cmp, "fsb": \.fsb, "res4": \.res4])
        structure(
            "struct hvm_hw_hpet", HVMSavedHPET.self,
            [
                "capability": \.capability, "res0": \.res0, "config": \.config, "res1": \.res1, "isr": \.isr, "res2": \.res2,
                "mc64": \.mc64, "res3": \.res3, "timers": \.timers, "res5": \.res5, "period": \.period,
            ])
        structure(
            "struct hvm_hw_pmtimer", HVMSavedPMTimer.self, ["tmr_val": \.tmrVal, "pm1a_sts": \.pm1aSts, "pm1a_en": \.pm1aEn])
        structure(
            "struct hvm_hw_mtrr", HVMSavedMTRR.self,
            [
                "msr_pat_cr": \.msrPatCr, "msr_mtrr_var": \.msrMtrrVar, "msr_mtrr_fixed": \.msrMtrrFixed,
                "msr_mtrr_cap": \.msrMtrrCap, "msr_mtrr_def_type": \.msrMtrrDefType,
            ])
        structure(
            "struct hvm_hw_cpu_xsave_hdr", HVMSavedXsaveHeader.self,
            ["xstate_bv": \.xstateBv, "xcomp_bv": \.xcompBv, "reserved": \.reserved])
        structure(
            "struct hvm_hw_cpu_xsave", HVMSavedXsave.self,
            [
                "xfeature_mask": \.xfeatureMask, "xcr0": \.xcr0, "xcr0_accum": \.xcr0Accum, "save_area.fpu_sse": \.legacy,
                "save_area.xsave_hdr": \.header,
            ])
        structure(
            "struct hvm_viridian_domain_context", HVMSavedViridianDomain.self,
            [
                "hypercall_gpa": \.hypercallGpa, "guest_os_id": \.guestOsId, "time_ref_count": \.timeRefCount,
                "reference_tsc": \.referenceTsc,
            ])
        structure(
            "struct hvm_viridian_vcpu_context", HVMSavedViridianVCPU.self,
            [
                "vp_assist_msr": \.vpAssistMsr, "apic_assist_pending": \.apicAssistPending, "_pad": \.pad,
                "simp_msr": \.simpMsr, "sint_msr": \.sintMsr, "stimer_config_msr": \.stimerConfigMsr,
                "stimer_count_msr": \.stimerCountMsr,
            ])
        structure(
            "struct hvm_vmce_vcpu", HVMSavedMachineCheck.self,
            ["caps": \.caps, "mci_ctl2_bank0": \.mciCtl2Bank0, "mci_ctl2_bank1": \.mciCtl2Bank1, "mcg_ext_ctl": \.mcgExtCtl])
        structure("struct hvm_tsc_adjust", HVMSavedTSCAdjust.self, ["tsc_adjust": \.tscAdjust])
    }

    private mutating func addHVMSavesX86CallerStructures<C: CallerABI>(_ type: C.Type) {
        structure("struct hvm_one_msr", HVMSavedMSR<C>.self, ["index": \.index, "_rsvd": \.rsvd, "val": \.val])
        add(
            "offsetof(struct hvm_msr, msr)", max(MemoryLayout<UInt32>.size, MemoryLayout<HVMSavedMSR<C>>.alignment),
            "HVMSavedMSR: its place after the count")
    }
}
