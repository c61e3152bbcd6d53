// SPDX-License-Identifier: Apache-2.0

import XenABI

// Every flag and single constant, by its C name.

extension Facts {
    mutating func addFlags(_ caller: Caller) {
        addFlagSets()
        addSingleConstants(caller)
    }

    private mutating func addFlagSets() {
        values(
            "DOMID_",
            [
                "FIRST_RESERVED": ReservedDomain.first,
                "SELF": ReservedDomain.caller,
                "IO": ReservedDomain.io,
                "XEN": ReservedDomain.xen,
                "COW": ReservedDomain.copyOnWrite,
                "INVALID": ReservedDomain.invalid,
                "IDLE": ReservedDomain.idle,
                "MASK": ReservedDomain.mask,
            ] as KeyValuePairs<String, UInt16>)
        values(
            "SIF_",
            [
                "PRIVILEGED": StartInfoFlag.privileged,
                "INITDOMAIN": StartInfoFlag.initialDomain,
                "MULTIBOOT_MOD": StartInfoFlag.multibootModule,
                "MOD_START_PFN": StartInfoFlag.moduleStartIsPFN,
                "VIRT_P2M_4TOOLS": StartInfoFlag.virtualP2MForTools,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "GTF_",
            [
                "invalid": GrantFlag.invalid,
                "permit_access": GrantFlag.permitAccess,
                "accept_transfer": GrantFlag.acceptTransfer,
                "transitive": GrantFlag.transitive,
                "type_mask": GrantFlag.typeMask,
                "readonly": GrantFlag.readOnly,
                "reading": GrantFlag.reading,
                "writing": GrantFlag.writing,
                "PWT": GrantFlag.pwt,
                "PCD": GrantFlag.pcd,
                "PAT": GrantFlag.pat,
                "sub_page": GrantFlag.subPage,
                "transfer_committed": GrantFlag.transferCommitted,
                "transfer_completed": GrantFlag.transferCompleted,
            ] as KeyValuePairs<String, UInt16>)
        values(
            "GNTMAP_",
            [
                "device_map": GrantMapFlag.deviceMap,
                "host_map": GrantMapFlag.hostMap,
                "readonly": GrantMapFlag.readOnly,
                "application_map": GrantMapFlag.applicationMap,
                "contains_pte": GrantMapFlag.containsPTE,
                "guest_avail_mask": GrantMapFlag.guestAvailableMask,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "GNTTAB_",
            [
                "NR_RESERVED_ENTRIES": ReservedGrant.count,
                "RESERVED_CONSOLE": ReservedGrant.console,
                "RESERVED_XENSTORE": ReservedGrant.xenstore,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "GNTTAB_CACHE_",
            [
                "CLEAN": GrantCacheFlush.clean,
                "INVAL": GrantCacheFlush.invalidate,
                "SOURCE_GREF": GrantCacheFlush.sourceIsGrant,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "XENMEMF_",
            [
                "populate_on_demand": MemoryFlags.populateOnDemandBit,
                "exact_node_request": MemoryFlags.exactNodeBit,
                "vnode": MemoryFlags.virtualNodeBit,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "EVTCHN_FIFO_",
            [
                "PRIORITY_MAX": EventFIFO.highestPriority,
                "PRIORITY_DEFAULT": EventFIFO.defaultPriority,
                "PRIORITY_MIN": EventFIFO.lowestPriority,
                "NR_CHANNELS": EventFIFO.ports,
                "LINK_MASK": EventFIFO.linkMask,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "XENMEM_resource_grant_table_id_",
            [
                "shared": ResourceType.grantTableShared,
                "status": ResourceType.grantTableStatus,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "XENIRQSTAT_",
            [
                "needs_eoi": PhysdevIRQStatusQuery.needsEOI,
                "shared": PhysdevIRQStatusQuery.shared,
            ] as KeyValuePairs<String, UInt32>)
        values(
            "XEN_PCI_DEV_",
            [
                "EXTFN": PhysdevPCIDeviceAdd.extendedFunction,
                "VIRTFN": PhysdevPCIDeviceAdd.virtualFunction,
                "PXM": PhysdevPCIDeviceAdd.proximity,
            ] as KeyValuePairs<String, UInt32>)
        for (name, bit) in [
            ("PENDING", EventFIFO.pending), ("MASKED", EventFIFO.masked), ("LINKED", EventFIFO.linked),
            ("BUSY", EventFIFO.busy),
        ] {
            add("1u << EVTCHN_FIFO_\(name)", bit, name)
        }
    }

    private mutating func addSingleConstants(_ caller: Caller) {
        add("EVTCHN_FIFO_MAX_QUEUES", EventFIFO.queues, "EventFIFO.queues")
        add("EVTCHN_FIFO_LINK_BITS", EventFIFO.linkBits, "EventFIFO.linkBits")
        add("NR_VIRQS", VIRQ.count, "VIRQ.count")
        add("HVM_NR_PARAMS", HVMParam.count, "HVMParam.count")
        add("XENFEAT_NR_SUBMAPS", FeatureInfo.submaps, "FeatureInfo.submaps")
        add("XENMAPIDX_grant_table_status", MapSpace.grantTableStatus, "MapSpace.grantTableStatus")
        add("XENMEM_RDM_ALL", ReservedDeviceMemoryMap<Caller64>.all, "ReservedDeviceMemoryMap.all")
        add(
            "XENMEM_resource_ioreq_server_frame_bufioreq", ResourceType.ioreqServerBufferedFrame,
            "ResourceType.ioreqServerBufferedFrame")
        add("BIND_PIRQ__WILL_SHARE", EventBindPIRQ.willShare, "EventBindPIRQ.willShare")
        add("GNTCOPY_source_gref", GrantCopy<Caller64>.sourceIsGrant, "GrantCopy.sourceIsGrant")
        add("GNTCOPY_dest_gref", GrantCopy<Caller64>.destinationIsGrant, "GrantCopy.destinationIsGrant")
        add("XEN_RUNSTATE_UPDATE", RunstateInfo<Caller64>.update, "RunstateInfo.update")
        add("VCPU_SSHOTTMR_future", VCPUSetSingleshotTimer<Caller64>.future, "VCPUSetSingleshotTimer.future")
        add("XEN_PVCLOCK_TSC_STABLE_BIT", VCPUTimeInfo<Caller64>.tscStable, "VCPUTimeInfo.tscStable")
        add("XEN_PVCLOCK_GUEST_STOPPED", VCPUTimeInfo<Caller64>.guestStopped, "VCPUTimeInfo.guestStopped")
        add("XEN_PCI_MMCFG_RESERVED", PhysdevPCIMMCFGReserved.reserved, "PhysdevPCIMMCFGReserved.reserved")
        add("XENPF_INTERFACE_VERSION", PlatformOp.interfaceVersion, "PlatformOp.interfaceVersion")
        add("XEN_HVM_START_MAGIC_VALUE", PVH.magic, "PVH.magic")
        add("HVM_PARAM_CALLBACK_IRQ_TYPE_MASK", HVMCallback.typeMask, "HVMCallback.typeMask")
        add("HVM_PARAM_CALLBACK_TYPE_GSI", HVMCallback.typeGSI, "HVMCallback.typeGSI")
        add("HVM_PARAM_CALLBACK_TYPE_PCI_INTX", HVMCallback.typePCIINTx, "HVMCallback.typePCIINTx")
        if caller.isARM {
            add("XEN_HYPERCALL_TAG", armHypercallTag, "armHypercallTag")
            add("HVM_PARAM_CALLBACK_TYPE_PPI", HVMCallback.typePPI, "HVMCallback.typePPI")
            add("HVM_PARAM_CALLBACK_TYPE_PPI_FLAG_MASK", HVMCallback.ppiFlagMask, "HVMCallback.ppiFlagMask")
            add("HVM_PARAM_CALLBACK_TYPE_PPI_FLAG_LOW_LEVEL", HVMCallback.ppiFlagLowLevel, "HVMCallback.ppiFlagLowLevel")
        } else {
            add("HVM_PARAM_CALLBACK_TYPE_VECTOR", HVMCallback.typeVector, "HVMCallback.typeVector")
        }
    }
}
