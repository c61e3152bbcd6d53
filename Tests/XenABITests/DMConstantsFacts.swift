// SPDX-License-Identifier: Apache-2.0

import XenABI

// hvm/dm_op.h: its constants.

extension Facts {
    mutating func addDMConstants() {
        addDMConstantsNumbers()
    }

    private mutating func addDMConstantsNumbers() {
        cases("XEN_DMOP_IO_RANGE_", ["PORT": .port, "MEMORY": .memory, "PCI": .pci] as KeyValuePairs<String, DMIORange>)
        cases(
            "XEN_DMOP_EVENT_",
            [
                "ext_int": .externalInterrupt, "nmi": .nmi, "hw_exc": .hardwareException, "sw_int": .softwareInterrupt,
                "pri_sw_exc": .privilegedSoftwareException, "sw_exc": .softwareException,
            ] as KeyValuePairs<String, DMEventType>)
        cases(
            "XEN_DMOP_",
            [
                "MEM_CACHEATTR_UC": .uncacheable, "MEM_CACHEATTR_WC": .writeCombining, "MEM_CACHEATTR_WT": .writeThrough,
                "MEM_CACHEATTR_WP": .writeProtected, "MEM_CACHEATTR_WB": .writeBack, "MEM_CACHEATTR_UCM": .uncacheableMinus,
                "DELETE_MEM_CACHEATTR": .delete,
            ] as KeyValuePairs<String, DMMemoryCacheType>)
        values(
            "XEN_DMOP_",
            [
                "no_gfns": DMOpFlag.noGFNs, "IOREQ_MEM_ACCESS_READ": DMOpFlag.accessRead,
                "IOREQ_MEM_ACCESS_WRITE": DMOpFlag.accessWrite,
            ] as KeyValuePairs<String, UInt32>)
        add("1u << _XEN_DMOP_no_gfns", DMOpFlag.noGFNs, "DMOpFlag.noGFNs")
        add(
            "XEN_DMOP_PCI_SBDF(0x1234, 0x56, 0x1f, 5)",
            DMOpFlag.function(segment: 0x1234, bus: 0x56, device: 0x1F, function: 5), "DMOpFlag.function")
        cases(
            "HVM_IOREQSRV_BUFIOREQ_",
            ["OFF": .off, "LEGACY": .legacy, "ATOMIC": .atomic] as KeyValuePairs<String, BufferedIOReqMode>)
    }
}
