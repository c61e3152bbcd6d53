// SPDX-License-Identifier: Apache-2.0

import XenABI

// Every operation and enumerated number, by its C name.

extension Facts {
    mutating func addNumbers(_ caller: Caller) {
        addGeneralNumbers()
        addMemoryAndEventNumbers()
        addOtherNumbers(caller)
        addFlags(caller)
    }

    private mutating func addGeneralNumbers() {
        cases(
            "XEN_",
            [
                "EPERM": .eperm,
                "ENOENT": .enoent,
                "ESRCH": .esrch,
                "EIO": .eio,
                "ENXIO": .enxio,
                "E2BIG": .e2big,
                "ENOEXEC": .enoexec,
                "EBADF": .ebadf,
                "ECHILD": .echild,
                "EAGAIN": .eagain,
                "ENOMEM": .enomem,
                "EACCES": .eacces,
                "EFAULT": .efault,
                "EBUSY": .ebusy,
                "EEXIST": .eexist,
                "EXDEV": .exdev,
                "ENODEV": .enodev,
                "ENOTDIR": .enotdir,
                "EISDIR": .eisdir,
                "EINVAL": .einval,
                "ENFILE": .enfile,
                "EMFILE": .emfile,
                "ENOSPC": .enospc,
                "EROFS": .erofs,
                "EMLINK": .emlink,
                "EDOM": .edom,
                "ERANGE": .erange,
                "EDEADLK": .edeadlk,
                "ENAMETOOLONG": .enametoolong,
                "ENOLCK": .enolck,
                "ENOSYS": .enosys,
                "ENOTEMPTY": .enotempty,
                "ENODATA": .enodata,
                "ETIME": .etime,
                "EBADMSG": .ebadmsg,
                "EOVERFLOW": .eoverflow,
                "EILSEQ": .eilseq,
                "ENOTSOCK": .enotsock,
                "EMSGSIZE": .emsgsize,
                "EOPNOTSUPP": .eopnotsupp,
                "EADDRINUSE": .eaddrinuse,
                "EADDRNOTAVAIL": .eaddrnotavail,
                "ENOBUFS": .enobufs,
                "EISCONN": .eisconn,
                "ENOTCONN": .enotconn,
                "ETIMEDOUT": .etimedout,
                "ECONNREFUSED": .econnrefused,
            ] as KeyValuePairs<String, XenError>)
        cases(
            "__HYPERVISOR_",
            [
                "set_trap_table": .setTrapTable,
                "mmu_update": .mmuUpdate,
                "set_gdt": .setGDT,
                "stack_switch": .stackSwitch,
                "set_callbacks": .setCallbacks,
                "fpu_taskswitch": .fpuTaskswitch,
                "sched_op_compat": .schedOpCompat,
                "platform_op": .platformOp,
                "set_debugreg": .setDebugreg,
                "get_debugreg": .getDebugreg,
                "update_descriptor": .updateDescriptor,
                "memory_op": .memoryOp,
                "multicall": .multicall,
                "update_va_mapping": .updateVAMapping,
                "set_timer_op": .setTimerOp,
                "event_channel_op_compat": .eventChannelOpCompat,
                "xen_version": .xenVersion,
                "console_io": .consoleIO,
                "physdev_op_compat": .physdevOpCompat,
                "grant_table_op": .grantTableOp,
                "vm_assist": .vmAssist,
                "update_va_mapping_otherdomain": .updateVAMappingOtherDomain,
                "iret": .iret,
                "vcpu_op": .vcpuOp,
                "set_segment_base": .setSegmentBase,
                "mmuext_op": .mmuextOp,
                "xsm_op": .xsmOp,
                "nmi_op": .nmiOp,
                "sched_op": .schedOp,
                "callback_op": .callbackOp,
                "xenoprof_op": .xenoprofOp,
                "event_channel_op": .eventChannelOp,
                "physdev_op": .physdevOp,
                "hvm_op": .hvmOp,
                "sysctl": .sysctl,
                "domctl": .domctl,
                "kexec_op": .kexecOp,
                "tmem_op": .tmemOp,
                "argo_op": .argoOp,
                "xenpmu_op": .xenpmuOp,
                "dm_op": .dmOp,
                "hypfs_op": .hypfsOp,
                "arch_0": .arch0,
                "arch_1": .arch1,
                "arch_2": .arch2,
                "arch_3": .arch3,
                "arch_4": .arch4,
                "arch_5": .arch5,
                "arch_6": .arch6,
                "arch_7": .arch7,
            ] as KeyValuePairs<String, Hypercall>)
        cases(
            "VIRQ_",
            [
                "TIMER": .timer,
                "DEBUG": .debug,
                "CONSOLE": .console,
                "DOM_EXC": .domainException,
                "TBUF": .traceBuffer,
                "DEBUGGER": .debugger,
                "XENOPROF": .xenoprof,
                "CON_RING": .consoleRing,
                "PCPU_STATE": .pcpuState,
                "MEM_EVENT": .memoryEvent,
                "ARGO": .argo,
                "ENOMEM": .outOfMemory,
                "XENPMU": .pmu,
                "ARCH_0": .arch0,
                "ARCH_1": .arch1,
                "ARCH_2": .arch2,
                "ARCH_3": .arch3,
                "ARCH_4": .arch4,
                "ARCH_5": .arch5,
                "ARCH_6": .arch6,
                "ARCH_7": .arch7,
            ] as KeyValuePairs<String, VIRQ>)
        cases(
            "CONSOLEIO_",
            [
                "write": .write,
                "read": .read,
            ] as KeyValuePairs<String, ConsoleIOOp>)
        cases(
            "VMASST_CMD_",
            [
                "enable": .enable,
                "disable": .disable,
            ] as KeyValuePairs<String, VMAssistCommand>)
        cases(
            "VMASST_TYPE_",
            [
                "4gb_segments": .fourGBSegments,
                "4gb_segments_notify": .fourGBSegmentsNotify,
                "writable_pagetables": .writablePagetables,
                "pae_extended_cr3": .paeExtendedCR3,
                "architectural_iopl": .architecturalIOPL,
                "runstate_update_flag": .runstateUpdateFlag,
                "m2p_strict": .m2pStrict,
            ] as KeyValuePairs<String, VMAssist>)
    }

    private mutating func addMemoryAndEventNumbers() {
        cases(
            "XENVER_",
            [
                "version": .version,
                "extraversion": .extraVersion,
                "compile_info": .compileInfo,
                "capabilities": .capabilities,
                "changeset": .changeset,
                "platform_parameters": .platformParameters,
                "get_features": .getFeatures,
                "pagesize": .pageSize,
                "guest_handle": .guestHandle,
                "commandline": .commandLine,
                "build_id": .buildID,
            ] as KeyValuePairs<String, VersionOp>)
        cases(
            "XENFEAT_",
            [
                "writable_page_tables": .writablePageTables,
                "writable_descriptor_tables": .writableDescriptorTables,
                "auto_translated_physmap": .autoTranslatedPhysmap,
                "supervisor_mode_kernel": .supervisorModeKernel,
                "pae_pgdir_above_4gb": .paePgdirAbove4GB,
                "mmu_pt_update_preserve_ad": .mmuPTUpdatePreserveAD,
                "highmem_assist": .highmemAssist,
                "gnttab_map_avail_bits": .gnttabMapAvailBits,
                "hvm_callback_vector": .hvmCallbackVector,
                "hvm_safe_pvclock": .hvmSafePVClock,
                "hvm_pirqs": .hvmPIRQs,
                "dom0": .dom0,
                "memory_op_vnode_supported": .memoryOpVnodeSupported,
                "ARM_SMCCC_supported": .armSMCCCSupported,
                "linux_rsdp_unrestricted": .linuxRSDPUnrestricted,
                "not_direct_mapped": .notDirectMapped,
                "direct_mapped": .directMapped,
            ] as KeyValuePairs<String, Feature>)
        cases(
            "XENMEM_",
            [
                "increase_reservation": .increaseReservation,
                "decrease_reservation": .decreaseReservation,
                "maximum_ram_page": .maximumRAMPage,
                "current_reservation": .currentReservation,
                "maximum_reservation": .maximumReservation,
                "machphys_mfn_list": .machphysMFNList,
                "populate_physmap": .populatePhysmap,
                "add_to_physmap": .addToPhysmap,
                "memory_map": .memoryMap,
                "machine_memory_map": .machineMemoryMap,
                "exchange": .exchange,
                "machphys_mapping": .machphysMapping,
                "set_memory_map": .setMemoryMap,
                "maximum_gpfn": .maximumGPFN,
                "remove_from_physmap": .removeFromPhysmap,
                "set_pod_target": .setPoDTarget,
                "get_pod_target": .getPoDTarget,
                "get_sharing_freed_pages": .getSharingFreedPages,
                "get_sharing_shared_pages": .getSharingSharedPages,
                "paging_op": .pagingOp,
                "access_op": .accessOp,
                "sharing_op": .sharingOp,
                "add_to_physmap_batch": .addToPhysmapBatch,
                "claim_pages": .claimPages,
                "machphys_compat_mfn_list": .machphysCompatMFNList,
                "get_vnumainfo": .getVNUMAInfo,
                "reserved_device_memory_map": .reservedDeviceMemoryMap,
                "acquire_resource": .acquireResource,
            ] as KeyValuePairs<String, MemoryOp>)
        cases(
            "XENMAPSPACE_",
            [
                "shared_info": .sharedInfo,
                "grant_table": .grantTable,
                "gmfn": .gmfn,
                "gmfn_range": .gmfnRange,
                "gmfn_foreign": .gmfnForeign,
                "dev_mmio": .deviceMMIO,
            ] as KeyValuePairs<String, MapSpace>)
        cases(
            "XENMEM_resource_",
            [
                "ioreq_server": .ioreqServer,
                "grant_table": .grantTable,
                "vmtrace_buf": .vmtraceBuffer,
            ] as KeyValuePairs<String, ResourceType>)
        cases(
            "EVTCHNOP_",
            [
                "bind_interdomain": .bindInterdomain,
                "bind_virq": .bindVIRQ,
                "bind_pirq": .bindPIRQ,
                "close": .close,
                "send": .send,
                "status": .status,
                "alloc_unbound": .allocUnbound,
                "bind_ipi": .bindIPI,
                "bind_vcpu": .bindVCPU,
                "unmask": .unmask,
                "reset": .reset,
                "init_control": .initControl,
                "expand_array": .expandArray,
                "set_priority": .setPriority,
            ] as KeyValuePairs<String, EventChannelOp>)
        cases(
            "EVTCHNSTAT_",
            [
                "closed": .closed, "unbound": .unbound, "interdomain": .interdomain, "pirq": .pirq, "virq": .virq,
                "ipi": .ipi,
            ] as KeyValuePairs<String, EventStatus.State>)
    }

    private mutating func addOtherNumbers(_ caller: Caller) {
        cases(
            "GNTTABOP_",
            [
                "map_grant_ref": .mapGrantRef,
                "unmap_grant_ref": .unmapGrantRef,
                "setup_table": .setupTable,
                "dump_table": .dumpTable,
                "transfer": .transfer,
                "copy": .copy,
                "query_size": .querySize,
                "unmap_and_replace": .unmapAndReplace,
                "set_version": .setVersion,
                "get_status_frames": .getStatusFrames,
                "get_version": .getVersion,
                "swap_grant_ref": .swapGrantRef,
                "cache_flush": .cacheFlush,
            ] as KeyValuePairs<String, GrantTableOp>)
        cases(
            "GNTST_",
            [
                "okay": .okay,
                "general_error": .generalError,
                "bad_domain": .badDomain,
                "bad_gntref": .badGrantRef,
                "bad_handle": .badHandle,
                "bad_virt_addr": .badVirtualAddress,
                "bad_dev_addr": .badDeviceAddress,
                "no_device_space": .noDeviceSpace,
                "permission_denied": .permissionDenied,
                "bad_page": .badPage,
                "bad_copy_arg": .badCopyArgument,
                "address_too_big": .addressTooBig,
                "eagain": .eagain,
                "no_space": .noSpace,
            ] as KeyValuePairs<String, GrantStatus>)
        cases(
            "VCPUOP_",
            [
                "initialise": .initialise,
                "up": .up,
                "down": .down,
                "is_up": .isUp,
                "get_runstate_info": .getRunstateInfo,
                "register_runstate_memory_area": .registerRunstateMemoryArea,
                "set_periodic_timer": .setPeriodicTimer,
                "stop_periodic_timer": .stopPeriodicTimer,
                "set_singleshot_timer": .setSingleshotTimer,
                "stop_singleshot_timer": .stopSingleshotTimer,
                "register_vcpu_info": .registerVCPUInfo,
                "send_nmi": .sendNMI,
                "get_physid": .getPhysID,
                "register_vcpu_time_memory_area": .registerVCPUTimeMemoryArea,
            ] as KeyValuePairs<String, VCPUOp>)
        cases(
            "RUNSTATE_",
            [
                "running": .running,
                "runnable": .runnable,
                "blocked": .blocked,
                "offline": .offline,
            ] as KeyValuePairs<String, Runstate>)
        cases(
            "SCHEDOP_",
            [
                "yield": .yield,
                "block": .block,
                "shutdown": .shutdown,
                "poll": .poll,
                "remote_shutdown": .remoteShutdown,
                "shutdown_code": .shutdownCode,
                "watchdog": .watchdog,
                "pin_override": .pinOverride,
            ] as KeyValuePairs<String, SchedOp>)
        cases(
            "SHUTDOWN_",
            [
                "poweroff": .powerOff,
                "reboot": .reboot,
                "suspend": .suspend,
                "crash": .crash,
                "watchdog": .watchdog,
                "soft_reset": .softReset,
            ] as KeyValuePairs<String, ShutdownReason>)
        cases(
            "HVMOP_",
            [
                "set_param": .setParam,
                "get_param": .getParam,
                "flush_tlbs": .flushTLBs,
                "pagetable_dying": .pagetableDying,
                "get_time": .getTime,
                "xentrace": .xentrace,
                "get_mem_type": .getMemType,
                "guest_request_vm_event": .guestRequestVMEvent,
                "altp2m": .altp2m,
            ] as KeyValuePairs<String, HVMOp>)
        cases(
            "HVMMEM_",
            [
                "ram_rw": .ramRW,
                "ram_ro": .ramRO,
                "mmio_dm": .mmioDM,
                "unused": .unused,
                "ioreq_server": .ioreqServer,
            ] as KeyValuePairs<String, HVMMemType>)
        cases(
            "HVM_PARAM_",
            [
                "CALLBACK_IRQ": .callbackIRQ,
                "STORE_PFN": .storePFN,
                "STORE_EVTCHN": .storeEvtchn,
                "PAE_ENABLED": .paeEnabled,
                "IOREQ_PFN": .ioreqPFN,
                "BUFIOREQ_PFN": .bufioreqPFN,
                "TIMER_MODE": .timerMode,
                "HPET_ENABLED": .hpetEnabled,
                "IDENT_PT": .identPT,
                "DM_DOMAIN": .dmDomain,
                "ACPI_S_STATE": .acpiSState,
                "VM86_TSS": .vm86TSS,
                "VPT_ALIGN": .vptAlign,
                "CONSOLE_PFN": .consolePFN,
                "CONSOLE_EVTCHN": .consoleEvtchn,
                "ACPI_IOPORTS_LOCATION": .acpiIOPortsLocation,
                "MEMORY_EVENT_CR0": .memoryEventCR0,
                "MEMORY_EVENT_CR3": .memoryEventCR3,
                "MEMORY_EVENT_CR4": .memoryEventCR4,
                "MEMORY_EVENT_INT3": .memoryEventInt3,
                "NESTEDHVM": .nestedHVM,
                "MEMORY_EVENT_SINGLE_STEP": .memoryEventSingleStep,
                "BUFIOREQ_EVTCHN": .bufioreqEvtchn,
                "PAGING_RING_PFN": .pagingRingPFN,
                "MONITOR_RING_PFN": .monitorRingPFN,
                "SHARING_RING_PFN": .sharingRingPFN,
                "MEMORY_EVENT_MSR": .memoryEventMSR,
                "TRIPLE_FAULT_REASON": .tripleFaultReason,
                "IOREQ_SERVER_PFN": .ioreqServerPFN,
                "NR_IOREQ_SERVER_PAGES": .nrIoreqServerPages,
                "VM_GENERATION_ID_ADDR": .vmGenerationIDAddress,
                "ALTP2M": .altp2m,
                "X87_FIP_WIDTH": .x87FIPWidth,
                "VM86_TSS_SIZED": .vm86TSSSized,
                "MCA_CAP": .mcaCap,
            ] as KeyValuePairs<String, HVMParam>)
        cases(
            "PHYSDEVOP_",
            [
                "IRQ_UNMASK_NOTIFY": .irqUnmaskNotify,
                "irq_status_query": .irqStatusQuery,
                "set_iopl": .setIOPL,
                "set_iobitmap": .setIOBitmap,
                "apic_read": .apicRead,
                "apic_write": .apicWrite,
                "alloc_irq_vector": .allocIRQVector,
                "free_irq_vector": .freeIRQVector,
                "eoi": .eoi,
                "map_pirq": .mapPIRQ,
                "unmap_pirq": .unmapPIRQ,
                "manage_pci_add": .managePCIAdd,
                "manage_pci_remove": .managePCIRemove,
                "pirq_eoi_gmfn_v1": .pirqEOIGMFNv1,
                "restore_msi": .restoreMSI,
                "manage_pci_add_ext": .managePCIAddExt,
                "setup_gsi": .setupGSI,
                "get_free_pirq": .getFreePIRQ,
                "pci_mmcfg_reserved": .pciMMCFGReserved,
                "pci_device_add": .pciDeviceAdd,
                "pci_device_remove": .pciDeviceRemove,
                "restore_msi_ext": .restoreMSIExt,
                "pirq_eoi_gmfn_v2": .pirqEOIGMFNv2,
                "dbgp_op": .dbgpOp,
                "prepare_msix": .prepareMSIX,
                "release_msix": .releaseMSIX,
            ] as KeyValuePairs<String, PhysdevOp>)
        cases(
            "MAP_PIRQ_TYPE_",
            [
                "MSI": .msi,
                "GSI": .gsi,
                "UNKNOWN": .unknown,
                "MSI_SEG": .msiSegment,
                "MULTI_MSI": .multiMSI,
            ] as KeyValuePairs<String, MapPIRQType>)
        cases(
            "XEN_HVM_MEMMAP_TYPE_",
            [
                "RAM": .ram, "RESERVED": .reserved, "ACPI": .acpi, "NVS": .nvs, "UNUSABLE": .unusable,
                "DISABLED": .disabled, "PMEM": .persistent,
            ] as KeyValuePairs<String, PVH.MemoryType>)
        if !caller.isARM {
            add("HVMOP_set_evtchn_upcall_vector", HVMOp.setEvtchnUpcallVector.rawValue, "HVMOp.setEvtchnUpcallVector")
            add("HVM_PARAM_VIRIDIAN", HVMParam.viridian.rawValue, "HVMParam.viridian")
        }
    }
}
