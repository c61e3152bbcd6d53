// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// RAM on demand, which only x86 has.
@Suite struct OnDemandTests {
    let host = FakeHost()
    let dom0: FakeDomain
    let guest: FakeDomain

    init() throws {
        host.isX86 = true
        dom0 = try FakeDomain(0, host: host, privileged: true)
        guest = try FakeDomain(4, host: host)
    }

    func promise(_ gfn: UInt64, order: UInt32 = 0, count: UInt64 = 1, by domain: FakeDomain? = nil) -> Outcome {
        let domain = domain ?? dom0
        var argument = domain.reservation(count, from: gfn, step: 1 << UInt64(order), order: order)
        argument.domain = 4
        argument.flags = MemoryFlags(rawValue: MemoryFlags.populateOnDemandBit)
        return domain.memory(.populatePhysmap, &argument)
    }

    func target(_ pages: UInt64?, of id: UInt16 = 4, by domain: FakeDomain? = nil) -> (Outcome, PoDTarget<Caller64>) {
        let domain = domain ?? dom0
        var argument = PoDTarget<Caller64>()
        argument.domain = id
        argument.targetPages = pages ?? 77
        var outcome = domain.memory(pages == nil ? .getPoDTarget : .setPoDTarget, &argument)
        while case .again(let first) = outcome {
            outcome = domain.call(.memoryOp, first, domain.scratch.rawValue)
            argument = domain.read(at: domain.scratch)
        }
        return (outcome, argument)
    }

    func decrease(_ gfn: UInt64, order: UInt32 = 0) -> Outcome {
        var argument = guest.reservation(1, from: gfn, order: order)
        return guest.memory(.decreaseReservation, &argument)
    }

    /// The same, looking for interrupts wherever it can; and how often it went on later.
    func decreaseInPieces(_ gfn: UInt64, order: UInt32) -> (Outcome, pieces: Int) {
        host.preempts = true
        defer { host.preempts = false }
        var (outcome, pieces) = (decrease(gfn, order: order), 1)
        while case .again(let first) = outcome {
            (outcome, pieces) = (guest.call(.memoryOp, first, guest.scratch.rawValue), pieces + 1)
        }
        return (outcome, pieces)
    }

    var state: [UInt64] {
        let state = guest.ref.pointee.onDemandState
        return [state.total, state.cached, state.entries]
    }

    /// Shows: XENMEM_set_pod_target, XENMEM_get_pod_target, XENMEM_populate_physmap
    @Test func promisedAndTouched() {
        #expect(promise(0x400, order: 9, count: 2) == .value(2))
        #expect(promise(0x1000, count: 3) == .value(3))
        #expect(promise(0x400, order: 9) == .value(1), "promised again")
        #expect(state == [32, 0, 1027])
        #expect(guest.memory(.maximumGPFN, &anyone) == .value(0x1002))
        // The cache is what is asked for beyond what is populated, but no more than waits.
        #expect(target(32 + 600).0 == .success)
        #expect(state == [632, 600, 1027])
        let told = target(nil)
        #expect(told.0 == .success)
        #expect([told.1.totalPages, told.1.cachePages, told.1.entries] == [632, 600, 1027])
        #expect(told.1.targetPages == 77)
        // Touched: a large entry gets a large block.
        #expect(guest.access(0x480, write: false) == .again)
        #expect(guest.type(0x5FF) == .ramReadWrite && state == [632, 88, 515])
        #expect(guest.read(UInt64.self, at: GuestVirtualAddress(0x400 << 12)) == 0)
        // The next one has to do with single frames.
        #expect(guest.access(0x600, write: true) == .again)
        #expect(guest.type(0x600) == .ramReadWrite && guest.type(0x601) == .populateOnDemand)
        // A hypercall touches as its caller would.
        guest.write(UInt64(5), at: GuestVirtualAddress(0x601 << 12))
        #expect(guest.read(UInt64.self, at: GuestVirtualAddress(0x602 << 12) + 4092) == 0)
        #expect(state == [632, 84, 511])
        // So does a mapping, an event word, a grant.
        #expect(add(0x1000) == 0 && guest.type(0x1000) == .ramReadWrite)
        #expect(state == [632, 83, 510])
        #expect(guest.access(0x9999, write: true) == .refused)
        #expect(guest.access(0x1000, write: true) == .again)
    }

    private func add(_ gfn: UInt64) -> Int32 {
        let list = dom0.scratch + 512
        dom0.write(gfn, at: list)
        dom0.write(UInt64(0x300), at: list + 8)
        var argument = AddToPhysmapBatch<Caller64>()
        argument.domain = ReservedDomain.caller
        argument.space = UInt16(MapSpace.gmfnForeign.rawValue)
        argument.size = 1
        argument.foreignDomain = 4
        (argument.indexes, argument.gpfns, argument.errors) = (list.rawValue, list.rawValue + 8, list.rawValue + 16)
        _ = dom0.memory(.addToPhysmapBatch, &argument)
        return dom0.read(Int32.self, at: list + 16)
    }

    private var anyone: MemoryDomain {
        get {
            var asked = MemoryDomain()
            asked.domain = ReservedDomain.caller
            return asked
        }
        nonmutating set {}
    }

    /// Shows: XENMEM_set_pod_target, XENMEM_get_pod_target
    @Test func targets() {
        #expect(target(100).0 == .success, "nothing waits")
        #expect(state == [32, 0, 0])
        #expect(promise(0x400, order: 9) == .value(1))
        host.preempts = true
        #expect(target(132).0 == .success)
        host.preempts = false
        #expect(state == [132, 100, 512])
        #expect(target(4096).0 == .success)
        #expect(state == [544, 512, 512], "no more than waits")
        #expect(target(100).0 == .success)
        #expect(state == [544, 512, 512], "the balloon's affair")
        for (pages, id, domain, error) in [
            (4097, 4, dom0, XenError.einval), (.max, 4, dom0, .einval), (1 << 63, 4, dom0, .einval), (100, 9, dom0, .esrch),
            (100, 9, guest, .esrch), (100, 4, guest, .eperm), (100, 0, guest, .eperm),
            (100, ReservedDomain.xen, dom0, .esrch),
        ] as [(UInt64, UInt16, FakeDomain, XenError)] {
            #expect(target(pages, of: id, by: domain).0 == .error(error), "\(pages) \(id)")
            if error != .einval { #expect(target(nil, of: id, by: domain).0 == .error(error)) }
        }
        for operation in [MemoryOp.setPoDTarget, .getPoDTarget] {
            #expect(dom0.call(.memoryOp, UInt64(operation.rawValue), 1 << 39) == .error(.efault))
            #expect(dom0.call(.memoryOp, UInt64(operation.rawValue) | 64, dom0.scratch.rawValue) == .error(.enosys))
        }
        // Bad promises.
        #expect(promise(0x500, by: guest) == .value(0), "to oneself")
        #expect(promise(0x100) == .value(0), "something is there")
        #expect(promise(0x0, order: 9) == .value(0), "something is there")
        #expect(promise(0x800, order: 19) == .value(0))
        let beyond: [UInt64] = [.max, .max - 1, 1 << 52, 1 << 28]
        for gfn in beyond { #expect(promise(gfn) == .value(0)) }
        #expect(state == [544, 512, 512])
    }

    /// Shows: XENMEM_decrease_reservation
    @Test func balloons() {
        #expect(promise(0x400, order: 9, count: 2) == .value(2))
        #expect(target(32 + 20).0 == .success)
        // What waits is just gone; a part of a large entry too.
        #expect(decrease(0x400, order: 3) == .value(1))
        #expect(decrease(0x410) == .value(1))
        #expect(state == [52, 20, 1015] && guest.type(0x410) == .invalid && guest.type(0x411) == .populateOnDemand)
        // RAM goes to those that wait.
        let frame = guest.frame(0x105)
        #expect(decrease(0x105) == .value(1))
        #expect(state == [52, 21, 1015] && host.owners[frame]?.givenUp == false)
        #expect(decrease(0x105) == .value(0), "once")
        // Fewer wait than there are frames for: those go.
        #expect(decrease(0x400, order: 9) == .value(0), "a hole")
        #expect(decrease(0x600, order: 9) == .value(1))
        for gfn in 0x411..<UInt64(0x5F8) { _ = decrease(gfn) }
        #expect(state == [52 - 21 + 16, 16, 16])
        #expect(decrease(0x106) == .value(1))
        #expect(state == [46, 16, 16], "and RAM goes to nobody")
        for gfn in 0x408..<UInt64(0x410) { _ = decrease(gfn) }
        let isDone = guest.ref.pointee.emptyOnDemandCache(guest.platform)
        #expect(isDone)
        #expect(state == [30, 0, 8])
        #expect(guest.access(0x5FF, write: true) == .outOfMemory)
        #expect(host.lines.last == "Dom4 out of PoD memory! (tot=30 ents=8 cache=0)")
    }

    /// What a frame had in it that waits again is gone when it is touched, and not before: a large extent of such would keep
    /// interrupts waiting.
    @Test func whatWaitsIsCleanedWhenItIsTouched() {
        #expect(promise(0x400, order: 9) == .value(1))
        #expect(target(32 + 1).0 == .success)
        guest.write(UInt64(0xDEAD), at: GuestVirtualAddress(0x105 << 12) + 64)
        let frame = guest.frame(0x105)
        #expect(decrease(0x105) == .value(1))
        #expect(host.machine.source.load(UInt64.self, at: frame.address + 64) == 0xDEAD)
        #expect(guest.access(0x400, write: true) == .again && guest.frame(0x400) != frame)
        #expect(guest.access(0x401, write: true) == .again && guest.frame(0x401) == frame)
        #expect(guest.read(UInt64.self, at: GuestVirtualAddress(0x401 << 12) + 64) == 0)
    }

    /// Frames that nobody waits for any more go back one by one, or block by block, with looks for interrupts between.
    ///
    /// Shows: XENMEM_decrease_reservation
    @Test func whatIsTooMuchGoesBackInPieces() {
        #expect(promise(0x400, order: 9, count: 3) == .value(3))
        #expect(target(32 + 512 + 20).0 == .success)
        let (first, pieces) = decreaseInPieces(0x400, order: 9)
        #expect(first == .value(1) && pieces == 1 && state == [564, 532, 1024])
        let (second, more) = decreaseInPieces(0x600, order: 9)
        #expect(second == .value(1) && more == 21 && state == [544, 512, 512])
        let (third, last) = decreaseInPieces(0x800, order: 9)
        #expect(third == .value(1) && last == 2 && state == [32, 0, 0])
    }

    /// Whatever frames that wait contain, they are the only ones that anybody gets.
    @Test func whatWaitsIsNotListedInItself() {
        #expect(promise(0x400, order: 9, count: 2) == .value(2))
        #expect(target(32 + 600).0 == .success)
        let placed = Set((0x100..<UInt64(0x120)).map { guest.frame($0) })
        let victim = dom0.frame(0x105).rawValue
        let waiting = host.owners.filter { $0.value.domain == 4 && !$0.value.isShared && !placed.contains($0.key) }.keys
        #expect(waiting.count == 600)
        for frame in waiting { host.machine.source.store(victim, at: frame.address) }
        for gfn in [0x400] + (0x600..<UInt64(0x640)) {
            #expect(guest.access(gfn, write: true) == .again && waiting.contains(guest.frame(gfn)))
        }
        #expect(Set((0x600..<UInt64(0x640)).map { guest.frame($0) }).count == 64)
    }

    /// A page that somebody else may still write does not go to those that wait.
    ///
    /// Shows: XENMEM_decrease_reservation
    @Test func whatIsHeldDoesNotWait() throws {
        #expect(promise(0x400, order: 9) == .value(1))
        #expect(target(32 + 20).0 == .success)
        let (held, before) = (guest.frame(0x105), host.machine.outstanding)
        try dom0.ref.pointee.mapForeign(GFN(0x105), of: guest.ref.pointee, at: GFN(0x300), dom0.platform)
        #expect(decrease(0x105) == .value(1))
        // Another frame waits in its place.
        #expect(host.owners[held]?.givenUp == true && state == [52, 21, 512])
        for gfn in 0x400..<UInt64(0x415) { #expect(guest.access(gfn, write: true) == .again && guest.frame(gfn) != held) }
        #expect(guest.access(0x415, write: true) == .outOfMemory)
        try dom0.ref.pointee.removeFromPhysmap(GFN(0x300), dom0.platform)
        #expect(host.owners[held] == nil && host.machine.outstanding >= before)
    }

    /// A domain that touches memory that there is none for is at its end, in a hypercall too, and says so once.
    @Test func aHypercallCannotGoOnWithoutMemory() {
        #expect(promise(0x400, order: 9) == .value(1))
        for _ in 0..<20 {
            let outcome = guest.call(.xenVersion, UInt64(VersionOp.changeset.rawValue), 0x400 << 12)
            #expect(outcome == .shutdown(.crash))
        }
        #expect(host.lines == ["Dom4 out of PoD memory! (tot=32 ents=512 cache=0)"])
        #expect(dom0.call(.xenVersion, 0, 0) == .value(4 << 16 | 17))
    }

    /// Large blocks are broken where there is nothing else, and go back whole.
    @Test func largeBlocks() {
        #expect(promise(0x400, order: 9, count: 3) == .value(3))
        #expect(target(32 + 1024).0 == .success)
        #expect(state == [1056, 1024, 1536])
        // An entry that is not large any more.
        #expect(decrease(0x410) == .value(1))
        #expect(guest.access(0x411, write: true) == .again && guest.access(0x412, write: true) == .again)
        #expect(state == [1056, 1022, 1533])
        #expect(guest.frame(0x412) == guest.frame(0x411) + 1)
        let isDone = guest.ref.pointee.emptyOnDemandCache(guest.platform)
        #expect(isDone && state == [34, 0, 1533])
    }

    /// Something else in the place of what waits: it waits no more.
    @Test func covered() {
        #expect(promise(0x400, order: 9) == .value(1))
        #expect(target(32 + 20).0 == .success)
        var more = guest.reservation(1, from: 0x408, order: 3)
        #expect(guest.memory(.populatePhysmap, &more) == .value(1))
        #expect(state == [60, 20, 504])
        var argument = AddToPhysmap<Caller64>()
        argument.domain = 4
        argument.gpfn = 0x400
        #expect(guest.memory(.addToPhysmap, &argument) == .success)
        #expect(state == [60, 20, 503] && guest.frame(0x400) == guest.ref.pointee.sharedInfo)
        argument.space = MapSpace.gmfn.rawValue
        (argument.index, argument.gpfn) = (0x401, 0x100 + 40)
        #expect(guest.memory(.addToPhysmap, &argument) == .success)
        #expect(state == [60, 19, 502] && guest.type(0x401) == .invalid)
        var remove = RemoveFromPhysmap<Caller64>()
        remove.domain = 4
        remove.gpfn = 0x402
        #expect(guest.memory(.removeFromPhysmap, &remove) == .success)
        #expect(state == [60, 18, 501])
        more = guest.reservation(1, from: 0x400, order: 9)
        #expect(guest.memory(.populatePhysmap, &more) == .value(1))
        #expect(state[2] == 0)
    }
}
