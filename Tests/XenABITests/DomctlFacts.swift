// SPDX-License-Identifier: Apache-2.0

import XenABI

// domctl.h: the same for all callers, as its 64-bit fields and handles are aligned to eight bytes everywhere.

extension Facts {
    mutating func addDomctls(_ caller: Caller) {
        addDomctlNumbers()
        addDomctlFlags()
        addDomctlStructures()
        addDomctlArguments()
        addDomctlConstants(caller)
        addSysctls(caller)
        addDomctlUnions()
        addSysctlPower()
        addSysctlUnions()
        if caller.isARM { addARMControl() } else { addX86Control() }
        if caller.isARM { addARMDomctls() } else { addX86Domctls(caller) }
    }

    private mutating func addDomctlNumbers() {
        cases(
            "XEN_DOMCTL_",
            [
                "createdomain": .createDomain,
                "destroydomain": .destroyDomain,
                "pausedomain": .pauseDomain,
                "unpausedomain": .unpauseDomain,
                "getdomaininfo": .getDomainInfo,
                "setvcpuaffinity": .setVCPUAffinity,
                "shadow_op": .shadowOp,
                "max_mem": .maxMem,
                "setvcpucontext": .setVCPUContext,
                "getvcpucontext": .getVCPUContext,
                "getvcpuinfo": .getVCPUInfo,
                "max_vcpus": .maxVCPUs,
                "scheduler_op": .schedulerOp,
                "setdomainhandle": .setDomainHandle,
                "setdebugging": .setDebugging,
                "irq_permission": .irqPermission,
                "iomem_permission": .iomemPermission,
                "ioport_permission": .ioportPermission,
                "hypercall_init": .hypercallInit,
                "settimeoffset": .setTimeOffset,
                "getvcpuaffinity": .getVCPUAffinity,
                "resumedomain": .resumeDomain,
                "sendtrigger": .sendTrigger,
                "subscribe": .subscribe,
                "gethvmcontext": .getHVMContext,
                "sethvmcontext": .setHVMContext,
                "set_address_size": .setAddressSize,
                "get_address_size": .getAddressSize,
                "assign_device": .assignDevice,
                "bind_pt_irq": .bindPTIRQ,
                "memory_mapping": .memoryMapping,
                "ioport_mapping": .ioportMapping,
                "set_ext_vcpucontext": .setExtVCPUContext,
                "get_ext_vcpucontext": .getExtVCPUContext,
                "test_assign_device": .testAssignDevice,
                "set_target": .setTarget,
                "deassign_device": .deassignDevice,
                "unbind_pt_irq": .unbindPTIRQ,
                "get_device_group": .getDeviceGroup,
                "debug_op": .debugOp,
                "gethvmcontext_partial": .getHVMContextPartial,
                "vm_event_op": .vmEventOp,
                "mem_sharing_op": .memSharingOp,
                "gettscinfo": .getTSCInfo,
                "settscinfo": .setTSCInfo,
                "getpageframeinfo3": .getPageFrameInfo3,
                "setvcpuextstate": .setVCPUExtState,
                "getvcpuextstate": .getVCPUExtState,
                "set_access_required": .setAccessRequired,
                "audit_p2m": .auditP2M,
                "set_virq_handler": .setVIRQHandler,
                "set_broken_page_p2m": .setBrokenPageP2M,
                "setnodeaffinity": .setNodeAffinity,
                "getnodeaffinity": .getNodeAffinity,
                "cacheflush": .cacheFlush,
                "get_vcpu_msrs": .getVCPUMSRs,
                "set_vcpu_msrs": .setVCPUMSRs,
                "setvnumainfo": .setVNUMAInfo,
                "psr_cmt_op": .psrCMTOp,
                "monitor_op": .monitorOp,
                "psr_alloc": .psrAlloc,
                "soft_reset": .softReset,
                "vuart_op": .vuartOp,
                "get_cpu_policy": .getCPUPolicy,
                "set_cpu_policy": .setCPUPolicy,
                "vmtrace_op": .vmtraceOp,
                "get_paging_mempool_size": .getPagingMempoolSize,
                "set_paging_mempool_size": .setPagingMempoolSize,
            ] as KeyValuePairs<String, Domctl>)
        values("XEN_", ["DOMCTL_INTERFACE_VERSION": Domctl.interfaceVersion])
        add("sizeof(((struct xen_domctl *)0)->u.pad)", Domctl.payloadSize, "Domctl.payloadSize")
        add("sizeof(((struct xen_domctl *)0)->u)", Domctl.payloadSize, "Domctl.payloadSize")
        add("sizeof(struct xen_domctl)", MemoryLayout<DomctlHeader>.stride + Domctl.payloadSize, "Domctl")
        add("offsetof(struct xen_domctl, u)", MemoryLayout<DomctlHeader>.stride, "DomctlHeader")
    }

    private mutating func addDomctlFlags() {
        values(
            "XEN_DOMCTL_",
            [
                "CDF_hvm": CreateFlag.hvm,
                "CDF_hap": CreateFlag.hap,
                "CDF_s3_integrity": CreateFlag.s3Integrity,
                "CDF_oos_off": CreateFlag.oosOff,
                "CDF_xs_domain": CreateFlag.xenstoreDomain,
                "CDF_iommu": CreateFlag.iommu,
                "CDF_nested_virt": CreateFlag.nestedVirt,
                "CDF_vpmu": CreateFlag.vpmu,
                "GRANT_version_mask": CreateFlag.grantVersionMask,
            ])
        values(
            "XEN_DOMCTL_SHADOW_",
            [
                "OP_OFF": ShadowOp.off.rawValue,
                "OP_ENABLE": ShadowOp.enable.rawValue,
                "OP_ENABLE_LOGDIRTY": ShadowOp.enableLogDirty.rawValue,
                "OP_CLEAN": ShadowOp.clean.rawValue,
                "OP_PEEK": ShadowOp.peek.rawValue,
                "OP_GET_ALLOCATION": ShadowOp.getAllocation.rawValue,
                "OP_SET_ALLOCATION": ShadowOp.setAllocation.rawValue,
                "ENABLE_LOG_DIRTY": DomctlShadowOp.enableLogDirty,
                "LOGDIRTY_FINAL": DomctlShadowOp.final,
            ])
        values(
            "XEN_DOMINF_",
            [
                "dying": DomainInfoFlag.dying,
                "hvm_guest": DomainInfoFlag.hvmGuest,
                "shutdown": DomainInfoFlag.shutdown,
                "paused": DomainInfoFlag.paused,
                "blocked": DomainInfoFlag.blocked,
                "running": DomainInfoFlag.running,
                "debugged": DomainInfoFlag.debugged,
                "xs_domain": DomainInfoFlag.xenstoreDomain,
                "hap": DomainInfoFlag.hap,
                "shutdownmask": DomainInfoFlag.shutdownMask,
                "shutdownshift": DomainInfoFlag.shutdownShift,
            ])
        values(
            "XEN_",
            [
                "INVALID_MAX_VCPU_ID": DomainInfoFlag.noVCPU,
                "VCPUAFFINITY_HARD": DomctlVCPUAffinity.hardFlag,
                "VCPUAFFINITY_SOFT": DomctlVCPUAffinity.softFlag,
                "VCPUAFFINITY_FORCE": DomctlVCPUAffinity.forceFlag,
            ])
    }

    private mutating func addDomctlStructures() {
        for (c, path) in [
            "cmd": \.command, "interface_version": \.interfaceVersion, "domain": \.domain, "_pad": \.pad,
        ] as KeyValuePairs<String, PartialKeyPath<DomctlHeader>> {
            add("offsetof(struct xen_domctl, \(c))", MemoryLayout<DomctlHeader>.offset(of: path)!, "DomctlHeader.\(c)")
        }
        structure("struct xen_domctl_max_mem", DomctlMaxMem.self, ["max_memkb": \.kibibytes])
        structure("struct xen_domctl_max_vcpus", DomctlMaxVCPUs.self, ["max": \.maximum])
        structure("struct xen_domctl_vcpucontext", DomctlVCPUContext.self, ["vcpu": \.vcpu, "ctxt": \.context])
        structure(
            "struct xen_domctl_getvcpuinfo", DomctlVCPUInfo.self,
            [
                "vcpu": \.vcpu,
                "online": \.online,
                "blocked": \.blocked,
                "running": \.running,
                "cpu_time": \.cpuTime,
                "cpu": \.cpu,
            ])
        structure("struct xenctl_bitmap", ControlBitmap.self, ["bitmap": \.bitmap, "nr_bits": \.bits])
        structure(
            "struct xen_domctl_vcpuaffinity", DomctlVCPUAffinity.self,
            [
                "vcpu": \.vcpu,
                "flags": \.flags,
                "cpumap_hard": \.hard,
                "cpumap_soft": \.soft,
            ])
        structure("struct xen_domctl_address_size", DomctlAddressSize.self, ["size": \.bits])
        structure("struct xen_domctl_paging_mempool", DomctlPagingPool.self, ["size": \.bytes])
        structure(
            "struct xen_domctl_shadow_op", DomctlShadowOp.self,
            [
                "op": \.operation,
                "mode": \.mode,
                "mb": \.mebibytes,
                "dirty_bitmap": \.bitmap,
                "pages": \.pages,
                "stats.fault_count": \.faultCount,
                "stats.dirty_count": \.dirtyCount,
            ])
        structure("struct xen_domctl_setdomainhandle", DomctlSetHandle.self, ["handle": \.handle])
    }

    private mutating func addArchDomctls<Arch: DomainConfig>(_ type: Arch.Type) {
        structure(
            "struct xen_domctl_createdomain", CreateDomain<Arch>.self,
            [
                "ssidref": \.ssidref,
                "handle": \.handle,
                "flags": \.flags,
                "iommu_opts": \.iommuOptions,
                "max_vcpus": \.maximumVCPUs,
                "max_evtchn_port": \.maximumPort,
                "max_grant_frames": \.maximumGrantFrames,
                "max_maptrack_frames": \.maximumMaptrackFrames,
                "grant_opts": \.grantOptions,
                "vmtrace_size": \.vmtraceSize,
                "cpupool_id": \.cpuPool,
                "arch": \.arch,
            ])
        structure(
            "struct xen_domctl_getdomaininfo", DomainInfo<Arch>.self,
            [
                "domain": \.domain,
                "pad1": \.pad1,
                "flags": \.flags,
                "tot_pages": \.totalPages,
                "max_pages": \.maximumPages,
                "outstanding_pages": \.outstandingPages,
                "shr_pages": \.sharedPages,
                "paged_pages": \.pagedPages,
                "shared_info_frame": \.sharedInfoFrame,
                "cpu_time": \.cpuTime,
                "nr_online_vcpus": \.onlineVCPUs,
                "max_vcpu_id": \.maximumVCPUID,
                "ssidref": \.ssidref,
                "handle": \.handle,
                "cpupool": \.cpuPool,
                "gpaddr_bits": \.addressBits,
                "pad2": \.pad2,
                "arch_config": \.arch,
            ])
    }

    private mutating func addARMDomctls() {
        addArchDomctls(ARMDomainConfig.self)
        structure(
            "struct xen_arch_domainconfig", ARMDomainConfig.self,
            [
                "gic_version": \.gicVersion,
                "tee_type": \.teeType,
                "nr_spis": \.sharedInterrupts,
                "clock_frequency": \.clockFrequency,
            ])
        values(
            "XEN_DOMCTL_CONFIG_",
            [
                "GIC_NATIVE": ARMDomainConfig.gicNative,
                "GIC_V2": ARMDomainConfig.gicV2,
                "GIC_V3": ARMDomainConfig.gicV3,
            ])
        values("XEN_DOMCTL_CONFIG_", ["TEE_NONE": ARMDomainConfig.teeNone])
        values("", ["VGCF_online": ARMVCPUContext.online])
        structure(
            "struct vcpu_guest_context", ARMVCPUContext.self,
            [
                "flags": \.flags,
                "user_regs": \.registers,
                "sctlr": \.sctlr,
                "ttbcr": \.ttbcr,
                "ttbr0": \.ttbr0,
                "ttbr1": \.ttbr1,
            ])
        structure(
            "struct vcpu_guest_core_regs", ARMCoreRegisters.self,
            [
                "pc64": \.pc,
                "cpsr": \.cpsr,
                "spsr_el1": \.spsrEL1,
                "spsr_fiq": \.spsrFIQ,
                "spsr_irq": \.spsrIRQ,
                "spsr_und": \.spsrUND,
                "spsr_abt": \.spsrABT,
                "sp_el0": \.spEL0,
                "sp_el1": \.spEL1,
                "elr_el1": \.elrEL1,
            ])
    }

    private mutating func addX86Domctls(_ caller: Caller) {
        if caller.description == Caller.x86_64.description { addX86Contexts() }
        addArchDomctls(X86DomainConfig.self)
        structure(
            "struct xen_arch_domainconfig", X86DomainConfig.self,
            [
                "emulation_flags": \.emulationFlags,
                "misc_flags": \.miscFlags,
            ])
        values(
            "XEN_X86_EMU_",
            [
                "LAPIC": X86Emulation.localAPIC,
                "HPET": X86Emulation.hpet,
                "PM": X86Emulation.powerManagement,
                "RTC": X86Emulation.rtc,
                "IOAPIC": X86Emulation.ioAPIC,
                "PIC": X86Emulation.pic,
                "VGA": X86Emulation.vga,
                "IOMMU": X86Emulation.iommu,
                "PIT": X86Emulation.pit,
                "USE_PIRQ": X86Emulation.usePIRQ,
                "VPCI": X86Emulation.vPCI,
                "ALL": X86Emulation.all,
            ])
        values("XEN_X86_", ["MSR_RELAXED": X86Emulation.relaxedMSRs])
    }

    private mutating func addX86Contexts() {
        values("", ["VGCF_i387_valid": X86VCPUContext.vectorsAreValid, "VGCF_online": X86VCPUContext.online])
        structure(
            "struct vcpu_guest_context", X86VCPUContext.self,
            [
                "fpu_ctxt": \.start.vectors,
                "flags": \.start.flags,
                "user_regs": \.start.registers,
                "trap_ctxt": \.traps,
                "ldt_base": \.end.ldtBase,
                "ldt_ents": \.end.ldtEntries,
                "gdt_frames": \.end.gdtFrames,
                "gdt_ents": \.end.gdtEntries,
                "kernel_ss": \.end.kernelSS,
                "kernel_sp": \.end.kernelSP,
                "ctrlreg": \.end.control,
                "debugreg": \.end.debug,
                "event_callback_eip": \.end.eventCallback,
                "failsafe_callback_eip": \.end.failsafeCallback,
                "syscall_callback_eip": \.end.syscallCallback,
                "vm_assist": \.end.assists,
                "fs_base": \.end.fsBase,
                "gs_base_kernel": \.end.gsBaseKernel,
                "gs_base_user": \.end.gsBaseUser,
            ])
        add("offsetof(struct vcpu_guest_context, trap_ctxt)", X86VCPUContext.trapsOffset, "trapsOffset")
        add("offsetof(struct vcpu_guest_context, ldt_base)", X86VCPUContext.endOffset, "endOffset")
        structure(
            "struct cpu_user_regs", X86UserRegisters.self,
            [
                "r15": \.r15,
                "r14": \.r14,
                "r13": \.r13,
                "r12": \.r12,
                "rbp": \.rbp,
                "rbx": \.rbx,
                "r11": \.r11,
                "r10": \.r10,
                "r9": \.r9,
                "r8": \.r8,
                "rax": \.rax,
                "rcx": \.rcx,
                "rdx": \.rdx,
                "rsi": \.rsi,
                "rdi": \.rdi,
                "error_code": \.errorCode,
                "entry_vector": \.entryVector,
                "rip": \.rip,
                "cs": \.cs,
                "saved_upcall_mask": \.savedUpcallMask,
                "rflags": \.rflags,
                "rsp": \.rsp,
                "ss": \.ss,
                "es": \.es,
                "ds": \.ds,
                "fs": \.fs,
                "gs": \.gs,
            ])
    }
}
