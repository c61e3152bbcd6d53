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
