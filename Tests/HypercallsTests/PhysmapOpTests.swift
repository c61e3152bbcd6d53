// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import P2M
import Support
import Testing
import XenABI

@testable import Hypercalls

/// What a domain's memory shows beside its RAM.
@Suite struct PhysmapOpTests {
    let host = FakeHost()

    func add(
        _ domain: FakeDomain, _ space: MapSpace, _ index: UInt64 = 0, at gfn: UInt64,
        to target: UInt16 = ReservedDomain.caller,
        size: UInt16 = 0, start: UInt64 = 0
    ) -> Outcome {
        var argument = AddToPhysmap<Caller64>()
        argument.domain = target
        argument.space = space.rawValue
        argument.index = index
        argument.gpfn = gfn
        argument.size = size
        return domain.memory(.addToPhysmap, &argument, start: start)
    }

    func remove(_ domain: FakeDomain, _ gfn: UInt64, from target: UInt16 = ReservedDomain.caller) -> Outcome {
        var argument = RemoveFromPhysmap<Caller64>()
        argument.domain = target
        argument.gpfn = gfn
        return domain.memory(.removeFromPhysmap, &argument)
    }

    /// A batch, with the errors that stand in it afterwards.
    func batch(
        _ domain: FakeDomain, _ space: MapSpace, _ pairs: [(UInt64, UInt64)], of foreign: UInt16 = 0,
        to target: UInt16 = ReservedDomain.caller
    ) -> (Outcome, [Int32]) {
        let (indexes, gfns, errors) = (domain.scratch + 512, domain.scratch + 1536, domain.scratch + 2560)
        for (number, pair) in pairs.enumerated() {
            domain.write(pair.0, at: indexes + UInt64(number) * 8)
            domain.write(pair.1, at: gfns + UInt64(number) * 8)
            domain.write(Int32(77), at: errors + UInt64(number) * 4)
        }
        var argument = AddToPhysmapBatch<Caller64>()
        argument.domain = target
        argument.space = UInt16(space.rawValue)
        argument.size = UInt16(pairs.count)
        argument.foreignDomain = foreign
        (argument.indexes, argument.gpfns, argument.errors) = (indexes.rawValue, gfns.rawValue, errors.rawValue)
        var outcome = domain.memory(.addToPhysmapBatch, &argument)
        while case .again(let first) = outcome { outcome = domain.call(.memoryOp, first, domain.scratch.rawValue) }
        return (outcome, (0..<pairs.count).map { domain.read(Int32.self, at: errors + UInt64($0) * 4) })
    }

    /// Shows: XENMEM_add_to_physmap, XENMEM_remove_from_physmap, XENMAPSPACE_shared_info
    @Test func sharedInfo() throws {
        let guest = try FakeDomain(4, host: host)
        #expect(add(guest, .sharedInfo, 1, at: 0x200) == .error(.einval))
        #expect(add(guest, .sharedInfo, at: .max) == .error(.einval))
        #expect(add(guest, .sharedInfo, at: 1 << 60) == .error(.einval))
        #expect(add(guest, .sharedInfo, at: 0x200) == .success)
        #expect(guest.frame(0x200) == guest.ref.pointee.sharedInfo)
        // In one place only.
        #expect(add(guest, .sharedInfo, at: 0x201) == .error(.ebusy))
        #expect(remove(guest, 0x200) == .success)
        #expect(remove(guest, 0x200) == .error(.enoent))
        #expect(add(guest, .sharedInfo, at: 0x201) == .success)
        // Something else in its place frees it.
        #expect(add(guest, .grantTable, at: 0x201) == .success)
        #expect(add(guest, .sharedInfo, at: 0x202) == .success)
        #expect(add(guest, .grantTable, 1, at: 0x202) == .success)
        #expect(add(guest, .grantTable, at: 0x203) == .error(.ebusy))
        var more = guest.reservation(1, from: 0x201)
        #expect(guest.memory(.populatePhysmap, &more) == .value(1))
        #expect(add(guest, .grantTable, at: 0x203) == .success)
        for (space, error) in [(MapSpace.gmfn, XenError.enosys), (.gmfnForeign, .enosys), (.deviceMMIO, .eacces)] {
            #expect(add(guest, space, at: 0x300) == .error(error))
        }
        #expect(add(guest, .gmfnRange, at: 0x300, size: 2) == .error(.enosys))
        #expect(add(guest, .gmfnRange, at: 0x300, size: 2, start: 3) == .error(.eilseq))
        #expect(add(guest, .gmfnRange, .max, at: 0x300, size: 2) == .error(.eoverflow))
        #expect(add(guest, .gmfnRange, at: .max - 1, size: 2) == .error(.eoverflow))
        #expect(add(guest, .gmfnRange, at: 0x300) == .success)
        #expect(add(guest, .gmfnRange, at: 0x300, start: 1 << 16) == .error(.edom))
        #expect(add(guest, .sharedInfo, at: 0x300, to: 9) == .error(.esrch))
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.addToPhysmap.rawValue), 1 << 39) == .error(.efault))
    }

    /// Shows: XENMEM_add_to_physmap_batch, XENMAPSPACE_gmfn_foreign
    @Test func foreignFramesAreHeld() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        let frame = guest.frame(0x105)
        let (outcome, errors) = batch(
            dom0, .gmfnForeign, [(0x105, 0x300), (0x9999, 0x301), (0x106, 0x302)], of: 4)
        #expect(outcome == .success)
        #expect(errors == [0, -XenError.einval.rawValue, 0])
        #expect(dom0.frame(0x300) == frame && dom0.type(0x300) == .foreign)
        #expect(host.owners[frame]?.holds == 1)
        // The guest gives it up: dom0 still has it, and nobody else gets it.
        #expect(guest.release(0x105))
        #expect(host.owners[frame]?.givenUp == true)
        #expect(remove(dom0, 0x300) == .success)
        #expect(host.owners[frame] == nil)
        // Something else in its place lets go of it too.
        let other = guest.frame(0x106)
        var more = dom0.reservation(1, from: 0x302)
        #expect(dom0.memory(.populatePhysmap, &more) == .value(1))
        #expect(host.owners[other]?.holds == 0)
        #expect(batch(dom0, .gmfnForeign, [(0x107, 0x300)], of: 4).1 == [0])
        #expect(batch(dom0, .gmfnForeign, [(0x108, 0x300)], of: 4).1 == [0])
        #expect(host.owners[guest.frame(0x107)]?.holds == 0 && host.owners[guest.frame(0x108)]?.holds == 1)
        // A foreign frame cannot be passed on, given up or granted as one's own.
        more = dom0.reservation(1, from: 0x300)
        #expect(dom0.memory(.decreaseReservation, &more) == .value(0))
        #expect(batch(guest, .gmfnForeign, [(0x300, 0x300)], of: 0).1 == [-XenError.eperm.rawValue])
        #expect(batch(dom0, .gmfnForeign, [(0x105, 0x300)], of: 9).1 == [-XenError.esrch.rawValue])
        #expect(batch(dom0, .gmfnForeign, [(0x105, 0x300)], of: 0).1 == [-XenError.esrch.rawValue])
        #expect(batch(dom0, .gmfnForeign, [(0x105, 0x300)], of: ReservedDomain.xen).1 == [-XenError.einval.rawValue])
        #expect(batch(dom0, .gmfnForeign, [(0x105, 0x300)], of: ReservedDomain.caller).1 == [-XenError.einval.rawValue])
    }

    /// What the hypervisor shares with a domain its toolstack maps as it maps RAM (libxenctrl's way to fill a grant table), and
    /// keeps it for as long as that lasts.
    ///
    /// Shows: XENMEM_add_to_physmap_batch, XENMAPSPACE_gmfn_foreign
    @Test func sharedFramesAreForeignToo() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        guest.platform.share(guest.ref.pointee.sharedInfo, with: DomainID(4))
        #expect(add(guest, .grantTable, at: 0x200) == .success)
        #expect(add(guest, .sharedInfo, at: 0x201) == .success)
        let (table, info) = (guest.frame(0x200), guest.frame(0x201))
        #expect(batch(dom0, .gmfnForeign, [(0x200, 0x300), (0x201, 0x301), (0x200, 0x302)], of: 4).1 == [0, 0, 0])
        #expect(dom0.frame(0x300) == table && dom0.type(0x300) == .foreign && dom0.frame(0x301) == info)
        #expect(host.owners[table]?.holds == 2 && host.owners[info]?.holds == 1)
        // The guest takes it out of its memory: it is still the same, and still held.
        #expect(remove(guest, 0x200) == .success)
        #expect(batch(dom0, .gmfnForeign, [(0x200, 0x303)], of: 4).1 == [-XenError.einval.rawValue])
        #expect(remove(dom0, 0x300) == .success && remove(dom0, 0x302) == .success && remove(dom0, 0x301) == .success)
        #expect(host.owners[table]?.holds == 0 && host.owners[info]?.holds == 0)
        #expect(host.owners[table]?.givenUp == false, "the hypervisor has it still")
        // Not the guest's own to give on: it maps nobody's.
        #expect(batch(guest, .gmfnForeign, [(0x201, 0x302)], of: 0).1 == [-XenError.eperm.rawValue])
    }

    /// Shows: XENMEM_add_to_physmap_batch, XENMAPSPACE_dev_mmio
    @Test func batches() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        #expect(batch(guest, .gmfnRange, [(0, 0)]).0 == .error(.eopnotsupp))
        #expect(batch(guest, .deviceMMIO, [(0, 0)]).0 == .error(.eacces))
        #expect(batch(dom0, .deviceMMIO, [(0, 0)], to: 4).0 == .error(.eacces))
        #expect(batch(dom0, .deviceMMIO, [(0, 0)], of: 1).0 == .error(.eopnotsupp))
        // What is not its own device is not mapped, and nobody says so.
        #expect(batch(dom0, .deviceMMIO, [(0x90000, 0x300)]) == (.success, [0]))
        #expect(dom0.type(0x300) == .invalid)
        try dom0.ref.pointee.map(GFN(0x90000), to: MFN(0x90000), type: .deviceDirect, dom0.platform)
        #expect(batch(dom0, .deviceMMIO, [(0x90000, 0x300)]) == (.success, [0]))
        #expect(dom0.type(0x300) == .deviceCached && dom0.frame(0x300) == MFN(0x90000))
        #expect(batch(guest, .sharedInfo, []).0 == .success)
        #expect(batch(guest, .sharedInfo, [(0, .max)]).0 == .error(.einval))
        // An interrupt waits all the time.
        host.preempts = true
        var many: [(UInt64, UInt64)] = []
        for number in UInt64(0)..<100 { many.append((0x100 + number % 32, 0x400 + number)) }
        let (outcome, errors) = batch(dom0, .gmfnForeign, many, of: 4)
        #expect(outcome == .success && errors.allSatisfy { $0 == 0 })
        host.preempts = false
        var argument = AddToPhysmapBatch<Caller64>()
        argument.domain = ReservedDomain.caller
        argument.size = 3
        #expect(guest.memory(.addToPhysmapBatch, &argument, start: 4) == .error(.eilseq))
        #expect(guest.memory(.addToPhysmapBatch, &argument, start: 1 << 16) == .error(.edom))
        argument.size = 1
        argument.indexes = 1 << 39
        #expect(guest.memory(.addToPhysmapBatch, &argument) == .error(.efault))
    }

    /// Shows: XENMEM_acquire_resource, XENMEM_resource_grant_table, XENMEM_resource_ioreq_server,
    ///   XENMEM_resource_vmtrace_buf
    @Test func resources() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        let list = dom0.scratch + 512
        for index in 0..<64 as Range<UInt64> { dom0.write(0x300 + index, at: list + index * 8) }
        func acquire(
            _ count: UInt32, from first: UInt64 = 0, by domain: FakeDomain? = nil, start: UInt64 = 0,
            _ change: (inout AcquireResource<Caller64>) -> Void = { _ in }
        ) -> (Outcome, AcquireResource<Caller64>) {
            var argument = AcquireResource<Caller64>()
            argument.domain = 4
            argument.type = ResourceType.grantTable.rawValue
            argument.nrFrames = count
            argument.frame = first
            argument.frameList = count == 0 ? 0 : list.rawValue
            change(&argument)
            let outcome = (domain ?? dom0).memory(.acquireResource, &argument, start: start)
            return (outcome, argument)
        }
        let size = acquire(0)
        #expect(size.0 == .success && size.1.nrFrames == 8)
        let status = acquire(0) { $0.id = ResourceType.grantTableStatus }
        #expect(status.0 == .success && status.1.nrFrames == 1)
        #expect(acquire(3).0 == .success)
        #expect(guest.ref.pointee.grants.pointee.frameCount == 3)
        // What dom0 writes there the guest's table has.
        #expect(dom0.type(0x302) == .foreign)
        #expect(host.owners[dom0.frame(0x300)]?.holds == 1)
        #expect(acquire(1, from: 1).0 == .success)
        #expect(host.owners[dom0.frame(0x301)]?.holds == 2 && dom0.frame(0x300) == dom0.frame(0x301))
        #expect(acquire(1) { $0.id = ResourceType.grantTableStatus }.0 == .error(.einval))
        #expect(acquire(2, from: 7).0 == .error(.einval))
        #expect(acquire(9).0 == .error(.einval))
        #expect(acquire(1) { $0.id = 2 }.0 == .error(.einval))
        #expect(acquire(1) { $0.pad = 1 }.0 == .error(.einval))
        #expect(acquire(1, from: 1 << 32).0 == .error(.einval))
        #expect(acquire(.max, from: 1).0 == .error(.einval))
        #expect(acquire(1, start: 1).0 == .error(.einval))
        #expect(acquire(1) { $0.frameList = 0 }.0 == .error(.einval))
        #expect(acquire(1) { $0.frameList = 1 << 39 }.0 == .error(.efault))
        #expect(acquire(1) { $0.type = ResourceType.ioreqServer.rawValue }.0 == .error(.einval))
        #expect(acquire(1) { $0.type = ResourceType.vmtraceBuffer.rawValue }.0 == .error(.einval))
        #expect(acquire(1) { $0.type = 9 }.0 == .error(.eopnotsupp))
        #expect(acquire(1) { $0.domain = 0 }.0 == .error(.eperm))
        #expect(acquire(1) { $0.domain = ReservedDomain.caller }.0 == .error(.esrch))
        #expect(acquire(1, by: guest) { $0.domain = 0 }.0 == .error(.eperm))
        for index in 0..<3 as Range<UInt64> { #expect(remove(dom0, 0x300 + index) == .success) }
        #expect(host.owners.values.allSatisfy { $0.holds == 0 })
    }
}
