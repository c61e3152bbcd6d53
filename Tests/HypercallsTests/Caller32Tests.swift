// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import P2M
import Support
import Testing
import XenABI

@testable import Hypercalls

/// The same operations asked for by an x86-32 guest, whose words and handles have 32 bits.
@Suite struct Caller32Tests {
    let host = FakeHost()

    func call(_ domain: FakeDomain, _ number: Hypercall, _ arguments: UInt64...) -> Outcome {
        var list = InlineArray<5, UInt64>(repeating: 0)
        for (index, argument) in arguments.enumerated() { list[index] = argument }
        return Call<FakePlatform, Caller32>(platform: domain.platform, vcpu: domain.vcpus[0], arguments: list)
            .perform(number.rawValue)
    }

    @Test func reservations() throws {
        let guest = try FakeDomain(4, host: host)
        let list = guest.scratch + 256
        for index in 0..<20 as Range<UInt32> { guest.write(0x400 + index * 2, at: list + UInt64(index) * 4) }
        var argument = MemoryReservation<Caller32>()
        argument.extentStart = UInt32(list.rawValue)
        argument.nrExtents = 20
        argument.domain = ReservedDomain.caller
        guest.write(argument, at: guest.scratch)
        host.preempts = true
        var outcome = call(guest, .memoryOp, UInt64(MemoryOp.populatePhysmap.rawValue), guest.scratch.rawValue)
        #expect(outcome == .again(first: UInt64(MemoryOp.populatePhysmap.rawValue) | 16 << 6))
        while case .again(let first) = outcome { outcome = call(guest, .memoryOp, first, guest.scratch.rawValue) }
        #expect(outcome == .value(20))
        #expect(guest.type(0x426) == .ramReadWrite && guest.type(0x401) == .invalid)
        #expect(call(guest, .memoryOp, UInt64(MemoryOp.exchange.rawValue), 1 << 31) == .error(.efault))
    }

    @Test func physmapAndResources() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        var add = AddToPhysmap<Caller32>()
        add.domain = ReservedDomain.caller
        add.space = MapSpace.grantTable.rawValue
        add.gpfn = 0x200
        guest.write(add, at: guest.scratch)
        #expect(call(guest, .memoryOp, UInt64(MemoryOp.addToPhysmap.rawValue), guest.scratch.rawValue) == .success)
        let list = dom0.scratch + 512
        dom0.write(UInt32(0x300), at: list)
        var resource = AcquireResource<Caller32>()
        resource.domain = 4
        resource.type = ResourceType.grantTable.rawValue
        resource.nrFrames = 1
        resource.frameList = UInt32(list.rawValue)
        dom0.write(resource, at: dom0.scratch)
        #expect(call(dom0, .memoryOp, UInt64(MemoryOp.acquireResource.rawValue), dom0.scratch.rawValue) == .success)
        #expect(dom0.frame(0x300) == guest.frame(0x200))
        var remove = RemoveFromPhysmap<Caller32>()
        remove.domain = ReservedDomain.caller
        remove.gpfn = 0x200
        guest.write(remove, at: guest.scratch)
        #expect(call(guest, .memoryOp, UInt64(MemoryOp.removeFromPhysmap.rawValue), guest.scratch.rawValue) == .success)
        #expect(guest.type(0x200) == .invalid)
    }

    @Test func grants() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        var setup = GrantSetupTable<Caller32>()
        setup.domain = ReservedDomain.caller
        setup.nrFrames = 2
        setup.frameList = UInt32((guest.scratch + 512).rawValue)
        guest.write(setup, at: guest.scratch)
        guest.write(UInt64(0), at: guest.scratch + 512)
        guest.write(UInt64(0x5555), at: guest.scratch + 520)
        #expect(call(guest, .grantTableOp, UInt64(GrantTableOp.setupTable.rawValue), guest.scratch.rawValue, 1) == .success)
        // Two words of 32 bits, and nothing after them.
        #expect(guest.read(UInt64.self, at: guest.scratch + 512) == .max)
        #expect(guest.read(UInt64.self, at: guest.scratch + 520) == 0x5555)

        try guest.ref.pointee.mapGrantFrame(0, at: GFN(0x200), GrantFrames(guest.ref, guest.platform))
        var entry = GrantEntryV1()
        entry.flags = GrantFlag.permitAccess
        entry.frame = 0x108
        guest.write(entry, at: GuestVirtualAddress(0x200 << 12) + 64)
        guest.write(UInt64(0xfeed), at: GuestVirtualAddress(0x108 << 12))
        var copy = GrantCopy<Caller32>()
        copy.flags = GrantCopy<Caller32>.sourceIsGrant
        copy.source.refOrFrame = 8
        copy.source.domain = 4
        copy.destination.refOrFrame = 0x110
        copy.destination.domain = ReservedDomain.caller
        copy.length = 8
        copy.status = 77
        dom0.write(copy, at: dom0.scratch)
        #expect(call(dom0, .grantTableOp, UInt64(GrantTableOp.copy.rawValue), dom0.scratch.rawValue, 1) == .success)
        #expect(dom0.read(GrantCopy<Caller32>.self, at: dom0.scratch).status == 0)
        #expect(dom0.read(UInt64.self, at: GuestVirtualAddress(0x110 << 12)) == 0xfeed)
    }

    @Test func batchesAndWaits() throws {
        let guest = try FakeDomain(4, host: host)
        var entry = MulticallEntry<Caller32>()
        entry.operation = Hypercall.xenVersion.rawValue
        for index in 0..<3 as Range<UInt64> {
            guest.write(entry, at: guest.scratch + index * UInt64(MemoryLayout<MulticallEntry<Caller32>>.size))
        }
        #expect(call(guest, .multicall, guest.scratch.rawValue, 3) == .success)
        let last = guest.read(MulticallEntry<Caller32>.self, at: guest.scratch + 2 * 32)
        #expect(last.result == 0x4_0011)
        var poll = SchedPoll<Caller32>()
        poll.timeout = SplitUInt64(lowBits: 1 << 40)
        guest.write(poll, at: guest.scratch)
        let outcome = call(guest, .schedOp, UInt64(SchedOp.poll.rawValue), guest.scratch.rawValue)
        #expect(outcome == .poll(until: SystemTime(nanoseconds: 1 << 40)))
        var query = EventQueryABIs()
        guest.write(query, at: guest.scratch)
        #expect(call(guest, .eventChannelOp, UInt64(EventChannelOp.queryABIs.rawValue), guest.scratch.rawValue) == .success)
        query = guest.read(at: guest.scratch)
        #expect(query.wordBits == 32 && query.maxPorts3Level == 32768)
    }
}
