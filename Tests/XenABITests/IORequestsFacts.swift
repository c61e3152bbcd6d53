// SPDX-License-Identifier: Apache-2.0

import XenABI

// hvm/ioreq.h.

extension Facts {
    mutating func addIORequests() {
        addIORequestsNumbers()
        addIORequestsStructures()
    }

    private mutating func addIORequestsNumbers() {
        cases(
            "IOREQ_TYPE_",
            [
                "PIO": .portIO, "COPY": .memory, "PCI_CONFIG": .pciConfig, "TIMEOFFSET": .timeOffset,
                "INVALIDATE": .invalidate,
            ] as KeyValuePairs<String, IORequestType>)
        cases(
            "STATE_",
            ["IOREQ_NONE": .none, "IOREQ_READY": .ready, "IOREQ_INPROCESS": .inProcess, "IORESP_READY": .responseReady]
                as KeyValuePairs<String, IORequestState>)
        cases("IOREQ_", ["WRITE": .write, "READ": .read] as KeyValuePairs<String, IORequestDirection>)
        add("IOREQ_BUFFER_SLOT_NUM", BufferedIOPage().requests.count, "BufferedIOPage.requests")
        values(
            "ACPI_",
            [
                "PM1A_EVT_BLK_ADDRESS_V0": ACPIPorts.pm1aEventV0, "PM1A_CNT_BLK_ADDRESS_V0": ACPIPorts.pm1aControlV0,
                "PM_TMR_BLK_ADDRESS_V0": ACPIPorts.pmTimerV0, "GPE0_BLK_ADDRESS_V0": ACPIPorts.gpe0V0,
                "GPE0_BLK_LEN_V0": ACPIPorts.gpe0LengthV0, "PM1A_EVT_BLK_ADDRESS_V1": ACPIPorts.pm1aEventV1,
                "PM1A_CNT_BLK_ADDRESS_V1": ACPIPorts.pm1aControlV1, "PM_TMR_BLK_ADDRESS_V1": ACPIPorts.pmTimerV1,
                "GPE0_BLK_ADDRESS_V1": ACPIPorts.gpe0V1, "GPE0_BLK_LEN_V1": ACPIPorts.gpe0LengthV1,
            ] as KeyValuePairs<String, UInt16>)
        add("ACPI_PM1A_EVT_BLK_ADDRESS", ACPIPorts.pm1aEventV0, "ACPIPorts.pm1aEventV0")
        add("ACPI_PM1A_CNT_BLK_ADDRESS", ACPIPorts.pm1aControlV0, "ACPIPorts.pm1aControlV0")
        add("ACPI_PM_TMR_BLK_ADDRESS", ACPIPorts.pmTimerV0, "ACPIPorts.pmTimerV0")
        add("ACPI_GPE0_BLK_ADDRESS", ACPIPorts.gpe0V0, "ACPIPorts.gpe0V0")
        add("ACPI_GPE0_BLK_LEN", ACPIPorts.gpe0LengthV0, "ACPIPorts.gpe0LengthV0")
        for (field, mask) in [
            ("state", IORequestBits.state), ("data_is_ptr", IORequestBits.dataIsPointer), ("dir", IORequestBits.direction),
            ("df", IORequestBits.directionFlag),
        ] { bits("struct ioreq", field, at: MemoryLayout<IORequest>.offset(of: \.bits)!, mask) }
        for (field, mask) in [
            ("type", BufferedIORequestBits.type), ("dir", BufferedIORequestBits.direction),
            ("size", BufferedIORequestBits.size), ("addr", BufferedIORequestBits.address),
        ] { bits("struct buf_ioreq", field, at: MemoryLayout<BufferedIORequest>.offset(of: \.bits)!, mask) }
    }

    private mutating func addIORequestsStructures() {
        structure(
            "struct ioreq", IORequest.self,
            [
                "addr": \.addr, "data": \.data, "count": \.count, "size": \.size, "vp_eport": \.vpEport, "_pad0": \.pad0,
                "type": \.type,
            ])
        structure("struct shared_iopage", SharedIOPage.self, ["vcpu_ioreq": \.vcpuRequests])
        structure("struct buf_ioreq", BufferedIORequest.self, ["data": \.data])
        structure(
            "struct buffered_iopage", BufferedIOPage.self,
            ["read_pointer": \.readPointer, "write_pointer": \.writePointer, "buf_ioreq": \.requests])
    }
}
