// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Testing

@testable import DomainBuilder

/// What is written for dom0 is read again by the hypervisor's own reader of ACPI.
@Suite struct PVHTablesTests {
    static let place = 0x8000

    static func write(_ tables: PVHTables, room: Int = 4096) -> [UInt8]? {
        var memory = [UInt8](repeating: 0, count: 0x10000)
        var page = [UInt8](repeating: 0, count: room)
        var span = page.mutableSpan
        guard tables.write(into: &span, at: UInt64(place)) else { return nil }
        memory.replaceSubrange(place..<place + room, with: page)
        return memory
    }

    static func sample() -> PVHTables {
        var tables = PVHTables()
        tables.vcpus = 130
        tables.ioAPIC = 0xfec0_0000
        tables.ioAPICID = 3
        tables.addOverride(.init(line: 0, interrupt: 2, flags: 0))
        tables.addOverride(.init(line: 9, interrupt: 9, flags: 0xd))
        return tables
    }

    @Test func canBeReadAgain() throws {
        let memory = try #require(Self.write(Self.sample()))
        let span = memory.span
        let acpi = ACPI(rootPointer: span.extracting(Self.place..<Self.place + 36), in: span)
        guard let acpi else { return #expect(Bool(false), "no root pointer") }
        #expect(acpi.count == 1 && acpi.unreadable == 0)
        acpi.forEachTable { _, table in #expect(table.byteSum == 0) }
        guard let interrupts = acpi.table("APIC") else { return #expect(Bool(false)) }
        var entries = ACPI.InterruptEntries(interrupts)
        let hasLegacyPICs = entries.hasLegacyPICs
        #expect(!hasLegacyPICs)
        var list: [ACPI.InterruptEntry] = []
        while let entry = entries.next() { list.append(entry) }
        #expect(list.count == 133)
        #expect(list[1] == .processor(apicID: 2, uid: 1, isEnabled: true))
        #expect(list[129] == .processor(apicID: 258, uid: 129, isEnabled: true))
        #expect(list[130] == .ioAPIC(id: 3, address: 0xfec0_0000, firstInterrupt: 0))
        #expect(list[132] == .isaOverride(line: 9, interrupt: 9, flags: 0xd))
    }

    @Test func refusesWhatDoesNotFit() {
        #expect(Self.write(Self.sample(), room: 1024) == nil)
        var tables = PVHTables()
        var room = true
        for number in 0..<32 { room = tables.addTable(UInt64(number)) && room }
        #expect(room)
        let more = tables.addTable(1)
        #expect(!more)
    }

    @Test(arguments: [
        ("MCFG", true), ("FACP", true), ("SSDT", true), ("IVRS", false), ("HPET", false), ("APIC", false), ("DMAR", false),
    ])
    func handsOnTablesOfNobodyElse(_ name: String, _ expected: Bool) {
        let table = Array((name + "....").utf8)
        let isHandedOn = PVHTables.isHandedOn(table.span)
        #expect(isHandedOn == expected)
    }
}
