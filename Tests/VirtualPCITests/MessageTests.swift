// SPDX-License-Identifier: Apache-2.0

import Base
import Machine
import Testing

@testable import VirtualPCI

struct MessageTests {
    @Test func guestAndDeviceHaveMessagesOfTheirOwn() throws {
        let device = ModelFunction(msi: 0x80)
        var test = try Fixture(device)
        test.write(0x44, 0xfee0_2004)
        test.write(0x48, 0)
        test.write(0x4c, 0x0141, 2)
        #expect(device.message == DeviceMessage(address: 0, data: 0), "not yet")
        test.write(0x42, 1, 2)
        #expect(device.peek(0x42, 2) & 1 == 1 && test.machine.taken == 1)
        let sent = device.message
        #expect(sent.address & 0xfff00000 == 0xfee0_0000 && sent.data >= 0x60 && sent.data < 0xe0)
        #expect(test.read(0x44) == 0xfee0_2004 && test.read(0x4c, 2) == 0x141 && test.read(0x42, 2) == 0x81)
        let got = test.machine.delivered(sent)
        #expect(got.vector == 0x41 && got.delivery == 1 && got.isLogical && got.destination == 2)
        // It moves while it is on: the device sends what it sent before.
        test.write(0x44, 0xfee0_1000)
        test.write(0x4c, 0x55, 2)
        #expect(device.message == sent)
        #expect(test.machine.delivered(sent) == GuestMessage(address: 0xfee0_1000, data: 0x55))
        test.write(0x44, 0x1000)
        #expect(test.machine.delivered(sent).isNone && test.machine.complaints.count == 1)
        test.write(0x42, 0, 2)
        #expect(test.machine.taken == 0 && device.peek(0x42, 2) & 1 == 0)
    }

    @Test func messagesInARow() throws {
        let device = ModelFunction(msi: 0x88)
        var test = try Fixture(device)
        test.write(0x44, 0xfee0_0000)
        test.write(0x4c, 0x4b, 2)
        test.write(0x42, 0x51, 2)
        #expect(test.read(0x42, 2) == 0xc9, "no more than it can have: 16 of 32 asked")
        #expect(test.machine.taken == 16)
        let sent = device.message
        #expect(sent.data & 15 == 0)
        for index in UInt32(0)..<16 {
            let got = test.machine.delivered(DeviceMessage(address: sent.address, data: sent.data | index))
            #expect(got.vector == UInt8(0x40 | (0x4b + index) & 15))
        }
        test.write(0x42, 0x11, 2)
        #expect(test.machine.taken == 2 && test.read(0x42, 2) == 0x99)
    }

    /// A device that was reset behind our back is told once more when the guest restores its state.
    @Test func resetAndRestore() throws {
        let device = ModelFunction(bases: [(0x10000, false)], msi: 0x80, table: 4)
        var test = try Fixture(device)
        test.write(0x44, 0xfee0_1000)
        test.write(0x4c, 0x61, 2)
        test.write(0x42, 1, 2)
        device.put(0x42, 0x80, 2)
        device.put(0x44, 0, 4)
        test.write(0x42, 1, 2)
        #expect(test.machine.delivered(device.message).vector == 0x61 && test.machine.taken == 1)
    }

    @Test func withoutVectorsTheyStayOff() throws {
        let device = ModelFunction(msi: 0x80)
        var test = try Fixture(device)
        while test.machine.vectors.take(1, at: 0) != nil {}
        test.write(0x42, 1, 2)
        #expect(test.read(0x42, 2) == 0x80 && device.peek(0x42, 2) == 0x80)
    }

    @Test func vectorsAreNobodyElses() {
        let machine = ModelMachine(processors: 2)
        var taken: Set<UInt16> = []
        for count in [1, 32, 2, 16, 4, 8, 1] {
            guard let first = machine.vectors.take(count, at: 1) else { return #expect(Bool(false)) }
            #expect(Int(first.vector) % count == 0)
            for index in 0..<count { #expect(taken.insert(first.next(index).rawValue).inserted) }
        }
        #expect(machine.taken == taken.count)
        let late = machine.vectors.take(1, at: 0)!
        let message = GuestMessage(address: 0xfee0_0000, data: 0x30)
        machine.vectors.direct(late, to: message)
        machine.vectors.release(late, rest: message)
        #expect(machine.vectors.message(late) == message, "what is on its way arrives")
        var others = 0
        while let next = machine.vectors.take(1, at: 0), next != late { others += 1 }
        #expect(machine.vectors.message(late).isNone, "until there is no other")
        #expect(machine.vectors.message(HostVector(processor: 9, vector: 0x60)).isNone)
    }
}

struct MessageTableTests {
    static let place: UInt64 = 0x80_0000

    static func make(_ device: ModelFunction) throws -> Fixture {
        var test = try Fixture(device)
        test.write(0x10, UInt32(place))
        test.write(4, 2, 2)
        return test
    }

    @Test func entriesAreTheGuests() throws {
        let device = ModelFunction(bases: [(0x4000, false)], table: 3)
        var test = try Self.make(device)
        #expect(test.machine.mapped == [0x801, 0x802, 0x803], "not where the table is")
        #expect(test.pci.page(MFN(0x800), test.host) == .table)
        let entry = Self.place + 16
        test.pci.writePage(entry, 0xfee0_1000, width: 8, test.host)
        test.pci.writePage(entry + 8, 0x4a, width: 4, test.host)
        test.write(0x72, 0x8000, 2)
        #expect(test.machine.taken == 0, "it is masked still")
        test.pci.writePage(entry + 12, 0, width: 4, test.host)
        #expect(test.machine.taken == 1 && test.machine.word(entry + 12) == 0)
        let sent = DeviceMessage(address: test.machine.word(entry), data: UInt32(test.machine.word(entry + 8)))
        #expect(test.machine.delivered(sent) == GuestMessage(address: 0xfee0_1000, data: 0x4a))
        #expect(test.pci.readPage(entry, width: 8, test.host) == 0xfee0_1000)
        #expect(test.pci.readPage(entry + 8, width: 8, test.host) == 0x4a)
        // To another processor: the device's message follows when the entry is unmasked, and what comes by the old one arrives.
        test.pci.writePage(entry, 0xfee0_2000, width: 4, test.host)
        #expect(test.machine.delivered(sent).destination == 1)
        test.pci.writePage(entry + 12, 1, width: 4, test.host)
        test.pci.writePage(entry + 12, 0, width: 4, test.host)
        let moved = DeviceMessage(address: test.machine.word(entry), data: UInt32(test.machine.word(entry + 8)))
        #expect(moved != sent && test.machine.delivered(moved).destination == 2 && test.machine.taken == 1)
        #expect(test.machine.delivered(sent).destination == 2)
        test.write(0x72, 0, 2)
        #expect(test.machine.taken == 0 && test.machine.word(entry + 12) == 1)
        test.write(0x72, 0x8000, 2)
        #expect(test.machine.taken == 1, "what was unmasked comes back")
    }

    @Test func badAccesses() throws {
        let device = ModelFunction(bases: [(0x4000, false)], table: 3)
        var test = try Self.make(device)
        for width in [1, 2] {
            #expect(test.pci.readPage(Self.place, width: width, test.host) == .max)
            test.pci.writePage(Self.place + 8, 1, width: width, test.host)
        }
        #expect(test.pci.readPage(Self.place + 4, width: 8, test.host) == .max)
        #expect(test.pci.readPage(Self.place + 8, width: 4, test.host) == 0)
        #expect(test.machine.complaints.count == 5)
        // Behind the table, and the pending bits: the device's own.
        test.machine.bytes[Self.place + 48] = 7
        test.machine.bytes[Self.place + 0x800] = 5
        #expect(test.pci.readPage(Self.place + 48, width: 1, test.host) == 7)
        #expect(test.pci.readPage(Self.place + 49, width: 4, test.host) == 0)
        #expect(test.pci.readPage(Self.place + 0x800, width: 8, test.host) == 5)
        #expect(test.pci.readPage(Self.place + 0x800, width: 1, test.host) == .max)
        #expect(test.pci.readPage(Self.place + 0xffd, width: 8, test.host) == .max, "over the page's end")
        test.pci.writePage(Self.place + 51, 0x1122, width: 2, test.host)
        #expect(test.machine.bytes[Self.place + 52] == 0x11)
        // An address that no APIC has, and a table that is not decoded.
        test.pci.writePage(Self.place, 0x1234_5678, width: 4, test.host)
        test.pci.writePage(Self.place + 12, 0, width: 4, test.host)
        test.write(0x72, 0x8000, 2)
        #expect(test.machine.taken == 0)
        test.write(0x72, 0, 2)
        test.pci.writePage(Self.place, 0xfee0_0000, width: 4, test.host)
        test.write(4, 0, 2)
        #expect(test.pci.readPage(Self.place, width: 4, test.host) == .max)
        test.write(0x72, 0x8000, 2)
        #expect(test.machine.taken == 0 && test.machine.odd == 0)
    }
}
