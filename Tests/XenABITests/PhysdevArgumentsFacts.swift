// SPDX-License-Identifier: Apache-2.0

import XenABI

// physdev.h: what is not in StructureFacts.swift.

extension Facts {
    mutating func addPhysdevArguments<C: CallerABI>(_ type: C.Type, _ caller: Caller) {
        addPhysdevArgumentsNumbers()
        addPhysdevArgumentsStructures()
        addPhysdevArgumentsCallerStructures(C.self)
        if !caller.isARM { addPhysdevArgumentsX86CallerStructures(C.self) }
    }

    private mutating func addPhysdevArgumentsNumbers() {
        cases("PHYSDEVOP_DBGP_RESET_", ["PREPARE": .prepare, "DONE": .done] as KeyValuePairs<String, DebugPortReset>)
        cases("PHYSDEVOP_DBGP_BUS_", ["UNKNOWN": .unknown, "PCI": .pci] as KeyValuePairs<String, DebugPortBus>)
        add("1u << _XENIRQSTAT_needs_eoi", PhysdevIRQStatusQuery.needsEOI, "PhysdevIRQStatusQuery.needsEOI")
        add("1u << _XENIRQSTAT_shared", PhysdevIRQStatusQuery.shared, "PhysdevIRQStatusQuery.shared")
        add("PHYSDEVOP_pirq_eoi_gmfn", PhysdevOp.pirqEOIGMFNv2.rawValue, "PhysdevOp.pirqEOIGMFNv2")
    }

    private mutating func addPhysdevArgumentsStructures() {
        structure("struct physdev_set_iopl", PhysdevSetIOPL.self, ["iopl": \.iopl])
        structure("struct physdev_irq", PhysdevIRQ.self, ["irq": \.irq, "vector": \.vector])
        structure("struct physdev_restore_msi", PhysdevRestoreMSI.self, ["bus": \.bus, "devfn": \.devfn])
        structure(
            "struct physdev_manage_pci_ext", PhysdevManagePCIExt.self,
            [
                "bus": \.bus, "devfn": \.devfn, "is_extfn": \.isExtfn, "is_virtfn": \.isVirtfn,
                "physfn.bus": \.physicalFunctionBus, "physfn.devfn": \.physicalFunctionDevfn,
            ])
        structure("struct physdev_dbgp_op", PhysdevDebugPort.self, ["op": \.op, "bus": \.bus, "u.pci": \.device])
        add(
            "offsetof(struct physdev_pci_device_add, optarr)", MemoryLayout<PhysdevPCIDeviceAdd>.stride,
            "PhysdevPCIDeviceAdd")
    }

    private mutating func addPhysdevArgumentsCallerStructures<C: CallerABI>(_ type: C.Type) {
        structure("struct physdev_pirq_eoi_gmfn", PhysdevPIRQEOIGMFN<C>.self, ["gmfn": \.gmfn])
        structure("struct physdev_set_iobitmap", PhysdevSetIOBitmap<C>.self, ["bitmap": \.bitmap, "nr_ports": \.nrPorts])
    }

    private mutating func addPhysdevArgumentsX86CallerStructures<C: CallerABI>(_ type: C.Type) {
        structure(
            "struct physdev_apic", PhysdevAPIC<C>.self, ["apic_physbase": \.apicPhysbase, "reg": \.reg, "value": \.value])
        structure("struct physdev_op", PhysdevCompatArgument<C>.self, ["cmd": \.cmd, "u": \.payload])
    }
}
