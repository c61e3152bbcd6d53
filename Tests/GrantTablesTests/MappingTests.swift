// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Foundation
import Machine
import Support
import Testing
import XenABI

@testable import GrantTables

@Suite struct MappingTests {
    let world = GrantWorld()
    static let readOnly = GrantMapFlag.hostMap | GrantMapFlag.readOnly

    @Test(arguments: [1, 2] as [UInt32]) func mapAndUnmap(version: UInt32) throws {
        let (a, b) = (try world.add(1), try world.add(2))
        try a.setVersion(version)
        a.grant(9, to: 2, gfn: 3)
        let handle = try b.map(9, of: a, at: 100)
        #expect(b.mapped[100]?.frame == a.ram[3])
        #expect(b.mapped[100]?.writable == true)
        #expect(a.marks(9) == GrantFlag.reading | GrantFlag.writing)
        #expect(!a.revoke(9))
        #expect(a.references == 1)
        // A second mapping, for reading.
        let second = try b.map(9, of: a, at: 101, flags: Self.readOnly)
        #expect(second != handle)
        #expect(b.mapped[101]?.writable == false)
        #expect(a.references == 1)
        #expect(try b.unmap(handle, of: a, at: 100))
        #expect(a.marks(9) == GrantFlag.reading)
        #expect(a.references == 1)
        #expect(try b.unmap(second, of: a, at: 101))
        #expect(a.marks(9) == 0)
        #expect(a.references == 0)
        #expect(b.mapped.isEmpty)
        #expect(a.revoke(9))
        #expect(throws: GrantStatus.generalError) { try b.map(9, of: a, at: 100) }
        world.destroy()
        #expect(world.machine.outstanding == 0)
    }

    @Test(arguments: [1, 2] as [UInt32]) func refusals(version: UInt32) throws {
        let (a, b, c) = (try world.add(1), try world.add(2), try world.add(3))
        try a.setVersion(version)
        a.grant(8, to: 2, gfn: 1, flags: GrantFlag.readOnly)
        a.grant(9, to: 2, gfn: 99)
        a.grant(10, to: 2, gfn: 1)
        func refuses(_ wanted: GrantStatus, _ operation: () throws -> Void) {
            #expect(throws: wanted) { try operation() }
            #expect(a.references == 0)
            #expect(b.mapped.isEmpty)
            #expect(a.marks(8) == 0 && a.marks(9) == 0 && a.marks(10) == 0)
        }
        refuses(.generalError) { _ = try b.map(8, of: a, at: 1) }
        refuses(.generalError) { _ = try c.map(8, of: a, at: 1, flags: Self.readOnly) }
        refuses(.badPage) { _ = try b.map(9, of: a, at: 1) }
        refuses(.generalError) { _ = try b.map(11, of: a, at: 1) }
        for ref in [a.ref.pointee.entryCount, 1 << 20, .max] as [UInt32] {
            refuses(.badGrantRef) { _ = try b.map(ref, of: a, at: 1) }
        }
        refuses(.badGrantRef) { _ = try b.map(10, of: a, at: 1, flags: 0) }
        refuses(.badGrantRef) { _ = try b.map(10, of: a, at: 1, flags: GrantMapFlag.readOnly) }
        for flags in [GrantMapFlag.deviceMap, 3, 1 << 3 | 2, 1 << 4 | 2, 1 << 16 | 2, 1 << 15 | 2, .max] as [UInt32] {
            refuses(.generalError) { _ = try b.map(10, of: a, at: 1, flags: flags) }
        }
        b.failMapAfter = 0
        refuses(.generalError) { _ = try b.map(10, of: a, at: 1) }
        b.failMapAfter = nil
        // Handles were given back each time: the first one is the first still.
        #expect(try b.map(10, of: a, at: 1) == 0)
        a.grant(12, to: 2, gfn: 1, flags: GrantFlag.readOnly)
        _ = try b.map(12, of: a, at: 5, flags: Self.readOnly)
        #expect(throws: GrantStatus.generalError) { try b.map(12, of: a, at: 6) }
        #expect(a.marks(12) == GrantFlag.reading)
    }

    @Test func unmapRefuses() throws {
        let (a, b, c) = (try world.add(1), try world.add(2), try world.add(3))
        a.grant(8, to: 2, gfn: 1)
        let handle = try b.map(8, of: a, at: 50)
        for bad in [handle + 1, 255, 256, 1 << 20, .max] as [UInt32] {
            #expect(throws: GrantStatus.badHandle) { try b.unmap(bad, of: a, at: 50) }
            #expect(throws: GrantStatus.badHandle) { try b.ref.pointee.granter(ofHandle: bad) }
        }
        #expect(try b.ref.pointee.granter(ofHandle: handle) == a.id)
        #expect(throws: GrantStatus.badHandle) { try b.unmap(handle, of: c, at: 50) }
        // Where nothing is, and where another mapping of the same frame is, which has a pin of its own.
        let reading = try b.map(8, of: a, at: 52, flags: Self.readOnly)
        for place in [51, 52, 1 << 51] as [UInt64] {
            #expect(throws: GrantStatus.generalError) { try b.unmap(handle, of: a, at: place) }
        }
        #expect(throws: GrantStatus.generalError) { try b.unmap(reading, of: a, at: 50) }
        #expect(throws: GrantStatus.generalError) { try b.unmap(handle, of: a, at: 50, replacement: 1) }
        #expect(try !b.unmap(handle, of: a, at: 0))
        #expect(b.mapped.count == 2 && a.references == 1)
        #expect(a.marks(8) == GrantFlag.reading | GrantFlag.writing)
        #expect(try b.unmap(reading, of: a, at: 52))
        // The handle's next mapping is at another place.
        #expect(try b.map(8, of: a, at: 53, flags: Self.readOnly) == reading)
        #expect(throws: GrantStatus.generalError) { try b.unmap(reading, of: a, at: 52) }
        #expect(try b.unmap(reading, of: a, at: 53))
        #expect(try b.unmap(handle, of: a, at: 50))
        #expect(throws: GrantStatus.badHandle) { try b.unmap(handle, of: a, at: 50) }
        #expect(a.references == 0)
    }

    /// What is mapped for reading is not written to without asking again whether it may be.
    @Test(arguments: [1, 2] as [UInt32]) func aWriterOfWhatIsReadAsksToo(version: UInt32) throws {
        let (a, b) = (try world.add(1), try world.add(2))
        try a.setVersion(version)
        a.grant(8, to: 2, gfn: 1)
        a.readOnly = [1]
        let reading = try b.map(8, of: a, at: 50, flags: Self.readOnly)
        #expect(throws: GrantStatus.badPage) { try b.map(8, of: a, at: 51) }
        #expect(throws: GrantStatus.badPage) {
            try world.copy(by: b, from: b.own(0), to: a.side(ref: 8), 8, sourceIsGrant: false, destinationIsGrant: true)
        }
        #expect(a.marks(8) == GrantFlag.reading && a.references == 1)
        a.readOnly = []
        let writing = try b.map(8, of: a, at: 51)
        #expect(b.mapped[51]?.frame == a.ram[1] && a.references == 1)
        #expect(try b.unmap(writing, of: a, at: 51))
        // Meanwhile the entry has come to name another page.
        a.grant(8, to: 2, gfn: 2, flags: a.marks(8))
        #expect(throws: GrantStatus.generalError) { try b.map(8, of: a, at: 51) }
        #expect(a.marks(8) == GrantFlag.reading && a.references == 1)
        #expect(try b.unmap(reading, of: a, at: 50))
        #expect(a.references == 0)
    }

    @Test func aGrantHasAtMost127MappingsOfAKind() throws {
        let (a, b) = (try world.add(1), try world.add(2))
        a.grant(8, to: 2, gfn: 1)
        var handles: [UInt32] = []
        while let handle = try? b.map(8, of: a, at: UInt64(handles.count) + 1) { handles.append(handle) }
        #expect(handles.count == 128)
        _ = try b.map(8, of: a, at: 1000, flags: Self.readOnly)
        for (index, handle) in handles.enumerated() { #expect(try b.unmap(handle, of: a, at: UInt64(index) + 1)) }
        #expect(a.marks(8) == GrantFlag.reading)
        #expect(a.references == 1)
    }

    @Test func handlesRunOut() throws {
        let a = try world.add(1, frames: 4)
        let b = try world.add(2, maptrack: 2)
        try a.ref.pointee.setUp(frames: 4, a.sharing)
        for ref in 8..<1200 as Range<UInt32> { a.grant(ref, to: 2, gfn: UInt64(ref % 8)) }
        var handles: [UInt32] = []
        for ref in 8..<520 as Range<UInt32> { handles.append(try b.map(ref, of: a, at: UInt64(ref))) }
        #expect(Set(handles).count == 512)
        #expect(throws: GrantStatus.noSpace) { try b.map(600, of: a, at: 600) }
        #expect(a.marks(600) == 0)
        #expect(try b.unmap(handles[77], of: a, at: 85))
        #expect(try b.map(600, of: a, at: 600) == handles[77])
        let none = try world.add(3, maptrack: 0)
        a.grant(1201, to: 3, gfn: 0)
        #expect(throws: GrantStatus.noSpace) { try none.map(1201, of: a, at: 1) }
    }

    @Test func aGrantInUseKeepsTheVersion() throws {
        let (a, b) = (try world.add(1), try world.add(2))
        a.grant(8, to: 2, gfn: 1)
        let handle = try b.map(8, of: a, at: 50)
        #expect(throws: XenError.ebusy) { try a.setVersion(2) }
        #expect(try b.unmap(handle, of: a, at: 50))
        // One of the first eight may be in use, and stays so.
        a.grant(0, to: 2, gfn: 2)
        let reserved = try b.map(0, of: a, at: 51)
        try a.setVersion(2)
        #expect(a.marks(0) == GrantFlag.reading | GrantFlag.writing)
        try a.setVersion(1)
        #expect(a.marks(0) == GrantFlag.reading | GrantFlag.writing)
        #expect(try b.unmap(reserved, of: a, at: 51))
        #expect(a.marks(0) == 0)
        #expect(a.references == 0)
    }

    @Test func aDyingDomainLetsGo() throws {
        let (a, b) = (try world.add(1), try world.add(2))
        for ref in 8..<400 as Range<UInt32> {
            a.grant(ref, to: 2, gfn: UInt64(ref % 8))
            _ = try b.map(ref, of: a, at: UInt64(ref), flags: ref % 2 == 0 ? Self.readOnly : GrantMapFlag.hostMap)
        }
        var (next, calls) = (UInt32(0), 1)
        while !b.ref.pointee.releaseMappings(world, from: &next, mustYield: { true }) { calls += 1 }
        #expect(calls > 1)
        #expect(a.references == 0)
        #expect((8..<400).allSatisfy { a.marks(UInt32($0)) == 0 })
    }

    @Test(arguments: [1, 2] as [UInt32]) func swapping(version: UInt32) throws {
        let (a, b) = (try world.add(1), try world.add(2))
        try a.setVersion(version)
        a.grant(8, to: 2, gfn: 1)
        a.grant(9, to: 2, gfn: 2)
        try a.swap(9, 8)
        try a.swap(8, 8)
        let handle = try b.map(8, of: a, at: 50)
        #expect(b.mapped[50]?.frame == a.ram[2])
        #expect(throws: GrantStatus.eagain) { try a.swap(8, 9) }
        #expect(throws: GrantStatus.eagain) { try a.swap(9, 8) }
        #expect(throws: GrantStatus.badGrantRef) { try a.swap(8, 9999) }
        #expect(throws: GrantStatus.badGrantRef) { try a.swap(.max, 8) }
        #expect(try b.unmap(handle, of: a, at: 50))
        try a.swap(8, 9)
    }

    @Test func whoUsesAFrame() throws {
        let (a, b) = (try world.add(1), try world.add(2))
        try a.ref.pointee.setUp(frames: 4, a.sharing)
        a.grant(1500, to: 2, gfn: 4)
        _ = try b.map(1500, of: a, at: 1)
        var start: UInt32 = 0
        #expect(a.ref.pointee.isInUse(a.ram[4], by: b.id, from: &start) == true)
        start = 0
        #expect(a.ref.pointee.isInUse(a.ram[3], by: b.id, from: &start) == false)
        start = .max
        #expect(a.ref.pointee.isInUse(a.ram[3], by: b.id, from: &start) == false)
    }

    /// Many threads map and unmap one grant and their own, while the granter swaps versions.
    @Test func threads() throws {
        let a = try world.add(1)
        a.grant(0, to: 2, gfn: 1)
        let b = try world.add(2)
        let lock = NSLock()
        DispatchQueue.concurrentPerform(iterations: 3) { thread in
            for round in 0..<600 {
                if thread == 2 {
                    try? a.setVersion(UInt32(round % 2) + 1)
                    continue
                }
                // The fake's dictionaries are not for two threads; the tables are.
                let quiet = Locked(domain: b, lock: lock)
                let pages = Locked(domain: a, lock: lock)
                var operation = GrantMap()
                operation.flags = GrantMapFlag.hostMap
                operation.hostAddress = UInt64(thread + 1) << 12
                guard (try? b.ref.pointee.map(&operation, of: a.ref, pages, quiet)) != nil else { continue }
                let unmapped = try! b.ref.pointee.unmap(
                    handle: operation.handle, hostAddress: operation.hostAddress, of: a.ref, quiet)
                a.ref.pointee.complete(unmapped!, pages)
            }
        }
        #expect(a.references == 0)
        #expect(a.marks(0) == 0)
        #expect(b.mapped.isEmpty)
    }
}

/// A fake's dictionaries under a lock.
struct Locked: GrantedPages, GrantMapper, @unchecked Sendable {
    let domain: GrantDomain
    let lock: NSLock
    func take(_ gfn: GFN, writable: Bool) throws(GrantStatus) -> MFN {
        lock.lock()
        defer { lock.unlock() }
        return try domain.take(gfn, writable: writable)
    }
    func give(_ frame: MFN) { lock.withLock { domain.give(frame) } }
    func map(_ frame: MFN, at gfn: GFN, writable: Bool) throws(GrantStatus) {
        lock.lock()
        defer { lock.unlock() }
        try domain.map(frame, at: gfn, writable: writable)
    }
    func unmap(_ frame: MFN, from gfn: GFN) throws(GrantStatus) {
        lock.lock()
        defer { lock.unlock() }
        try domain.unmap(frame, from: gfn)
    }
    func flush(_ places: borrowing Span<GFN>) {}
}
