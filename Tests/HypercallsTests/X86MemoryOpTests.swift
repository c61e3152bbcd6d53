// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import GrantTables
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// Memory operations that only x86 has.
@Suite struct X86MemoryOpTests {
    let host = FakeHost()
    let dom0: FakeDomain
    let guest: FakeDomain

    init() throws {
        host.isX86 = true
        dom0 = try FakeDomain(0, host: host, privileged: true)
        guest = try FakeDomain(4, host: host)
    }

    func add(
        _ space: MapSpace, _ index: UInt64 = 0, at gfn: UInt64, size: UInt16 = 0, start: UInt64 = 0,
        by domain: FakeDomain? = nil
    ) -> Outcome {
        var argument = AddToPhysmap<Caller64>()
        argument.domain = 4
        argument.space = space.rawValue
        argument.index = index
        argument.gpfn = gfn
        argument.size = size
        return (domain ?? guest).memory(.addToPhysmap, &argument, start: start)
    }

    func setMap(_ count: UInt32, of target: UInt16 = 4, by domain: FakeDomain, at buffer: UInt64? = nil) -> Outcome {
        let list = domain.scratch + 256
        for index in 0..<UInt64(min(count, 100)) {
            domain.write(E820Entry(address: index << 20 | 0x55, length: 1 << 20, type: 1), at: list + index * 20)
        }
        var argument = ForeignMemoryMap<Caller64>()
        argument.domain = target
        argument.map.nrEntries = count
        argument.map.buffer = buffer ?? list.rawValue
        return domain.memory(.setMemoryMap, &argument)
    }

    func map(_ operation: MemoryOp, _ room: UInt32, by domain: FakeDomain, at buffer: UInt64) -> (Outcome, UInt32) {
        var argument = MemoryMap<Caller64>()
        argument.nrEntries = room
        argument.buffer = buffer
        return (domain.memory(operation, &argument), argument.nrEntries)
    }

    /// Shows: XENMEM_set_memory_map, XENMEM_memory_map
    @Test func memoryMaps() {
        let list = guest.scratch + 2560
        #expect(map(.memoryMap, 10, by: guest, at: list.rawValue).0 == .error(.enosys), "nobody has set one")
        #expect(setMap(3, by: dom0) == .success)
        #expect(map(.memoryMap, 10, by: guest, at: list.rawValue) == (.success, 3))
        #expect(guest.read(at: list + 40) == E820Entry(address: 2 << 20 | 0x55, length: 1 << 20, type: 1))
        #expect(map(.memoryMap, 2, by: guest, at: list.rawValue) == (.success, 2))
        #expect(map(.memoryMap, 0, by: guest, at: 1 << 39) == (.success, 0))
        #expect(map(.memoryMap, 2, by: guest, at: 1 << 39).0 == .error(.efault))
        #expect(map(.memoryMap, .max, by: guest, at: .max - 3).0 == .error(.efault))
        // Another in its place, with nothing of the first left.
        let before = host.machine.outstanding
        #expect(setMap(60, of: ReservedDomain.caller, by: guest) == .success)
        #expect(host.machine.outstanding == before)
        #expect(map(.memoryMap, 60, by: guest, at: list.rawValue) == (.success, 60))
        for count in [1025, UInt32.max] { #expect(setMap(count, by: dom0) == .error(.einval)) }
        #expect(setMap(1, of: 9, by: dom0) == .error(.esrch))
        #expect(setMap(1, of: 0, by: guest) == .error(.eperm))
        #expect(setMap(1024, by: dom0, at: 1 << 39) == .error(.efault))
        #expect(setMap(1024, by: dom0, at: .max - 40) == .error(.efault))
        #expect(host.machine.outstanding == before)
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.memoryMap.rawValue), 1 << 39) == .error(.efault))
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.setMemoryMap.rawValue), 1 << 39) == .error(.efault))
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.memoryMap.rawValue) | 64, 0) == .error(.enosys))
        #expect(setMap(0, by: dom0) == .success)
        #expect(map(.memoryMap, 10, by: guest, at: list.rawValue).0 == .error(.enosys))
        #expect(host.machine.outstanding == before - 1)
    }

    /// Shows: XENMEM_machine_memory_map
    @Test func machineMemoryMap() {
        host.machineMap = (0..<5).map { E820Entry(address: $0 << 30, length: 1 << 29, type: 2) }
        let list = dom0.scratch + 256
        #expect(map(.machineMemoryMap, 6, by: guest, at: list.rawValue).0 == .error(.enosys))
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.machineMemoryMap.rawValue), 1 << 39) == .error(.enosys))
        #expect(dom0.call(.memoryOp, UInt64(MemoryOp.machineMemoryMap.rawValue), 1 << 39) == .error(.efault))
        // Without a buffer: how many there are.
        #expect(map(.machineMemoryMap, 0, by: dom0, at: 0) == (.success, 5))
        #expect(map(.machineMemoryMap, 6, by: dom0, at: list.rawValue) == (.success, 5))
        #expect(dom0.read(at: list + 80) == host.machineMap[4])
        for room in [0, 1, 5] as [UInt32] {
            #expect(map(.machineMemoryMap, room, by: dom0, at: list.rawValue).0 == .error(.einval))
        }
        #expect(map(.machineMemoryMap, .max, by: dom0, at: 1 << 39).0 == .error(.efault))
    }

    /// Shows: XENMEM_machphys_mapping, XENMEM_machphys_mfn_list, XENMEM_machphys_compat_mfn_list
    @Test func machineToPhysical() {
        var mapping = MachphysMapping<Caller64>()
        #expect(guest.memory(.machphysMapping, &mapping) == .success)
        #expect(mapping.virtualStart == 0xFFFF_8000_0000_0000 && mapping.maxMFN == 0x4000000000 / 8 - 1)
        #expect(dom0.memory(.machphysMapping, &mapping) == .success)
        #expect(mapping.maxMFN == dom0.platform.maximumFrame.rawValue)
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.machphysMapping.rawValue), 1 << 39) == .error(.efault))
        var list = MachphysMFNList<Caller64>()
        list.maxExtents = .max
        list.nrExtents = 7
        #expect(guest.memory(.machphysMFNList, &list) == .success)
        #expect(list.nrExtents == 0)
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.machphysMFNList.rawValue), 1 << 39) == .error(.efault))
        #expect(guest.memory(.machphysCompatMFNList, &list) == .error(.eopnotsupp))
    }

    /// Shows: XENMAPSPACE_gmfn, XENMEM_add_to_physmap
    @Test func ramMoves() throws {
        let frame = guest.frame(0x101)
        let covered = guest.frame(0x102)
        #expect(add(.gmfn, 0x101, at: 0x300) == .success)
        #expect(guest.frame(0x300) == frame && guest.type(0x101) == .invalid && guest.totalPages == 32)
        #expect(add(.gmfn, 0x300, at: 0x300) == .success)
        // RAM that is covered is freed.
        #expect(add(.gmfn, 0x300, at: 0x102) == .success)
        #expect(guest.frame(0x102) == frame && guest.totalPages == 31 && host.owners[covered] == nil)
        for (index, gfn) in [(0x300, 0x103), (UInt64.max, 0x103), (1 << 63, 0x103), (0x103, 1 << 60), (0x103, .max)] {
            #expect(add(.gmfn, UInt64(index), at: UInt64(gfn)) == .error(.einval))
        }
        #expect(guest.type(0x103) == .ramReadWrite)
        // What is not its RAM does not move, and is not covered.
        try guest.ref.pointee.map(GFN(0x310), to: dom0.frame(0x105), type: .grantReadWrite, guest.platform)
        try guest.ref.pointee.map(GFN(0x311), to: guest.frame(0x105), type: .grantReadOnly, guest.platform)
        try guest.ref.pointee.map(GFN(0x312), to: MFN(0x90000), type: .deviceDirect, guest.platform)
        #expect(add(.gmfn, 0x310, at: 0x320) == .error(.einval))
        #expect(add(.gmfn, 0x311, at: 0x320) == .error(.exdev))
        #expect(add(.gmfn, 0x312, at: 0x320) == .error(.einval))
        for space in [MapSpace.gmfn, .sharedInfo, .grantTable] {
            let index: UInt64 = space == .gmfn ? 0x104 : 0
            #expect(add(space, index, at: 0x310) == .error(.enxio))
            #expect(add(space, index, at: 0x312) == .error(.eperm))
        }
        #expect(add(.deviceMMIO, at: 0x320) == .error(.eacces))
        var argument = AddToPhysmap<Caller64>()
        argument.domain = 4
        argument.space = 77
        argument.gpfn = 0x320
        #expect(guest.memory(.addToPhysmap, &argument) == .error(.einval))
        argument.domain = 0
        #expect(guest.memory(.addToPhysmap, &argument) == .error(.eperm))
        #expect(add(.gmfn, 0x104, at: 0x320, by: dom0) == .success)
        #expect(guest.type(0x320) == .ramReadWrite)
    }

    /// Shows: XENMAPSPACE_gmfn_range
    @Test func rangesMove() {
        let frames = (0x104..<0x10C).map { guest.frame($0) }
        host.preempts = true
        var outcome = add(.gmfnRange, 0x104, at: 0x106, size: 8)
        var pieces = 1
        while case .again(let first) = outcome {
            outcome = guest.call(.memoryOp, first, guest.scratch.rawValue)
            pieces += 1
        }
        #expect(outcome == .success && pieces == 8)
        // The first two are moved on and on, over what was there: eight frames are freed on the way.
        #expect(guest.frame(0x10C) == frames[0] && guest.frame(0x10D) == frames[1] && guest.totalPages == 24)
        host.preempts = false
        #expect(add(.gmfnRange, 0x110, at: 0x400, size: 8) == .success)
        #expect(guest.type(0x407) == .ramReadWrite && guest.type(0x110) == .invalid)
        #expect(add(.gmfnRange, 0x400, at: 0x110, size: 9) == .error(.einval), "the ninth is none")
        #expect(guest.type(0x117) == .ramReadWrite)
        #expect(add(.gmfnRange, 0x110, at: 0x400, size: 2, start: 3) == .error(.eilseq))
        #expect(add(.gmfnRange, .max, at: 0x400, size: 2) == .error(.eoverflow))
        #expect(add(.gmfnRange, 0x110, at: .max - 1, size: 2) == .error(.eoverflow))
        #expect(add(.gmfnRange, 0x110, at: 0x400) == .success)
        #expect(add(.gmfnRange, 0x110, at: 0x400, size: 2, start: 1 << 16) == .error(.edom))
    }

    /// Shows: XENMAPSPACE_shared_info, XENMAPSPACE_grant_table
    @Test func whatIsSharedMoves() {
        #expect(add(.sharedInfo, at: 0x300) == .success)
        #expect(add(.sharedInfo, at: 0x101) == .success)
        #expect(guest.type(0x300) == .invalid && guest.frame(0x101) == guest.ref.pointee.sharedInfo)
        #expect(guest.totalPages == 31, "the RAM that was there is freed")
        #expect(add(.sharedInfo, at: 0x101) == .success)
        #expect(add(.grantTable, 1, at: 0x301) == .success)
        let frame = guest.frame(0x301)
        #expect(add(.grantTable, 1, at: 0x302) == .success)
        #expect(guest.type(0x301) == .invalid && guest.frame(0x302) == frame)
        // One over the other.
        #expect(add(.sharedInfo, at: 0x302) == .success)
        #expect(add(.grantTable, 1, at: 0x303) == .success)
        #expect(guest.frame(0x303) == frame && guest.type(0x101) == .invalid)
    }

    /// Shows: XENMEM_populate_physmap
    @Test func exactNodes() {
        func populate(_ flags: UInt32, at gfn: UInt64, by domain: FakeDomain) -> Outcome {
            var argument = domain.reservation(1, from: gfn)
            argument.flags = MemoryFlags(rawValue: flags)
            return domain.memory(.populatePhysmap, &argument)
        }
        let exact = MemoryFlags.exactNodeBit
        #expect(populate(exact | 1 << 8, at: 0x400, by: dom0) == .value(1))
        #expect(populate(2 << 8, at: 0x401, by: dom0) == .value(1), "a wish")
        #expect(populate(exact | 2 << 8, at: 0x402, by: dom0) == .value(0))
        #expect(populate(exact | 1 << 8, at: 0x402, by: guest) == .value(0))
        #expect(populate(1 << 8, at: 0x402, by: guest) == .value(1))
        #expect(populate(exact, at: 0x403, by: guest) == .value(1), "no node named")
    }

    /// Shows: GNTTABOP_transfer, XENMEM_exchange
    @Test func nothingIsTakenFromATranslatedDomain() {
        let list = guest.scratch + 512
        for (index, frame) in [0x105, 0x999, UInt64.max].enumerated() {
            var element = GrantTransfer<Caller64>()
            element.mfn = frame
            element.status = 7
            guest.write(element, at: list + UInt64(index) * 24)
        }
        #expect(guest.call(.grantTableOp, UInt64(GrantTableOp.transfer.rawValue), list.rawValue, 3) == .success)
        let found = (0..<3).map { guest.read(GrantTransfer<Caller64>.self, at: list + UInt64($0) * 24).status }
        #expect(found == [GrantStatus.generalError, .badPage, .badPage].map(\.rawValue))
        #expect(guest.type(0x105) == .ramReadWrite && guest.totalPages == 32)
        #expect(guest.call(.grantTableOp, UInt64(GrantTableOp.transfer.rawValue), 1 << 39, 1) == .error(.efault))
        #expect(guest.call(.grantTableOp, UInt64(GrantTableOp.transfer.rawValue), 1 << 39, 0) == .success)
        #expect(guest.call(.grantTableOp, UInt64(GrantTableOp.transfer.rawValue), list.rawValue, 1 << 31) == .error(.einval))

        var exchange = MemoryExchange<Caller64>()
        exchange.input = guest.reservation(1, from: 0x100)
        exchange.output = exchange.input
        #expect(guest.memory(.exchange, &exchange) == .error(.eopnotsupp))
        exchange.output.flags = MemoryFlags(rawValue: MemoryFlags.exactNodeBit | 1 << 8)
        #expect(guest.memory(.exchange, &exchange) == .error(.einval))
        exchange.output.flags = MemoryFlags(rawValue: 65 << 8)
        #expect(dom0.memory(.exchange, &exchange) == .error(.einval))
        exchange.output.flags = MemoryFlags(rawValue: 0)
        exchange.input.domain = 9
        exchange.output.domain = 9
        #expect(dom0.memory(.exchange, &exchange) == .error(.esrch))
        exchange.input.domain = 0
        exchange.output.domain = 0
        #expect(guest.memory(.exchange, &exchange) == .error(.eperm))
    }
}
