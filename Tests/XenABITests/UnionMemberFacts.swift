// SPDX-License-Identifier: Apache-2.0

import XenABI

// That a union's members are the structures that are compared by themselves, as far as sizes tell.

extension Facts {
    mutating func addUnionMembers<C: CallerABI>(_ type: C.Type, _ caller: Caller) {
        add("sizeof(ioservid_t)", MemoryLayout<UInt16>.size, "DMCreateIoreqServer.id")
        addDMOpMembers()
        addAltP2MMembers(C.self)
        addPlatformMembers(C.self)
        addProcessorPMMembers(C.self)
        addVCPUContextMembers()
        if !caller.isARM { addPhysdevMembers(C.self) }
    }

    private mutating func addDMOpMembers() {
        member("struct xen_dm_op", "u.create_ioreq_server", DMCreateIoreqServer.self)
        member("struct xen_dm_op", "u.get_ioreq_server_info", DMGetIoreqServerInfo.self)
        member("struct xen_dm_op", "u.map_io_range_to_ioreq_server", DMIoreqServerRange.self)
        member("struct xen_dm_op", "u.unmap_io_range_from_ioreq_server", DMIoreqServerRange.self)
        member("struct xen_dm_op", "u.set_ioreq_server_state", DMSetIoreqServerState.self)
        member("struct xen_dm_op", "u.destroy_ioreq_server", DMDestroyIoreqServer.self)
        member("struct xen_dm_op", "u.track_dirty_vram", DMTrackDirtyVram.self)
        member("struct xen_dm_op", "u.set_pci_intx_level", DMSetPciIntxLevel.self)
        member("struct xen_dm_op", "u.set_isa_irq_level", DMSetIsaIrqLevel.self)
        member("struct xen_dm_op", "u.set_irq_level", DMSetIrqLevel.self)
        member("struct xen_dm_op", "u.set_pci_link_route", DMSetPciLinkRoute.self)
        member("struct xen_dm_op", "u.modified_memory", DMModifiedMemory.self)
        member("struct xen_dm_op", "u.set_mem_type", DMSetMemType.self)
        member("struct xen_dm_op", "u.inject_event", DMInjectEvent.self)
        member("struct xen_dm_op", "u.inject_msi", DMInjectMsi.self)
        member("struct xen_dm_op", "u.map_mem_type_to_ioreq_server", DMMapMemTypeToIoreqServer.self)
        member("struct xen_dm_op", "u.remote_shutdown", DMRemoteShutdown.self)
        member("struct xen_dm_op", "u.relocate_memory", DMRelocateMemory.self)
        member("struct xen_dm_op", "u.pin_memory_cacheattr", DMPinMemoryCacheattr.self)
        member("struct xen_dm_op", "u.nr_vcpus", DMNrVcpus.self)
    }

    private mutating func addAltP2MMembers<C: CallerABI>(_ type: C.Type) {
        member("struct xen_hvm_altp2m_op", "u.domain_state", AltP2MDomainState.self)
        member("struct xen_hvm_altp2m_op", "u.enable_notify", AltP2MVcpuEnableNotify.self)
        member("struct xen_hvm_altp2m_op", "u.view", AltP2MView.self)
        member("struct xen_hvm_altp2m_op", "u.mem_access", AltP2MMemAccess.self)
        member("struct xen_hvm_altp2m_op", "u.change_gfn", AltP2MChangeGfn.self)
        member("struct xen_hvm_altp2m_op", "u.set_mem_access_multi", AltP2MSetMemAccessMulti<C>.self)
        member("struct xen_hvm_altp2m_op", "u.suppress_ve", AltP2MSuppressVe.self)
        member("struct xen_hvm_altp2m_op", "u.suppress_ve_multi", AltP2MSuppressVeMulti.self)
        member("struct xen_hvm_altp2m_op", "u.disable_notify", AltP2MVcpuDisableNotify.self)
        member("struct xen_hvm_altp2m_op", "u.get_vcpu_p2m_idx", AltP2MGetVcpuP2mIdx.self)
        member("struct xen_hvm_altp2m_op", "u.set_visibility", AltP2MSetVisibility.self)
    }

    private mutating func addPlatformMembers<C: CallerABI>(_ type: C.Type) {
        member("struct xen_platform_op", "u.settime", PlatformSetTime64<C>.self)
        member("struct xen_platform_op", "u.settime32", PlatformSetTime32<C>.self)
        member("struct xen_platform_op", "u.settime64", PlatformSetTime64<C>.self)
        member("struct xen_platform_op", "u.add_memtype", PlatformAddMemtype<C>.self)
        member("struct xen_platform_op", "u.del_memtype", PlatformDelMemtype.self)
        member("struct xen_platform_op", "u.read_memtype", PlatformReadMemtype<C>.self)
        member("struct xen_platform_op", "u.microcode", PlatformMicrocodeUpdate<C>.self)
        member("struct xen_platform_op", "u.platform_quirk", PlatformQuirk.self)
        member("struct xen_platform_op", "u.efi_runtime_call", PlatformEFIRuntimeCall<C>.self)
        member("struct xen_platform_op", "u.firmware_info", PlatformFirmwareInfo<C>.self)
        member("struct xen_platform_op", "u.enter_acpi_sleep", PlatformEnterACPISleep.self)
        member("struct xen_platform_op", "u.change_freq", PlatformChangeFreq<C>.self)
        member("struct xen_platform_op", "u.getidletime", PlatformGetIdleTime<C>.self)
        member("struct xen_platform_op", "u.set_pminfo", PlatformSetProcessorPMInfo<C>.self)
        member("struct xen_platform_op", "u.pcpu_info", PlatformCPUInfo.self)
        member("struct xen_platform_op", "u.pcpu_version", PlatformCPUVersion.self)
        member("struct xen_platform_op", "u.cpu_ol", PlatformCPUOnlining.self)
        member("struct xen_platform_op", "u.cpu_add", PlatformCPUHotAdd.self)
        member("struct xen_platform_op", "u.mem_add", PlatformMemHotAdd<C>.self)
        member("struct xen_platform_op", "u.core_parking", PlatformCoreParking.self)
        member("struct xen_platform_op", "u.resource_op", PlatformResourceOp<C>.self)
        member("struct xen_platform_op", "u.symdata", PlatformSymbolData<C>.self)
    }

    private mutating func addProcessorPMMembers<C: CallerABI>(_ type: C.Type) {
        member("struct xenpf_set_processor_pminfo", "u.power", ProcessorPower<C>.self)
        member("struct xenpf_set_processor_pminfo", "u.perf", ProcessorPerformance<C>.self)
    }

    private mutating func addVCPUContextMembers() {
        member("struct vcpu_hvm_context", "cpu_regs.x86_32", VCPUHVMX86_32.self)
        member("struct vcpu_hvm_context", "cpu_regs.x86_64", VCPUHVMX86_64.self)
    }

    private mutating func addPhysdevMembers<C: CallerABI>(_ type: C.Type) {
        member("struct physdev_op", "u.irq_status_query", PhysdevIRQStatusQuery.self)
        member("struct physdev_op", "u.set_iopl", PhysdevSetIOPL.self)
        member("struct physdev_op", "u.set_iobitmap", PhysdevSetIOBitmap<C>.self)
        member("struct physdev_op", "u.apic_op", PhysdevAPIC<C>.self)
        member("struct physdev_op", "u.irq_op", PhysdevIRQ.self)
    }

    private mutating func member<T>(_ structure: String, _ member: String, _ type: T.Type) {
        add("sizeof(((\(structure) *)0)->\(member))", MemoryLayout<T>.stride, "\(T.self)")
    }
}
