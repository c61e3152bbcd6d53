// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Testing
import XenABI

@testable import GrantTables

typealias Grants = GrantTable<FakeFrames>

/// Which frames a domain may map.
final class Sharing: GrantFrameSharing, @unchecked Sendable {
    private(set) var shared: Set<MFN> = []
    /// Frames that are still in use.
    var busy: Set<MFN> = []
    private(set) var removed: [GFN] = []
    let memory: FakeFrames

    init(_ memory: FakeFrames) { self.memory = memory }

    func share(_ frame: MFN) {
        precondition(!shared.contains(frame), "shared twice")
        shared.insert(frame)
    }

    func retire(_ frame: MFN) {
        shared.remove(frame)
        memory.free(frame)
    }

    func unshare(_ frame: MFN, at place: GFN) -> Bool {
        precondition(shared.contains(frame))
        if busy.contains(frame) { return false }
        shared.remove(frame)
        removed.append(place)
        return true
    }
}

/// A table and its surroundings.
final class World {
    let machine: FakeMachine
    let sharing: Sharing
    private var box: FrameBox<Grants>?
    let ref: Ref<Grants>

    init(frames: UInt32 = 8, version: UInt32 = 2, machine: FakeMachine = FakeMachine(frames: 256)) throws {
        self.machine = machine
        sharing = Sharing(machine.source)
        let new = try Grants.create(
            domain: .dom0, frames: machine.source, maximumFrames: frames, maximumMaptrackFrames: 16,
            maximumVersion: version, sharing)
        ref = new.ref
        box = consume new
    }

    func destroy() {
        var taken: FrameBox<Grants>?
        swap(&taken, &box)
        if let taken { Grants.destroy(taken, sharing) }
    }

    var frameCount: UInt32 { ref.pointee.frameCount }
    var statusFrameCount: UInt32 { ref.pointee.statusFrameCount }
    var version: UInt32 { ref.pointee.version }
    var entryCount: UInt32 { ref.pointee.entryCount }
    func setUp(frames: UInt32) throws { try ref.pointee.setUp(frames: frames, sharing) }
    func setVersion(_ version: UInt32) throws { try ref.pointee.setVersion(version, sharing) }
    func map(_ index: UInt64, at gfn: UInt64) throws -> MFN {
        try ref.pointee.frame(toMap: index, at: GFN(gfn), sharing)
    }
    func place(_ index: UInt32) -> GFN { ref.pointee.place(ofFrame: index) }
    func statusPlace(_ index: UInt32) -> GFN { ref.pointee.place(ofStatusFrame: index) }
}

@Suite struct GrantTableTests {
    @Test func entriesFitAFrame() {
        #expect(MemoryLayout<ActiveGrant>.stride == 32)
    }

    @Test func growsOnDemand() throws {
        let world = try World()
        #expect(world.frameCount == 1)
        #expect(world.version == 1)
        #expect(world.entryCount == 512)
        try world.setUp(frames: 3)
        #expect(world.frameCount == 3)
        try world.setUp(frames: 2)
        #expect(world.frameCount == 3)
        #expect(throws: GrantStatus.generalError) { try world.setUp(frames: 9) }
        #expect(world.sharing.shared.count == 3)
        world.destroy()
        #expect(world.machine.outstanding == 0)
    }

    @Test func framesAreMappedByIndex() throws {
        let world = try World()
        let last = try world.map(7, at: 0x38007)
        #expect(world.frameCount == 8)
        let first = try world.map(0, at: 0x38000)
        #expect(first != last)
        #expect(world.place(7) == GFN(0x38007))
        #expect(world.place(3) == .invalid)
        #expect(world.place(99) == .invalid)
        // It is in one place at a time.
        #expect(throws: XenError.ebusy) { try world.map(7, at: 5) }
        world.ref.pointee.removed(last, from: GFN(5))
        world.ref.pointee.removed(first, from: GFN(0x38007))
        #expect(throws: XenError.ebusy) { try world.map(7, at: 5) }
        world.ref.pointee.removed(last, from: GFN(0x38007))
        #expect(try world.map(7, at: 5) == last)
        #expect(world.place(7) == GFN(5))
        #expect(world.sharing.shared.contains(last))
        for index in [8, 0xFFFF_FFFF, 0x8000_0000, 1 << 32, .max] as [UInt64] {
            #expect(throws: XenError.einval) { try world.map(index, at: 1) }
        }
    }

    @Test func limits() throws {
        #expect(throws: XenError.einval) { _ = try World(frames: 0) }
        #expect(throws: XenError.einval) { _ = try World(frames: 513 * 1024) }
        #expect(throws: XenError.einval) { _ = try World(version: 3) }
        let one = try World(version: 1)
        #expect(throws: XenError.enosys) { try one.setVersion(2) }
        #expect(throws: XenError.einval) { try one.setVersion(0) }
        #expect(throws: XenError.einval) { try one.setVersion(3) }
        try one.setVersion(1)
    }

    @Test func versionTwoHasStatusFrames() throws {
        let world = try World(frames: 20)
        try world.setUp(frames: 9)
        #expect(world.statusFrameCount == 0)
        try world.setVersion(2)
        #expect(world.version == 2)
        #expect(world.entryCount == 9 * 256)
        #expect(world.statusFrameCount == 2)
        #expect(world.sharing.shared.count == 11)
        // Asking for a status frame brings the entries for it.
        _ = try world.map(MapSpace.grantTableStatus | 2, at: 77)
        #expect(world.statusFrameCount == 3)
        #expect(world.frameCount == 17)
        #expect(world.statusPlace(2) == GFN(77))
        #expect(throws: XenError.einval) { try world.map(MapSpace.grantTableStatus | 3, at: 1) }
        try world.setVersion(1)
        #expect(world.statusFrameCount == 0)
        #expect(world.frameCount == 17)
        #expect(world.sharing.shared.count == 17)
        #expect(world.sharing.removed.contains(GFN(77)))
        #expect(throws: XenError.einval) { try world.map(MapSpace.grantTableStatus, at: 1) }
        world.destroy()
        #expect(world.machine.outstanding == 0)
    }

    @Test func theFirstEightEntriesSurviveAChangeOfVersion() throws {
        let world = try World()
        let memory = world.machine.source
        let start = try world.map(0, at: 0).address
        var entry = GrantEntryV1()
        entry.flags = GrantFlag.permitAccess | GrantFlag.reading
        entry.domain = 7
        entry.frame = 0x1234
        memory.store(entry, at: start + 8)
        memory.store(entry, at: start + 8 * 8)
        try world.setVersion(2)
        let now: GrantEntryV2 = memory.load(at: start + 16)
        #expect(now.flags == GrantFlag.permitAccess)
        #expect(now.domain == 7)
        #expect(now.frame == 0x1234)
        let status = try world.map(MapSpace.grantTableStatus, at: 1).address
        #expect(memory.load(UInt16.self, at: status + 2) == GrantFlag.reading)
        #expect(memory.load(UInt64.self, at: start + 8 * 16) == 0)
        try world.setVersion(1)
        let back: GrantEntryV1 = memory.load(at: start + 8)
        #expect(back.flags == entry.flags)
        #expect(back.frame == 0x1234)
        #expect(memory.load(UInt64.self, at: start + 64) == 0)
    }

    @Test func whatVersionOneCannotSayStaysInVersionTwo() throws {
        let world = try World()
        try world.setVersion(2)
        let start = try world.map(0, at: 0).address
        var entry = GrantEntryV2()
        entry.flags = GrantFlag.permitAccess
        entry.frame = 1 << 32
        world.machine.source.store(entry, at: start + 32)
        #expect(throws: XenError.erange) { try world.setVersion(1) }
        entry.flags = GrantFlag.transitive
        entry.frame = 0
        world.machine.source.store(entry, at: start + 32)
        #expect(throws: XenError.erange) { try world.setVersion(1) }
        #expect(world.version == 2)
    }

    @Test func aStatusFrameInUseStays() throws {
        let world = try World(frames: 20)
        try world.setUp(frames: 20)
        try world.setVersion(2)
        let busy = try world.map(MapSpace.grantTableStatus | 1, at: 1)
        world.sharing.busy = [busy]
        #expect(throws: XenError.ebusy) { try world.setVersion(1) }
        #expect(world.version == 2)
        #expect(world.sharing.shared.count == 23)
        world.sharing.busy = []
        try world.setVersion(1)
        #expect(world.sharing.shared.count == 20)
    }

    @Test func resources() throws {
        let world = try World()
        let table = world.ref
        let shared = try world.map(2, at: 9)
        #expect(try table.pointee.frame(ofResource: 0, index: 2, world.sharing) == shared)
        #expect(world.place(2) == GFN(9))
        #expect(throws: XenError.einval) { try table.pointee.frame(ofResource: 0, index: 8, world.sharing) }
        #expect(throws: XenError.einval) { try table.pointee.frame(ofResource: 1, index: 0, world.sharing) }
        #expect(throws: XenError.einval) { try table.pointee.frame(ofResource: 2, index: 0, world.sharing) }
        try world.setVersion(2)
        _ = try table.pointee.frame(ofResource: 1, index: 0, world.sharing)
    }

    /// Each allocation fails in turn: an error comes back, and everything is freed in the end.
    @Test func survivesEveryAllocationFailure() throws {
        for point in 0..<60 {
            let machine = FakeMachine(frames: 256)
            machine.failAfter = point
            do {
                let world = try World(frames: 20, machine: machine)
                defer { world.destroy() }
                do {
                    try world.setUp(frames: 5)
                    try world.setVersion(2)
                    _ = try world.map(12, at: 4)
                } catch {
                    machine.failAfter = nil
                    #expect(world.sharing.shared.count == Int(world.frameCount + world.statusFrameCount))
                    try world.setUp(frames: 6)
                    try world.setVersion(2)
                    #expect(world.statusFrameCount == (world.frameCount + 7) / 8)
                }
            } catch let error as XenError {
                #expect(error == .enomem)
            }
            #expect(machine.outstanding == 0)
        }
    }

    /// A ninth shared frame needs a second status frame: without it the table stays as it was.
    @Test func growsWhollyOrNotAtAll() throws {
        for point in 0..<12 {
            let world = try World(frames: 20)
            defer { world.destroy() }
            try world.setVersion(2)
            try world.setUp(frames: 8)
            let (before, shared) = (world.machine.outstanding, world.sharing.shared)
            world.machine.failAfter = point
            do {
                try world.setUp(frames: 9)
                #expect(world.frameCount == 9 && world.statusFrameCount == 2)
            } catch {
                #expect(world.frameCount == 8 && world.statusFrameCount == 1 && world.sharing.shared == shared)
                // Tables that have grown may stay; frames that nobody sees may not.
                world.machine.failAfter = nil
                try world.setUp(frames: 9)
            }
            world.machine.failAfter = nil
            #expect(world.sharing.shared.count == 11 && world.machine.outstanding > before)
        }
    }
}
