// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Testing

@Suite struct ACPITests {
    /// Asks `body` about the tables that lie in `memory` as `PCMemory.acpi` puts them.
    func withTables<R>(_ memory: PCMemory, _ body: (borrowing ACPI) -> R) -> R? {
        let span = memory.bytes.span
        guard let acpi = ACPI(rootPointer: span.slice(from: 0x1300, count: 36), in: span) else { return nil }
        return body(acpi)
    }

    @Test func findsTables() {
        let memory = PCMemory.acpi([PCMemory.madt, PCMemory.srat(), PCMemory.fadt])
        let lengths = withTables(memory) { acpi in
            (acpi.count, acpi.unreadable, acpi.table("SRAT")?.count, acpi.table("HPET")?.count, acpi.table("APIC")?.count)
        }
        #expect(lengths?.0 == 3)
        #expect(lengths?.1 == 0)
        #expect(lengths?.2 == PCMemory.srat().count)
        #expect(lengths?.3 == nil)
        #expect(lengths?.4 == PCMemory.madt.count)
        var signatures: [String] = []
        withTables(memory) {
            $0.forEachTable { _, table in
                signatures.append(String(table.slice(from: 0, count: 4)))
                #expect(table.byteSum == 0)
            }
        }
        #expect(signatures == ["APIC", "SRAT", "FACP"])
    }

    @Test func fallsBackToTheRSDT() {
        var memory = PCMemory.acpi([PCMemory.madt])
        memory.put(PCMemory.table("RSDT", PCMemory.bytes32(0x2100)), at: 0x1800)
        memory.put(PCMemory.rootPointer(rsdt: 0x1800), at: 0x1300)
        #expect(withTables(memory) { $0.table("APIC")?.count } == PCMemory.madt.count)
        // Of revision 2, but the XSDT lies outside.
        memory.put(PCMemory.rootPointer(rsdt: 0x1800, xsdt: 0x10_0000), at: 0x1300)
        #expect(withTables(memory) { $0.table("APIC")?.count } == PCMemory.madt.count)
    }

    @Test func liesAreAsIfNotThere() {
        var memory = PCMemory.acpi([PCMemory.madt, PCMemory.srat()])
        memory.put32(0x7fff_ffff, at: 0x2104)
        #expect(withTables(memory) { $0.unreadable } == 1)
        #expect(withTables(memory) { $0.table("APIC") == nil } == true)
        memory.put32(35, at: 0x2104)
        #expect(withTables(memory) { $0.unreadable } == 1)
        memory.put64(.max, at: 0x2024)
        #expect(withTables(memory) { $0.unreadable } == 1)
        memory.put32(0xffff, at: 0x2004)
        #expect(withTables(memory) { $0.count } == nil)
    }

    @Test func searchesWhereABIOSLeavesThePointer() {
        var memory = PCMemory(size: (1 << 20) + 64)
        func found() -> [UInt8] {
            let pointer = ACPI.findRootPointer(in: memory.bytes.span)
            return pointer.indices.map { pointer[$0] }
        }
        #expect(found() == [])
        let pointer = PCMemory.rootPointer(xsdt: 0x2000)
        memory.put(pointer, at: 0xf_5008)  // not on a 16-byte boundary
        #expect(found() == [])
        memory.put(pointer, at: 0xf_ffe0)  // the last place
        #expect(found().prefix(20) == pointer.prefix(20))
        let low = PCMemory.rootPointer(rsdt: 0x1234)
        memory.put16(0x9fc0, at: 0x40e)
        memory.put(low, at: 0x9_fc10)
        #expect(found() == low)
        memory.bytes[0x9_fc18] ^= 1  // its checksum
        #expect(found().prefix(20) == pointer.prefix(20))
    }

    @Test func readsProcessorsAndControllers() {
        let madt = PCMemory.madt
        var list = ACPI.InterruptEntries(madt.span)
        let (localAPIC, hasLegacyPICs) = (list.localAPIC, list.hasLegacyPICs)
        #expect(localAPIC == 0xfee0_0000)
        #expect(hasLegacyPICs)
        var entries: [ACPI.InterruptEntry] = []
        while let entry = list.next() { entries.append(entry) }
        #expect(
            entries == [
                .processor(apicID: 0, uid: 0, isEnabled: true), .processor(apicID: 2, uid: 1, isEnabled: false),
                .other(type: 0), .processor(apicID: 300, uid: 7, isEnabled: true),
                .ioAPIC(id: 5, address: 0xfec0_0000, firstInterrupt: 24), .isaOverride(line: 0, interrupt: 2, flags: 5),
                .localNMI(uid: .max, flags: 5, pin: 1), .localAPICAddress(0x1_fee0_0000),
                .localNMI(uid: .max, flags: 5, pin: 1),
            ])
    }

    @Test func endsWhereALengthCannotBe() {
        for length: UInt8 in [0, 1, 255] {
            let table = PCMemory.table("APIC", PCMemory.bytes32(0, 0) + [0, length, 0, 0] + PCMemory.bytes32(1))
            var list = ACPI.InterruptEntries(table.span)
            let entry = list.next()
            #expect(entry == nil)
        }
        // Long enough for its length, too short for its type.
        let table = PCMemory.table("APIC", PCMemory.bytes32(0, 0) + [0, 4, 0, 0] + [0, 8, 0, 1] + PCMemory.bytes32(1))
        var list = ACPI.InterruptEntries(table.span)
        let entries = [list.next(), list.next()]
        #expect(entries == [.other(type: 0), .processor(apicID: 1, uid: 0, isEnabled: true)])
    }

    @Test(arguments: [(3, 0x201, 3), (1, 1, 3)] as [(UInt8, UInt32, UInt32)])
    func readsAffinities(revision: UInt8, processor: UInt32, memory: UInt32) {
        let srat = PCMemory.srat(revision: revision)
        var list = ACPI.Affinities(srat.span)
        var entries: [ACPI.Affinity] = []
        while let entry = list.next() { entries.append(entry) }
        #expect(
            entries == [
                .processor(apicID: 4, domain: processor),
                .memory(start: 0x10_0000, size: 0x1000_0000, domain: memory, isHotPluggable: true),
                .processor(apicID: 300, domain: 6),
            ])
    }

    @Test func readsDistances() {
        let slit = PCMemory.slit
        #expect(distances(slit) == [20, 21, nil])
        let short = PCMemory.table("SLIT", PCMemory.bytes64(3) + [10, 20, 21, 10])
        #expect(distances(short) == nil)
        let huge = PCMemory.table("SLIT", PCMemory.bytes64(1 << 33) + [10])
        #expect(distances(huge) == nil)
    }

    /// From 0 to 1, from 1 to 0, from 2 to 0.
    func distances(_ table: [UInt8]) -> [UInt8?]? {
        guard let list = ACPI.Distances(table.span) else { return nil }
        return [list.distance(from: 0, to: 1), list.distance(from: 1, to: 0), list.distance(from: 2, to: 0)]
    }

    @Test func readsTheFixedTable() {
        let fadt = PCMemory.fadt
        let fixed = ACPI.FixedDescription(fadt.span)
        #expect(fixed.timer?.space == .port)
        #expect(fixed.timer?.address == 0x608)
        #expect(fixed.timerIs32Bits)
        #expect(fixed.reset?.address == 0xcf9)
        #expect(fixed.resetValue == 0x0f)
        #expect(fixed.controlA?.address == 0x604)
        #expect(fixed.controlB == nil)
        #expect(fixed.dsdt == 0x2f00)
        #expect(fixed.bootFlags == 3)
        let short = Array(fadt.prefix(60))
        let less = ACPI.FixedDescription(short.span)
        #expect(less.timer == nil)
        #expect(less.reset == nil)
        let hpet = PCMemory.hpet
        #expect(ACPI.eventTimer(hpet.span)?.address == 0xfed0_0000)
    }

    @Test func configurationSpace() {
        let entry = PCMemory.bytes64(0xb000_0000) + [1, 0, 2, 9, 0, 0, 0, 0]
        let nothing = PCMemory.bytes64(0xc000_0000) + [0, 0, 5, 4, 0, 0, 0, 0]
        let table = PCMemory.table("MCFG", [UInt8](repeating: 0, count: 8) + nothing + entry + [1, 2, 3])
        var list = ACPI.ConfigurationEntries(table.span)
        let found = list.next()
        #expect(found == .init(base: 0xb000_0000, segment: 1, firstBus: 2, lastBus: 9))
        let end = list.next()
        #expect(end == nil)
    }

    @Test func requestersOfIOAPICs() {
        func requester(_ kind: ACPI.RemappingKind, _ blocks: [UInt8], of id: UInt8 = 2) -> UInt16? {
            let table = PCMemory.table(kind == .amd ? "IVRS" : "DMAR", [UInt8](repeating: 0, count: 12) + blocks)
            return ACPI.requester(ofIOAPIC: id, in: table.span, kind: kind)
        }
        let special: [UInt8] = [2, 0, 0, 0, 0x42, 0, 0, 0, 0, 0, 0, 0, 0x48, 0, 0, 0, 2, 0xa0, 0, 1]
        let hardware = [0x10, 0, 44, 0, 0x10, 0, 0x40, 0] + PCMemory.bytes64(0xfed8_0000, 0) + special
        #expect(requester(.amd, hardware) == 0xa0 && requester(.amd, hardware, of: 3) == nil)
        let scopes: [UInt8] = [1, 8, 0, 0, 0, 0, 3, 0, 3, 8, 0, 0, 2, 0xff, 0, 1]
        let unit = [0, 0, 32, 0, 1, 0, 0, 0] + PCMemory.bytes64(0xfed9_0000) + scopes
        #expect(requester(.intel, unit) == 0xff01 && requester(.intel, unit, of: 0) == nil)
        // Cut off, of no length, of a kind that is not known.
        #expect(requester(.amd, [0x10, 0, 28, 0] + [UInt8](repeating: 0, count: 20) + [0x48, 0, 0, 0]) == nil)
        #expect(requester(.intel, [0, 0, 20, 0] + [UInt8](repeating: 0, count: 12) + [3, 0, 0, 0]) == nil)
        #expect(requester(.amd, [0x10, 0, 28, 0] + [UInt8](repeating: 0, count: 20) + [0xf0, 0, 0, 0]) == nil)
    }

    @Test func unitsThatRemapDMA() {
        func entries(_ kind: ACPI.RemappingKind, _ blocks: [UInt8]) -> [ACPI.RemappingEntry] {
            let table = PCMemory.table(kind == .amd ? "IVRS" : "DMAR", [UInt8](repeating: 0, count: 12) + blocks)
            var found: [ACPI.RemappingEntry] = []
            var list = ACPI.RemappingEntries(table.span, kind: kind)
            while let entry = list.next() { found.append(entry) }
            return found
        }
        let hardware = [0x10, 0, 24, 0, 0x10, 0, 0x40, 0] + PCMemory.bytes64(0xfed8_0000, 0)
        let memory = [0x20, 0, 32, 0, 0, 0, 0, 0] + PCMemory.bytes64(0, 0xc000_0000, 0x2000)
        #expect(
            entries(.amd, hardware + memory + [0x50, 0, 4, 0]) == [
                .unit(.amd, registers: 0xfed8_0000, function: 0x10), .reserved(start: 0xc000_0000, size: 0x2000),
                .other(type: 0x50),
            ])
        let unit = [0, 0, 16, 0, 1, 0, 0, 0] + PCMemory.bytes64(0xfed9_0000)
        let region = [1, 0, 24, 0, 0, 0, 0, 0] + PCMemory.bytes64(0xc000_0000, 0xc000_1fff)
        #expect(
            entries(.intel, unit + region + [2, 0, 8, 0, 0, 0, 0, 0]) == [
                .unit(.intel, registers: 0xfed9_0000, function: nil), .reserved(start: 0xc000_0000, size: 0x2000),
                .other(type: 2),
            ])
        // Too short, too long, of no length: what came before stands.
        #expect(entries(.intel, [0, 0, 8, 0, 1, 0, 0, 0] + [0, 0, 99, 0]) == [.other(type: 0)])
        #expect(entries(.amd, [0x10, 0, 0, 0]) == [] && entries(.amd, [0x10]) == [])
        #expect(entries(.intel, [1, 0, 24, 0, 0, 0, 0, 0] + PCMemory.bytes64(.max, 0)) == [.other(type: 1)])
    }
}
