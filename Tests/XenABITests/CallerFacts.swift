// SPDX-License-Identifier: Apache-2.0

import XenABI

// Structures whose layout is the caller's.

extension Facts {
    mutating func addCallerStructures<C: CallerABI>(_ type: C.Type) {
        addMemoryStructures(C.self)
        addOtherStructures(C.self)
        add("8 * sizeof(xen_ulong_t)", C.wordBits, "CallerABI.wordBits")
        add("EVTCHN_2L_NR_CHANNELS", EventTwoLevel.ports(wordBits: C.wordBits), "EventTwoLevel.ports")
    }

    private mutating func addMemoryStructures<C: CallerABI>(_ type: C.Type) {
        structure(
            "xen_memory_reservation_t", MemoryReservation<C>.self,
            [
                "extent_start": \.extentStart,
                "nr_extents": \.nrExtents,
                "extent_order": \.extentOrder,
                "mem_flags": \.flags,
                "domid": \.domain,
            ])
        structure(
            "xen_memory_exchange_t", MemoryExchange<C>.self,
            [
                "in": \.input,
                "out": \.output,
                "nr_exchanged": \.nrExchanged,
            ])
        structure(
            "xen_machphys_mfn_list_t", MachphysMFNList<C>.self,
            [
                "max_extents": \.maxExtents,
                "extent_start": \.extentStart,
                "nr_extents": \.nrExtents,
            ])
        structure(
            "xen_machphys_mapping_t", MachphysMapping<C>.self,
            [
                "v_start": \.virtualStart,
                "v_end": \.virtualEnd,
                "max_mfn": \.maxMFN,
            ])
        structure(
            "xen_add_to_physmap_t", AddToPhysmap<C>.self,
            [
                "domid": \.domain,
                "size": \.size,
                "space": \.space,
                "idx": \.index,
                "gpfn": \.gpfn,
            ])
        structure(
            "xen_add_to_physmap_batch_t", AddToPhysmapBatch<C>.self,
            [
                "domid": \.domain,
                "space": \.space,
                "size": \.size,
                "u.foreign_domid": \.foreignDomain,
                "idxs": \.indexes,
                "gpfns": \.gpfns,
                "errs": \.errors,
            ])
        structure(
            "xen_remove_from_physmap_t", RemoveFromPhysmap<C>.self,
            [
                "domid": \.domain,
                "gpfn": \.gpfn,
            ])
        structure(
            "xen_memory_map_t", MemoryMap<C>.self,
            [
                "nr_entries": \.nrEntries,
                "buffer": \.buffer,
            ])
        structure(
            "xen_foreign_memory_map_t", ForeignMemoryMap<C>.self,
            [
                "domid": \.domain,
                "map": \.map,
            ])
        structure(
            "xen_pod_target_t", PoDTarget<C>.self,
            [
                "target_pages": \.targetPages,
                "tot_pages": \.totalPages,
                "pod_cache_pages": \.cachePages,
                "pod_entries": \.entries,
                "domid": \.domain,
            ])
        structure(
            "xen_mem_acquire_resource_t", AcquireResource<C>.self,
            [
                "domid": \.domain,
                "type": \.type,
                "id": \.id,
                "nr_frames": \.nrFrames,
                "pad": \.pad,
                "frame": \.frame,
                "frame_list": \.frameList,
            ])
        structure(
            "xen_reserved_device_memory_t", ReservedDeviceMemory<C>.self,
            [
                "start_pfn": \.startPFN,
                "nr_pages": \.nrPages,
            ])
        structure(
            "xen_reserved_device_memory_map_t", ReservedDeviceMemoryMap<C>.self,
            [
                "flags": \.flags,
                "nr_entries": \.nrEntries,
                "buffer": \.buffer,
                "dev.pci": \.device,
            ])
        structure(
            "xen_vmemrange_t", VMemRange<C>.self,
            [
                "start": \.start,
                "end": \.end,
                "flags": \.flags,
                "nid": \.node,
            ])
        structure(
            "struct xen_vnuma_topology_info", VNUMATopologyInfo<C>.self,
            [
                "domid": \.domain,
                "pad": \.pad,
                "nr_vnodes": \.nrVnodes,
                "nr_vcpus": \.nrVCPUs,
                "nr_vmemranges": \.nrVMemRanges,
                "vdistance": \.vdistance,
                "vcpu_to_vnode": \.vcpuToVnode,
                "vmemrange": \.vmemrange,
            ])
    }

    private mutating func addOtherStructures<C: CallerABI>(_ type: C.Type) {
        structure(
            "multicall_entry_t", MulticallEntry<C>.self,
            [
                "op": \.operation,
                "result": \.result,
                "args": \.arguments,
            ])
        structure(
            "xen_platform_parameters_t", PlatformParameters<C>.self,
            [
                "virt_start": \.virtualStart,
            ])
        structure(
            "gnttab_setup_table_t", GrantSetupTable<C>.self,
            [
                "dom": \.domain,
                "nr_frames": \.nrFrames,
                "status": \.status,
                "frame_list": \.frameList,
            ])
        structure(
            "gnttab_transfer_t", GrantTransfer<C>.self,
            [
                "mfn": \.mfn,
                "domid": \.domain,
                "ref": \.ref,
                "status": \.status,
            ])
        structure(
            "struct gnttab_copy_ptr", GrantCopyPointer<C>.self,
            [
                "u.gmfn": \.refOrFrame,
                "domid": \.domain,
                "offset": \.offset,
            ])
        structure(
            "gnttab_copy_t", GrantCopy<C>.self,
            [
                "source": \.source,
                "dest": \.destination,
                "len": \.length,
                "flags": \.flags,
                "status": \.status,
            ])
        structure(
            "gnttab_get_status_frames_t", GrantGetStatusFrames<C>.self,
            [
                "nr_frames": \.nrFrames,
                "dom": \.domain,
                "status": \.status,
                "frame_list": \.frameList,
            ])
        structure(
            "vcpu_runstate_info_t", RunstateInfo<C>.self,
            [
                "state": \.state,
                "state_entry_time": \.entryTime,
                "time": \.time,
            ])
        structure(
            "vcpu_set_singleshot_timer_t", VCPUSetSingleshotTimer<C>.self,
            [
                "timeout_abs_ns": \.timeout,
                "flags": \.flags,
            ])
        structure(
            "vcpu_time_info_t", VCPUTimeInfo<C>.self,
            [
                "version": \.version,
                "pad0": \.pad0,
                "tsc_timestamp": \.tscTimestamp,
                "system_time": \.systemTime,
                "tsc_to_system_mul": \.tscToSystemMultiplier,
                "tsc_shift": \.tscShift,
                "flags": \.flags,
                "pad1": \.pad1,
            ])
        structure(
            "sched_poll_t", SchedPoll<C>.self,
            [
                "ports": \.ports,
                "nr_ports": \.nrPorts,
                "timeout": \.timeout,
            ])
        structure(
            "physdev_map_pirq_t", PhysdevMapPIRQ<C>.self,
            [
                "domid": \.domain,
                "type": \.type,
                "index": \.index,
                "pirq": \.pirq,
                "bus": \.bus,
                "devfn": \.devfn,
                "entry_nr": \.entryCount,
                "table_base": \.tableBase,
            ])
        structure(
            "struct xenpf_settime32", PlatformSetTime32<C>.self,
            [
                "secs": \.seconds,
                "nsecs": \.nanoseconds,
                "system_time": \.systemTime,
            ])
        structure(
            "struct xenpf_settime64", PlatformSetTime64<C>.self,
            [
                "secs": \.seconds,
                "nsecs": \.nanoseconds,
                "mbz": \.mbz,
                "system_time": \.systemTime,
            ])
        add("offsetof(struct xen_platform_op, interface_version)", 4, "PlatformOpHeader.interfaceVersion")
        add("offsetof(struct xen_platform_op, u)", MemoryLayout<PlatformOpHeader>.size, "PlatformOpHeader")
        add("sizeof(((struct xen_platform_op *)0)->u)", PlatformOp.payloadSize, "PlatformOp.payloadSize")
    }

    mutating func addSharedInfo<C: CallerABI>(_ type: C.Type, _ caller: Caller) {
        let layout: SharedInfoLayout = caller.isARM ? .arm : C.wordBits == 64 ? .x86_64 : .x86_32
        let secondsHigh = C.wordBits == 32 && !caller.isARM ? "arch.wc_sec_hi" : "wc_sec_hi"
        add("8 * sizeof(xen_ulong_t)", layout.wordBits, "SharedInfoLayout.wordBits")
        add("sizeof(vcpu_info_t)", layout.vcpuInfoSize, "SharedInfoLayout.vcpuInfoSize")
        add("XEN_LEGACY_MAX_VCPUS", layout.legacyVCPUs, "SharedInfoLayout.legacyVCPUs")
        add("sizeof(shared_info_t)", layout.size, "SharedInfoLayout.size")
        for (field, offset) in [
            ("evtchn_upcall_pending", layout.upcallPending), ("evtchn_pending_sel", layout.pendingSelector),
            ("arch", layout.archVCPUInfo), ("time", layout.time),
            (caller.isARM ? "pad0" : "evtchn_upcall_mask", layout.upcallMask),
        ] {
            add("offsetof(vcpu_info_t, \(field))", offset, "SharedInfoLayout: vcpu_info.\(field)")
        }
        for (field, offset) in [
            ("evtchn_pending", layout.pending), ("evtchn_mask", layout.mask), ("wc_version", layout.wallclockVersion),
            ("wc_sec", layout.wallclockSeconds), ("wc_nsec", layout.wallclockNanoseconds),
            (secondsHigh, layout.wallclockSecondsHigh), ("arch", layout.archSharedInfo),
        ] {
            add("offsetof(shared_info_t, \(field))", offset, "SharedInfoLayout: shared_info.\(field)")
        }
    }
}
