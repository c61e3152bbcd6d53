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

/// A domain's memory is copied while it runs.
@Suite struct DirtyLogTests {
    let host = FakeHost()
    let guest: FakeDomain

    init() throws { guest = try FakeDomain(4, host: host) }

    func begin() throws {
        try guest.ref.pointee.beginLog()
        var next: GFN? = GFN(0)
        while let gfn = next { next = try guest.ref.pointee.protectForLog(from: gfn, guest.platform) }
    }

    func end() -> Int {
        var passes = 0
        var next: GFN? = GFN(0)
        while let gfn = next {
            next = guest.ref.pointee.endLog(from: gfn, guest.platform)
            passes += 1
        }
        return passes
    }

    func written(cleaning: Bool = true) throws -> [UInt64] {
        let bits = try guest.ref.pointee.takeDirty(GFN(0), cleaning: cleaning, guest.platform)
        return (0..<UInt64(4096)).filter { bits[Int($0 / 64)] >> ($0 % 64) & 1 != 0 }
    }

    @Test func everyWayToWriteIsNoted() throws {
        #expect(try written() == [])
        try begin()
        #expect(throws: XenError.einval) { try begin() }
        #expect(guest.type(0x105) == .ramLogDirty)
        #expect(try written() == [])
        // The guest's own write.
        #expect(guest.access(0x105, write: false) == .again)
        #expect(guest.type(0x105) == .ramLogDirty)
        #expect(guest.access(0x105, write: true) == .again)
        #expect(guest.access(0x105, write: true) == .again)
        #expect(guest.access(0x999, write: true) == .refused)
        // A hypercall's, over two pages; and reading.
        _ = guest.read(UInt64.self, at: GuestVirtualAddress(0x10C << 12))
        guest.write(UInt64(7), at: GuestVirtualAddress((0x107 << 12) - 4))
        // Event words, and a grant that may be written.
        #expect(try EventFrames(guest.ref, guest.platform).pin(GFN(0x108)) == guest.frame(0x108))
        let pages = DomainPages(guest.ref, guest.platform)
        #expect(try pages.take(GFN(0x109), writable: true) == guest.frame(0x109))
        #expect(try pages.take(GFN(0x10A), writable: false) == guest.frame(0x10A))
        // RAM that is new.
        #expect(guest.populate(0x200, order: 1))
        #expect(try written(cleaning: false) == [0x105, 0x106, 0x107, 0x108, 0x109, 0x200, 0x201])
        #expect(try written() == [0x105, 0x106, 0x107, 0x108, 0x109, 0x200, 0x201])
        #expect(try written() == [] && guest.type(0x105) == .ramLogDirty && guest.type(0x200) == .ramLogDirty)
        // What is protected is RAM as ever.
        #expect(guest.release(0x106))
        var more = guest.reservation(1, from: 0x107)
        #expect(guest.memory(.decreaseReservation, &more) == .value(1))
        #expect(end() == 1)
        let isLogging = guest.ref.pointee.isLoggingWrites
        #expect(guest.type(0x105) == .ramReadWrite && !isLogging)
        #expect(try written() == [])
    }

    /// A large domain in passes, and what was split comes back.
    @Test func passes() throws {
        let outstanding = host.machine.outstanding
        for gfn in [0x400, 0x8000, 0x20000, 0x80000] as [UInt64] {
            #expect(guest.populate(gfn, order: 9))
        }
        let before = host.machine.outstanding
        try begin()
        #expect(guest.access(0x20007, write: true) == .again)
        #expect(guest.type(0x20008) == .ramLogDirty && host.machine.outstanding > before)
        #expect(end() > 4)
        #expect(host.machine.outstanding == before && before > outstanding)
        let order = guest.ref.pointee.p2m.withLock { $0.lookup(GFN(0x20007)) }.order
        #expect(order == 9)
    }

    /// Where the hypervisor's own frames are stays known, though they are logged like RAM.
    ///
    /// Shows: XENMAPSPACE_shared_info, XENMAPSPACE_grant_table
    @Test(arguments: [false, true]) func whatIsSharedIsFollowed(isX86: Bool) throws {
        host.isX86 = isX86
        func add(_ space: MapSpace, at gfn: UInt64) -> Outcome {
            var argument = AddToPhysmap<Caller64>()
            (argument.domain, argument.space, argument.gpfn) = (ReservedDomain.caller, space.rawValue, gfn)
            return guest.memory(.addToPhysmap, &argument)
        }
        #expect(add(.sharedInfo, at: 0x200) == .success && add(.grantTable, at: 0x201) == .success)
        let (info, table) = (guest.frame(0x200), guest.frame(0x201))
        try begin()
        #expect(guest.type(0x200) == .ramLogDirty && guest.type(0x201) == .ramLogDirty)
        if isX86 {
            // They move, and are nowhere else.
            #expect(add(.sharedInfo, at: 0x210) == .success && add(.grantTable, at: 0x211) == .success)
            #expect(guest.type(0x200) == .invalid && guest.type(0x201) == .invalid)
            #expect(guest.frame(0x210) == info && guest.frame(0x211) == table)
            var next: GFN? = GFN(0)
            while let gfn = next { next = try guest.ref.pointee.protectForLog(from: gfn, guest.platform) }
        }
        // Once something else is in their places they are free to go elsewhere.
        let place: UInt64 = isX86 ? 0x210 : 0x200
        #expect(guest.populate(place, order: 1))
        let shared = guest.ref.pointee.sharedInfoPlace.load(ordering: .relaxed)
        #expect(shared == GFN.invalid.rawValue && guest.ref.pointee.grants.pointee.place(ofFrame: 0) == .invalid)
        #expect(add(.sharedInfo, at: 0x220) == .success && add(.grantTable, at: 0x221) == .success)
        #expect(guest.frame(0x220) == info && guest.frame(0x221) == table && guest.frame(place) != info)
    }

    @Test func withoutMemory() throws {
        host.machine.failAfter = 0
        #expect(throws: XenError.enomem) { try begin() }
        host.machine.failAfter = nil
        try begin()
        // A mark that cannot be kept is told, not lost.
        host.machine.failAfter = 0
        #expect(guest.access(0x105, write: true) == .again)
        host.machine.failAfter = nil
        #expect(throws: XenError.enomem) { try written() }
        _ = end()
        try begin()
        #expect(try written() == [])
    }
}
