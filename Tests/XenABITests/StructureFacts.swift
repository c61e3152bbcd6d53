// SPDX-License-Identifier: Apache-2.0

import XenABI

// Structures that all callers lay out alike.

extension Facts {
    mutating func addFixedStructures(_ caller: Caller) {
        addGeneralStructures()
        addEventStructures()
        addGrantStructures()
        addDeviceStructures()
        if !caller.isARM {
            structure(
                "xen_hvm_evtchn_upcall_vector_t", HVMEvtchnUpcallVector.self, ["vcpu": \.vcpu, "vector": \.vector])
        }
    }

    private mutating func addGeneralStructures() {
        add("sizeof(xen_extraversion_t)", MemoryLayout<ExtraVersion>.size, "ExtraVersion")
        add("sizeof(xen_capabilities_info_t)", MemoryLayout<CapabilitiesInfo>.size, "CapabilitiesInfo")
        add("sizeof(xen_changeset_info_t)", MemoryLayout<ChangesetInfo>.size, "ChangesetInfo")
        add("sizeof(xen_commandline_t)", MemoryLayout<CommandLineInfo>.size, "CommandLineInfo")
        add("sizeof(xen_domain_handle_t)", MemoryLayout<DomainHandle>.size, "DomainHandle")
        structure(
            "xen_compile_info_t", CompileInfo.self,
            [
                "compiler": \.compiler,
                "compile_by": \.compileBy,
                "compile_domain": \.compileDomain,
                "compile_date": \.compileDate,
            ])
        structure(
            "xen_feature_info_t", FeatureInfo.self,
            [
                "submap_idx": \.submapIndex,
                "submap": \.submap,
            ])
        structure(
            "xen_build_id_t", BuildIDHeader.self,
            [
                "len": \.length,
            ])
        structure(
            "struct xen_memory_domain", MemoryDomain.self,
            [
                "domid": \.domain,
            ])
        structure(
            "vcpu_register_runstate_memory_area_t", VCPURegisterArea.self,
            [
                "addr.p": \.address,
            ])
        structure(
            "vcpu_register_time_memory_area_t", VCPURegisterArea.self,
            [
                "addr.p": \.address,
            ])
        structure(
            "vcpu_set_periodic_timer_t", VCPUSetPeriodicTimer.self,
            [
                "period_ns": \.period,
            ])
        structure(
            "vcpu_register_vcpu_info_t", VCPURegisterInfo.self,
            [
                "mfn": \.gfn,
                "offset": \.offset,
                "rsvd": \.reserved,
            ])
        structure(
            "vcpu_get_physid_t", VCPUGetPhysID.self,
            [
                "phys_id": \.physID,
            ])
        structure(
            "sched_shutdown_t", SchedShutdown.self,
            [
                "reason": \.reason,
            ])
        structure(
            "sched_remote_shutdown_t", SchedRemoteShutdown.self,
            [
                "domain_id": \.domain,
                "reason": \.reason,
            ])
        structure(
            "sched_watchdog_t", SchedWatchdog.self,
            [
                "id": \.id,
                "timeout": \.timeout,
            ])
        structure(
            "sched_pin_override_t", SchedPinOverride.self,
            [
                "pcpu": \.pcpu,
            ])
    }

    private mutating func addEventStructures() {
        structure(
            "evtchn_alloc_unbound_t", EventAllocUnbound.self,
            [
                "dom": \.domain,
                "remote_dom": \.remoteDomain,
                "port": \.port,
            ])
        structure(
            "evtchn_bind_interdomain_t", EventBindInterdomain.self,
            [
                "remote_dom": \.remoteDomain,
                "remote_port": \.remotePort,
                "local_port": \.localPort,
            ])
        structure(
            "evtchn_bind_virq_t", EventBindVIRQ.self,
            [
                "virq": \.virq,
                "vcpu": \.vcpu,
                "port": \.port,
            ])
        structure(
            "evtchn_bind_pirq_t", EventBindPIRQ.self,
            [
                "pirq": \.pirq,
                "flags": \.flags,
                "port": \.port,
            ])
        structure(
            "evtchn_bind_ipi_t", EventBindIPI.self,
            [
                "vcpu": \.vcpu,
                "port": \.port,
            ])
        structure(
            "evtchn_close_t", EventPort.self,
            [
                "port": \.port,
            ])
        structure(
            "evtchn_send_t", EventPort.self,
            [
                "port": \.port,
            ])
        structure(
            "evtchn_unmask_t", EventPort.self,
            [
                "port": \.port,
            ])
        structure(
            "evtchn_status_t", EventStatus.self,
            [
                "dom": \.domain,
                "port": \.port,
                "status": \.status,
                "vcpu": \.vcpu,
                "u.pirq": \.detail,
                "u.virq": \.detail,
                "u.interdomain.port": \.remotePort,
            ])
        structure(
            "evtchn_bind_vcpu_t", EventBindVCPU.self,
            [
                "port": \.port,
                "vcpu": \.vcpu,
            ])
        structure(
            "evtchn_reset_t", EventReset.self,
            [
                "dom": \.domain,
            ])
        structure(
            "evtchn_init_control_t", EventInitControl.self,
            [
                "control_gfn": \.controlGFN,
                "offset": \.offset,
                "vcpu": \.vcpu,
                "link_bits": \.linkBits,
                "_pad": \.pad,
            ])
        structure(
            "evtchn_expand_array_t", EventExpandArray.self,
            [
                "array_gfn": \.arrayGFN,
            ])
        structure(
            "evtchn_set_priority_t", EventSetPriority.self,
            [
                "port": \.port,
                "priority": \.priority,
            ])
        structure(
            "evtchn_fifo_control_block_t", EventFIFOControlBlock.self,
            [
                "ready": \.ready,
                "_rsvd": \.reserved,
                "head": \.head,
            ])
    }

    private mutating func addGrantStructures() {
        structure(
            "grant_entry_v1_t", GrantEntryV1.self,
            [
                "flags": \.flags,
                "domid": \.domain,
                "frame": \.frame,
            ])
        structure(
            "grant_entry_v2_t", GrantEntryV2.self,
            [
                "hdr.flags": \.flags,
                "hdr.domid": \.domain,
                "sub_page.page_off": \.pageOffsetOrTransitiveDomain,
                "sub_page.length": \.length,
                "sub_page.frame": \.frame,
                "full_page.frame": \.frame,
                "transitive.trans_domid": \.pageOffsetOrTransitiveDomain,
            ])
        structure(
            "gnttab_map_grant_ref_t", GrantMap.self,
            [
                "host_addr": \.hostAddress,
                "flags": \.flags,
                "ref": \.ref,
                "dom": \.domain,
                "status": \.status,
                "handle": \.handle,
                "dev_bus_addr": \.deviceAddress,
            ])
        structure(
            "gnttab_unmap_grant_ref_t", GrantUnmap.self,
            [
                "host_addr": \.hostAddress,
                "dev_bus_addr": \.deviceAddress,
                "handle": \.handle,
                "status": \.status,
            ])
        structure(
            "gnttab_dump_table_t", GrantDumpTable.self,
            [
                "dom": \.domain,
                "status": \.status,
            ])
        structure(
            "gnttab_query_size_t", GrantQuerySize.self,
            [
                "dom": \.domain,
                "nr_frames": \.nrFrames,
                "max_nr_frames": \.maxNrFrames,
                "status": \.status,
            ])
        structure(
            "gnttab_unmap_and_replace_t", GrantUnmapAndReplace.self,
            [
                "host_addr": \.hostAddress,
                "new_addr": \.newAddress,
                "handle": \.handle,
                "status": \.status,
            ])
        structure(
            "gnttab_set_version_t", GrantSetVersion.self,
            [
                "version": \.version,
            ])
        structure(
            "gnttab_get_version_t", GrantGetVersion.self,
            [
                "dom": \.domain,
                "pad": \.pad,
                "version": \.version,
            ])
        structure(
            "gnttab_swap_grant_ref_t", GrantSwap.self,
            [
                "ref_a": \.refA,
                "ref_b": \.refB,
                "status": \.status,
            ])
        structure(
            "gnttab_cache_flush_t", GrantCacheFlush.self,
            [
                "a.dev_bus_addr": \.deviceAddressOrRef,
                "offset": \.offset,
                "length": \.length,
                "op": \.operation,
            ])
    }

    private mutating func addDeviceStructures() {
        structure(
            "xen_hvm_param_t", HVMParamArgument.self,
            [
                "domid": \.domain,
                "pad": \.pad,
                "index": \.index,
                "value": \.value,
            ])
        structure(
            "xen_hvm_pagetable_dying_t", HVMPagetableDying.self,
            [
                "domid": \.domain,
                "pad": \.pad,
                "gpa": \.gpa,
            ])
        structure(
            "xen_hvm_get_time_t", HVMGetTime.self,
            [
                "now": \.now,
            ])
        structure(
            "xen_hvm_get_mem_type_t", HVMGetMemType.self,
            [
                "domid": \.domain,
                "mem_type": \.memType,
                "pad": \.pad,
                "pfn": \.pfn,
            ])
        structure(
            "physdev_eoi_t", PhysdevEOI.self,
            [
                "irq": \.irq,
            ])
        structure(
            "physdev_irq_status_query_t", PhysdevIRQStatusQuery.self,
            [
                "irq": \.irq,
                "flags": \.flags,
            ])
        structure(
            "physdev_unmap_pirq_t", PhysdevUnmapPIRQ.self,
            [
                "domid": \.domain,
                "pirq": \.pirq,
            ])
        structure(
            "physdev_manage_pci_t", PhysdevManagePCI.self,
            [
                "bus": \.bus,
                "devfn": \.devfn,
            ])
        structure(
            "physdev_setup_gsi_t", PhysdevSetupGSI.self,
            [
                "gsi": \.gsi,
                "triggering": \.triggering,
                "polarity": \.polarity,
            ])
        structure(
            "physdev_get_free_pirq_t", PhysdevGetFreePIRQ.self,
            [
                "type": \.type,
                "pirq": \.pirq,
            ])
        structure(
            "physdev_pci_mmcfg_reserved_t", PhysdevPCIMMCFGReserved.self,
            [
                "address": \.address,
                "segment": \.segment,
                "start_bus": \.startBus,
                "end_bus": \.endBus,
                "flags": \.flags,
            ])
        structure(
            "physdev_pci_device_add_t", PhysdevPCIDeviceAdd.self,
            [
                "seg": \.segment,
                "bus": \.bus,
                "devfn": \.devfn,
                "flags": \.flags,
                "physfn.bus": \.physicalFunctionBus,
                "physfn.devfn": \.physicalFunctionDevfn,
            ])
        structure(
            "physdev_pci_device_t", PhysdevPCIDevice.self,
            [
                "seg": \.segment,
                "bus": \.bus,
                "devfn": \.devfn,
            ])
        structure(
            "struct hvm_start_info", PVH.StartInfo.self,
            [
                "magic": \.magic,
                "version": \.version,
                "flags": \.flags,
                "nr_modules": \.nrModules,
                "modlist_paddr": \.moduleList,
                "cmdline_paddr": \.commandLine,
                "rsdp_paddr": \.rsdp,
                "memmap_paddr": \.memoryMap,
                "memmap_entries": \.memoryMapEntries,
                "reserved": \.reserved,
            ])
        structure(
            "struct hvm_modlist_entry", PVH.Module.self,
            [
                "paddr": \.address,
                "size": \.size,
                "cmdline_paddr": \.commandLine,
                "reserved": \.reserved,
            ])
        structure(
            "struct hvm_memmap_table_entry", PVH.MemoryMapEntry.self,
            [
                "addr": \.address,
                "size": \.size,
                "type": \.type,
                "reserved": \.reserved,
            ])
    }
}
