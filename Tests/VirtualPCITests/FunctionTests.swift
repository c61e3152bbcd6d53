// SPDX-License-Identifier: Apache-2.0

import Base
import Machine
import Testing

@testable import VirtualPCI

/// A machine with a few functions, which the guest accesses.
struct Fixture: ~Copyable {
    let machine = ModelMachine()
    let host: ModelHost
    var pci: VirtualPCI<ModelHost>
    static let one = PCIFunction(bus: 0, devfn: 8)
    static let two = PCIFunction(bus: 1, devfn: 0)

    init(_ first: ModelFunction, _ second: ModelFunction? = nil) throws {
        host = ModelHost(machine: machine)
        pci = VirtualPCI(machine.memory.source)!
        machine.functions[Self.one] = first
        machine.functions[Self.two] = second
        try pci.add(Self.one, host)
        if second != nil { try pci.add(Self.two, host) }
    }

    mutating func read(_ offset: UInt32, _ width: Int = 4, of function: PCIFunction = Self.one) -> UInt32 {
        pci.read(function, offset, width: width, host)
    }
    mutating func write(_ offset: UInt32, _ value: UInt32, _ width: Int = 4, to function: PCIFunction = Self.one) {
        pci.write(function, offset, value, width: width, host)
    }
}

struct FunctionTests {
    @Test func decodingMapsAndUnmaps() throws {
        var test = try Fixture(ModelFunction(bases: [(0x4000, false), (0x10_0000, true)]))
        test.write(0x10, .max)
        #expect(test.read(0x10) == 0xffff_c000, "its size can be asked")
        test.write(0x10, 0x80_0000)
        test.write(0x14, 0x20_0000)
        test.write(0x18, 8)
        #expect(test.machine.mapped.isEmpty)
        test.write(4, 2, 2)
        #expect(test.machine.mapped == Set(0x800..<0x804).union(0x80_0200..<0x80_0300))
        test.write(0x10, 0x90_0000)
        test.write(0x18, 9)
        #expect(test.read(0x10) == 0x80_0000 && test.read(0x18) == 8, "an address stays while it is mapped")
        #expect(test.machine.complaints.count == 2)
        test.write(4, 4, 1)
        #expect(test.machine.mapped.isEmpty && test.read(4, 2) == 4)
        #expect(test.pci.page(MFN(0x801), test.host) == .absent)
        #expect(test.pci.page(MFN(0x900), test.host) == .unknown)
        #expect(test.machine.odd == 0)
    }

    @Test func romHasASwitchOfItsOwn() throws {
        var test = try Fixture(ModelFunction(bases: [(0x1000, false)], rom: 0x1_0000))
        test.write(0x10, 0x80_0000)
        test.write(0x30, 0x90_0000)
        test.write(4, 2, 2)
        #expect(test.machine.mapped == [0x800])
        test.write(0x30, 0x90_0001)
        #expect(test.machine.mapped == Set([0x800]).union(0x900..<0x910))
        test.write(0x30, 0xa0_0001)
        #expect(test.read(0x30) == 0x90_0001)
        test.write(0x30, 0xa0_0000)
        #expect(test.machine.mapped == [0x800] && test.read(0x30) == 0x90_0000)
        test.write(0x30, 0xa0_0001)
        test.write(4, 0, 2)
        #expect(test.machine.mapped.isEmpty)
    }

    /// What overlaps RAM, or lies where the guest has something else, is not mapped.
    @Test func placesThatAreTaken() throws {
        var test = try Fixture(ModelFunction(bases: [(0x4000, false), (0x1000, false)]))
        test.write(0x10, 0x1f_e000 & ~0x3fff)
        test.write(0x14, 0x80_0000)
        test.write(4, 2, 2)
        #expect(test.machine.mapped == [0x800] && test.read(4, 2) == 2)
        #expect(test.machine.complaints.count == 1)
        test.write(4, 0, 2)
        #expect(test.machine.mapped.isEmpty)
        test.machine.occupied = [0x800]
        test.write(4, 2, 2)
        #expect(test.machine.mapped.isEmpty && test.read(4, 2) == 0, "decoding stays off")
        test.write(0x14, 0xffff_f000)
        test.write(4, 2, 2)
        #expect(test.machine.mapped == [0xf_ffff])
    }

    @Test func overlapsStayAsLongAsOneDecodes() throws {
        var test = try Fixture(ModelFunction(bases: [(0x4000, false)]), ModelFunction(bases: [(0x2000, false)]))
        test.write(0x10, 0x80_0000)
        test.write(0x10, 0x80_2000, to: Fixture.two)
        test.write(4, 2, 2)
        test.write(4, 2, 2, to: Fixture.two)
        test.write(4, 0, 2)
        #expect(test.machine.mapped == [0x802, 0x803])
        test.write(4, 0, 2, to: Fixture.two)
        #expect(test.machine.mapped.isEmpty)
    }

    @Test func portsAndPages() throws {
        var test = try Fixture(ModelFunction(bases: [(0x1000, false)], msi: 0x80))
        #expect(test.pci.readPort(0, width: 4, test.host) == nil, "the window is closed")
        test.pci.portAddress = 1 << 31 | 8 << 8
        #expect(test.pci.readPort(0, width: 4, test.host) == 0x1234_8086)
        #expect(test.pci.readPort(2, width: 2, test.host) == 0x1234)
        #expect(test.pci.readPort(1, width: 2, test.host) == .max, "no multiple of its size")
        test.pci.portAddress = 1 << 31 | 9 << 8
        #expect(test.pci.readPort(0, width: 4, test.host) == .max, "nobody")
        try test.pci.add(ConfigurationRegion(base: 0xb000_0000, segment: 0, buses: 0...1))
        try test.pci.add(ConfigurationRegion(base: 0xb000_0000, segment: 0, buses: 0...1))
        #expect(throws: PCIError.exists) {
            try test.pci.add(ConfigurationRegion(base: 0xb000_0000, segment: 1, buses: 0...1))
        }
        #expect(throws: PCIError.invalid) { try test.pci.add(ConfigurationRegion(base: .max, segment: 0, buses: 3...9)) }
        #expect(test.pci.page(MFN(0xb0008), test.host) == .configuration)
        #expect(test.pci.readPage(0xb000_8000, width: 8, test.host) == 0x0010_0000_1234_8086)
        test.pci.writePage(0xb000_8048, 0x41_0000_fee0, width: 8, test.host)
        #expect(test.read(0x48) == 0xfee0 && test.read(0x4c, 2) == 0x41, "two registers at once")
        #expect(test.pci.readPage(0xb000_8002, width: 4, test.host) == .max)
        test.write(0x10, 0xb000_8000)
        test.write(4, 2, 2)
        #expect(test.machine.mapped.isEmpty, "configuration space is not given away")
    }

    @Test func failuresOfAllocationAndProbing() throws {
        let machine = ModelMachine()
        let host = ModelHost(machine: machine)
        var pci = VirtualPCI<ModelHost>(machine.memory.source)!
        let cardBus = ModelFunction()
        cardBus.put(0x0e, 2, 1)
        machine.functions[Fixture.one] = cardBus
        #expect(throws: PCIError.unsupported) { try pci.add(Fixture.one, host) }
        // A list of capabilities that leads to itself, one at the very end, and a table without a base address.
        let odd = ModelFunction(table: 2048)
        odd.put(0x70, 0xf011, 2)
        odd.put(0x74, 7, 4)
        odd.put(0xf0, 0xf005, 2)
        machine.functions[Fixture.two] = odd
        try pci.add(Fixture.two, host)
        #expect(pci.read(Fixture.two, 0xf0, width: 4, host) & 0xffff == 0xf005)
        let full = ModelFunction(bases: [(0x10000, false)], table: 2048)
        machine.functions[Fixture.one] = full
        let before = machine.memory.outstanding
        machine.memory.failAfter = 0
        #expect(throws: PCIError.noMemory) { try pci.add(Fixture.one, host) }
        machine.memory.failAfter = nil
        try pci.add(Fixture.one, host)
        #expect(machine.memory.outstanding == before + 16)
        try pci.remove(Fixture.one, host)
        #expect(throws: PCIError.noDevice) { try pci.remove(Fixture.one, host) }
        #expect(machine.memory.outstanding == before)
    }
}
