// SPDX-License-Identifier: Apache-2.0

import XenABI

// hvm/dm_op.h: operations and structures.

extension Facts {
    mutating func addDMOps<C: CallerABI>(_ type: C.Type) {
        addDMOpsNumbers()
        addDMOpsStructures()
        addDMOpsCallerStructures(C.self)
    }

    private mutating func addDMOpsNumbers() {
        cases(
            "XEN_DMOP_",
            [
                "create_ioreq_server": .createIoreqServer, "get_ioreq_server_info": .getIoreqServerInfo,
                "map_io_range_to_ioreq_server": .mapIoRangeToIoreqServer,
                "unmap_io_range_from_ioreq_server": .unmapIoRangeFromIoreqServer,
                "set_ioreq_server_state": .setIoreqServerState, "destroy_ioreq_server": .destroyIoreqServer,
                "track_dirty_vram": .trackDirtyVram, "set_pci_intx_level": .setPciIntxLevel,
                "set_isa_irq_level": .setIsaIrqLevel, "set_pci_link_route": .setPciLinkRoute,
                "modified_memory": .modifiedMemory, "set_mem_type": .setMemType, "inject_event": .injectEvent,
                "inject_msi": .injectMsi, "map_mem_type_to_ioreq_server": .mapMemTypeToIoreqServer,
                "remote_shutdown": .remoteShutdown, "relocate_memory": .relocateMemory,
                "pin_memory_cacheattr": .pinMemoryCacheattr, "set_irq_level": .setIrqLevel, "nr_vcpus": .nrVcpus,
            ] as KeyValuePairs<String, DMOp>)
    }

    private mutating func addDMOpsStructures() {
        structure("struct xen_dm_op", DMOpArgument.self, ["op": \.op, "pad": \.pad, "u": \.payload])
        structure(
            "struct xen_dm_op_create_ioreq_server", DMCreateIoreqServer.self,
            ["handle_bufioreq": \.handleBufioreq, "pad": \.pad, "id": \.id])
        structure(
            "struct xen_dm_op_get_ioreq_server_info", DMGetIoreqServerInfo.self,
            [
                "id": \.id, "flags": \.flags, "bufioreq_port": \.bufioreqPort, "ioreq_gfn": \.ioreqGfn,
                "bufioreq_gfn": \.bufioreqGfn,
            ])
        structure(
            "struct xen_dm_op_ioreq_server_range", DMIoreqServerRange.self,
            ["id": \.id, "pad": \.pad, "type": \.type, "start": \.start, "end": \.end])
        structure(
            "struct xen_dm_op_set_ioreq_server_state", DMSetIoreqServerState.self,
            ["id": \.id, "enabled": \.enabled, "pad": \.pad])
        structure("struct xen_dm_op_destroy_ioreq_server", DMDestroyIoreqServer.self, ["id": \.id, "pad": \.pad])
        structure(
            "struct xen_dm_op_track_dirty_vram", DMTrackDirtyVram.self, ["nr": \.nr, "pad": \.pad, "first_pfn": \.firstPfn])
        structure(
            "struct xen_dm_op_set_pci_intx_level", DMSetPciIntxLevel.self,
            ["domain": \.domain, "bus": \.bus, "device": \.device, "intx": \.intx, "level": \.level])
        structure("struct xen_dm_op_set_isa_irq_level", DMSetIsaIrqLevel.self, ["isa_irq": \.isaIrq, "level": \.level])
        structure("struct xen_dm_op_set_pci_link_route", DMSetPciLinkRoute.self, ["link": \.link, "isa_irq": \.isaIrq])
        structure(
            "struct xen_dm_op_modified_memory", DMModifiedMemory.self, ["nr_extents": \.nrExtents, "opaque": \.opaque])
        structure(
            "struct xen_dm_op_modified_memory_extent", DMModifiedMemoryExtent.self,
            ["nr": \.nr, "pad": \.pad, "first_pfn": \.firstPfn])
        structure(
            "struct xen_dm_op_set_mem_type", DMSetMemType.self,
            ["nr": \.nr, "mem_type": \.memType, "pad": \.pad, "first_pfn": \.firstPfn])
        structure(
            "struct xen_dm_op_inject_event", DMInjectEvent.self,
            [
                "vcpuid": \.vcpuid, "vector": \.vector, "type": \.type, "insn_len": \.insnLen, "pad0": \.pad0,
                "error_code": \.errorCode, "pad1": \.pad1, "cr2": \.cr2,
            ])
        structure("struct xen_dm_op_inject_msi", DMInjectMsi.self, ["data": \.data, "pad": \.pad, "addr": \.addr])
        structure(
            "struct xen_dm_op_map_mem_type_to_ioreq_server", DMMapMemTypeToIoreqServer.self,
            ["id": \.id, "type": \.type, "flags": \.flags, "opaque": \.opaque])
        structure("struct xen_dm_op_remote_shutdown", DMRemoteShutdown.self, ["reason": \.reason])
        structure(
            "struct xen_dm_op_relocate_memory", DMRelocateMemory.self,
            ["size": \.size, "pad": \.pad, "src_gfn": \.srcGfn, "dst_gfn": \.dstGfn])
        structure(
            "struct xen_dm_op_pin_memory_cacheattr", DMPinMemoryCacheattr.self,
            ["start": \.start, "end": \.end, "type": \.type, "pad": \.pad])
        structure("struct xen_dm_op_set_irq_level", DMSetIrqLevel.self, ["irq": \.irq, "level": \.level, "pad": \.pad])
        structure("struct xen_dm_op_nr_vcpus", DMNrVcpus.self, ["vcpus": \.vcpus])
    }

    private mutating func addDMOpsCallerStructures<C: CallerABI>(_ type: C.Type) {
        structure("struct xen_dm_op_buf", DMOpBuffer<C>.self, ["h": \.handle, "size": \.size])
    }
}
