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

extension FakeDomain {
    func memory<Value: BitwiseCopyable>(_ operation: MemoryOp, _ argument: inout Value, start: UInt64 = 0) -> Outcome {
        write(argument, at: scratch)
        let outcome = call(.memoryOp, UInt64(operation.rawValue) | start << progressShift, scratch.rawValue)
        argument = read(at: scratch)
        return outcome
    }

    /// A reservation of so many extents, whose frame numbers go from `first` on, `step` apart.
    func reservation(_ count: UInt64, from first: UInt64, step: UInt64 = 1, order: UInt32 = 0) -> MemoryReservation<Caller64>
    {
        let list = scratch + 256
        for index in 0..<min(count, 200) { write(first + index * step, at: list + index * 8) }
        var argument = MemoryReservation<Caller64>()
        argument.extentStart = list.rawValue
        argument.nrExtents = count
        argument.extentOrder = order
        argument.domain = ReservedDomain.caller
        return argument
    }

    var totalPages: UInt64 { ref.pointee.totalPages.load(ordering: .relaxed) }
}

/// How much memory a domain has.
@Suite struct ReservationTests {
    let host = FakeHost()

    /// Shows: XENMEM_populate_physmap, XENMEM_decrease_reservation, XENMEM_increase_reservation,
    ///   XENMEM_current_reservation, XENMEM_maximum_reservation, XENMEM_maximum_gpfn, XENMEM_maximum_ram_page
    @Test func growAndShrink() throws {
        let guest = try FakeDomain(4, host: host)
        var asked = MemoryDomain()
        asked.domain = ReservedDomain.caller
        #expect(guest.memory(.currentReservation, &asked) == .value(32))
        #expect(guest.memory(.maximumReservation, &asked) == .value(4096))
        #expect(guest.memory(.maximumGPFN, &asked) == .value(0x11F))
        #expect(guest.memory(.maximumGPFN, &asked, start: 1) == .error(.einval))
        let limit = Int64((host.machine.base + UInt64(host.machine.frames)).rawValue)
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.maximumRAMPage.rawValue)) == .value(limit))
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.maximumRAMPage.rawValue) | 64) == .error(.einval))

        let before = host.machine.outstanding
        var more = guest.reservation(40, from: 0x400)
        #expect(guest.memory(.populatePhysmap, &more) == .value(40))
        #expect(guest.totalPages == 72 && guest.type(0x427) == .ramReadWrite)
        #expect(guest.memory(.maximumGPFN, &asked) == .value(0x427))
        #expect(guest.memory(.decreaseReservation, &more) == .value(40))
        #expect(guest.totalPages == 32 && guest.type(0x400) == .invalid)
        // Only the tables are left.
        #expect(host.machine.outstanding <= before + 2)
        // Each frame once.
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        more = guest.reservation(2, from: 0x800, step: 16, order: 3)
        #expect(guest.memory(.populatePhysmap, &more) == .value(2))
        #expect(guest.type(0x817) == .ramReadWrite && guest.type(0x808) == .invalid)
        #expect(guest.memory(.decreaseReservation, &more) == .value(2))
        // Frames without a place count too.
        #expect(guest.memory(.increaseReservation, &more) == .value(2))
        #expect(guest.totalPages == 48)
    }

    /// Large extents are given back with few invalidations, and interrupts come in between two.
    ///
    /// Shows: XENMEM_decrease_reservation
    /// The pieces of a large block are zeroed with a look for interrupts after each, whether an extent is done by then or not.
    @Test func largeExtentsComeInParts() throws {
        let guest = try FakeDomain(4, host: host)
        var large = guest.reservation(2, from: 0x400, step: 512, order: 9)
        (host.unreadyPieces, host.preempts) = (3, true)
        for left in [2, 1, 0] {
            #expect(guest.memory(.populatePhysmap, &large) == .again(first: 6))
            #expect(host.unreadyPieces == left)
        }
        #expect(guest.memory(.populatePhysmap, &large) == .again(first: 6 | 1 << progressShift))
        host.preempts = false
        host.unreadyPieces = 5
        #expect(guest.memory(.populatePhysmap, &large, start: 1) == .value(2) && host.unreadyPieces == 0)
        // Small ones are zeroed by whoever hands them out.
        host.unreadyPieces = 5
        var small = guest.reservation(2, from: 0x1400, order: 0)
        #expect(guest.memory(.populatePhysmap, &small) == .value(2) && host.unreadyPieces == 5)
    }

    @Test func largeExtentsGoBackInParts() throws {
        let guest = try FakeDomain(4, host: host)
        var single = guest.reservation(1, from: 0, order: 0)
        for gfn in 0x400..<UInt64(0x600) {
            single = guest.reservation(1, from: gfn)
            #expect(guest.memory(.populatePhysmap, &single) == .value(1))
        }
        var large = guest.reservation(3, from: 0x600, step: 512, order: 9)
        #expect(guest.memory(.populatePhysmap, &large) == .value(3) && guest.totalPages == 32 + 2048)
        large = guest.reservation(4, from: 0x400, step: 512, order: 9)
        host.flushes = 0
        host.preempts = true
        #expect(guest.memory(.decreaseReservation, &large) == .again(first: 1 | 1 << progressShift))
        #expect(host.flushes <= 16 && guest.totalPages == 32 + 1536)
        host.flushes = 0
        #expect(guest.memory(.decreaseReservation, &large, start: 1) == .again(first: 1 | 2 << progressShift))
        #expect(host.flushes <= 2)
        host.preempts = false
        // A part of a large entry, over its end.
        large = guest.reservation(1, from: 0x900, order: 8)
        #expect(guest.memory(.decreaseReservation, &large) == .value(1))
        #expect(guest.totalPages == 32 + 768 && guest.type(0x8FF) == .ramReadWrite && guest.type(0x900) == .invalid)
        #expect(guest.type(0x9FF) == .invalid && guest.type(0xA00) == .ramReadWrite)
        large = guest.reservation(1, from: 0x800, order: 9)
        #expect(guest.memory(.decreaseReservation, &large) == .value(0), "up to the hole")
        #expect(guest.totalPages == 32 + 512)
        large = guest.reservation(1, from: 0xA00, order: 9)
        #expect(guest.memory(.decreaseReservation, &large) == .value(1) && guest.totalPages == 32)
        #expect(host.owners.values.filter { $0.domain == 4 && !$0.isShared }.count == 32)
    }

    /// Shows: XENMEM_populate_physmap, XENMEM_decrease_reservation
    @Test func piecesAndLimits() throws {
        let guest = try FakeDomain(4, host: host)
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        host.preempts = true
        var more = guest.reservation(100, from: 0x400)
        var outcome = guest.memory(.populatePhysmap, &more)
        var pieces = 1
        while case .again(let first) = outcome {
            outcome = guest.call(.memoryOp, first, guest.scratch.rawValue)
            pieces += 1
        }
        #expect(outcome == .value(100) && pieces == 7)
        host.preempts = false
        guest.ref.pointee.maximumPages.store(140, ordering: .relaxed)
        more = guest.reservation(100, from: 0x500)
        #expect(guest.memory(.populatePhysmap, &more) == .value(8))
        #expect(guest.totalPages == 140)
        // What cannot be asked for is done not at all, however it is wrong.
        more = guest.reservation(1, from: 0x600, order: 10)
        #expect(guest.memory(.populatePhysmap, &more) == .value(0))
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        more.extentOrder = .max
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        for count in [0, 1 << 26, UInt64.max, 1 << 63] {
            more = guest.reservation(1, from: 0x100)
            more.nrExtents = count
            #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        }
        more = guest.reservation(1, from: .max)
        #expect(guest.memory(.populatePhysmap, &more) == .value(0))
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        more.extentStart = 1 << 39
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        more = guest.reservation(1, from: 0x100)
        more.domain = 0
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        more.domain = 77
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        more.domain = 4
        more.flags = MemoryFlags(rawValue: 12)
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        more.flags = MemoryFlags(rawValue: MemoryFlags.exactNodeBit | 2 << 8)
        #expect(guest.memory(.decreaseReservation, &more) == .value(0))
        more.flags = MemoryFlags(rawValue: MemoryFlags.populateOnDemandBit)
        #expect(guest.memory(.populatePhysmap, &more) == .value(0))
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.decreaseReservation.rawValue) | 5 << 6, 1 << 39) == .value(5))
        // The toolstack does it for others.
        more = dom0.reservation(1, from: 0x101)
        more.domain = 4
        #expect(dom0.memory(.decreaseReservation, &more) == .value(1))
        #expect(guest.type(0x101) == .invalid)
    }

    /// Shows: XENMEM_claim_pages
    @Test func claims() throws {
        let guest = try FakeDomain(4, host: host)
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        func claim(
            _ pages: UInt64, by domain: FakeDomain? = nil, _ change: (inout MemoryReservation<Caller64>) -> Void = { _ in }
        )
            -> Outcome
        {
            var argument = MemoryReservation<Caller64>()
            argument.domain = 4
            argument.nrExtents = pages
            change(&argument)
            return (domain ?? dom0).memory(.claimPages, &argument)
        }
        #expect(claim(100, by: guest) == .error(.eperm))
        #expect(claim(32) == .error(.einval))
        #expect(claim(4097) == .error(.einval))
        #expect(claim(100) { $0.domain = 9 } == .error(.einval))
        #expect(claim(100) { $0.domain = ReservedDomain.caller } == .error(.einval))
        #expect(claim(100) { $0.extentOrder = 1 } == .error(.einval))
        #expect(claim(100) { $0.extentStart = 8 } == .error(.einval))
        #expect(claim(100) { $0.flags = MemoryFlags(rawValue: 1) } == .error(.einval))
        #expect(claim(4096) == .error(.enomem))
        #expect(claim(100) == .success)
        #expect(host.claimed == 68)
        #expect(claim(101) == .error(.einval))
        // What the domain gets is what was set aside for it.
        var more = guest.reservation(60, from: 0x400)
        #expect(guest.memory(.populatePhysmap, &more) == .value(60))
        #expect(host.claimed == 8)
        more = guest.reservation(20, from: 0x440)
        #expect(guest.memory(.populatePhysmap, &more) == .value(20))
        #expect(host.claimed == 0)
        #expect(claim(200) == .success)
        #expect(claim(0) == .success)
        #expect(host.claimed == 0)
    }

    /// Shows: XENMEM_exchange, XENMEM_access_op, XENMEM_get_sharing_freed_pages,
    ///   XENMEM_get_sharing_shared_pages, XENMEM_reserved_device_memory_map
    @Test func whatARMHasNot() throws {
        let guest = try FakeDomain(4, host: host)
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        var exchange = MemoryExchange<Caller64>()
        exchange.input = guest.reservation(1, from: 0x100)
        exchange.output = exchange.input
        #expect(guest.memory(.exchange, &exchange) == .error(.eopnotsupp))
        #expect(guest.memory(.exchange, &exchange, start: 1) == .error(.einval))
        exchange.output.nrExtents = 2
        #expect(guest.memory(.exchange, &exchange) == .error(.einval))
        exchange.output.nrExtents = 1
        exchange.output.extentOrder = 10
        #expect(guest.memory(.exchange, &exchange) == .error(.eperm))
        exchange.output.extentOrder = 0
        exchange.output.domain = 3
        #expect(guest.memory(.exchange, &exchange) == .error(.einval))
        exchange.output.domain = ReservedDomain.caller
        exchange.input.nrExtents = .max
        exchange.input.extentOrder = 1
        #expect(guest.memory(.exchange, &exchange) == .error(.einval))
        exchange.input = guest.reservation(1, from: 0x99)
        #expect(guest.memory(.exchange, &exchange) == .error(.einval))
        exchange.nrExchanged = 1
        #expect(guest.memory(.exchange, &exchange) == .success)

        var numa = VNUMATopologyInfo<Caller64>()
        numa.domain = ReservedDomain.caller
        #expect(guest.memory(.getVNUMAInfo, &numa) == .error(.eopnotsupp))
        numa.pad = 1
        #expect(guest.memory(.getVNUMAInfo, &numa) == .error(.einval))
        // Compiled out on ARM.
        #expect(dom0.call(.memoryOp, UInt64(MemoryOp.accessOp.rawValue), dom0.scratch.rawValue) == .error(.enosys))
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.getSharingFreedPages.rawValue)) == .success)
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.getSharingSharedPages.rawValue)) == .success)
        var reserved = ReservedDeviceMemoryMap<Caller64>()
        reserved.nrEntries = 7
        reserved.flags = 1
        #expect(guest.memory(.reservedDeviceMemoryMap, &reserved) == .success)
        #expect(reserved.nrEntries == 0)
        reserved.flags = 2
        #expect(guest.memory(.reservedDeviceMemoryMap, &reserved) == .error(.einval))
        for operation in [MemoryOp.memoryMap, .machineMemoryMap, .setMemoryMap, .setPoDTarget, .getPoDTarget, .pagingOp] {
            #expect(guest.call(.memoryOp, UInt64(operation.rawValue), guest.scratch.rawValue) == .error(.enosys))
        }
        #expect(guest.call(.memoryOp, 63, guest.scratch.rawValue) == .error(.enosys))
    }
}
