// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import P2M
import Support
import Sync
import Synchronization

@testable import Domains
@testable import EventChannels
@testable import GrantTables
@testable import Memory

/// What the whole machine says of each frame, gathered anew: the law compares it with what the frame table says.
final class Census<Format: EntryFormat> {
    typealias P = LawPlatform<Format>
    private let world: World<Format>
    private let memory: LawFrames
    private let count = Int(LawMachine.frames)
    /// References that something explains: foreign mappings, grants in use, event words.
    private let held: UnsafeMutablePointer<UInt32>
    /// What the frame is in the machine: a page table, or RAM of a domain's that it maps.
    private let role: UnsafeMutablePointer<UInt8>
    /// Mappings by handle that grants' uses are compared with, and those that page tables have: by domain and frame.
    private let readers: UnsafeMutablePointer<UInt16>
    private let writers: UnsafeMutablePointer<UInt16>
    /// Grants in use: what they give, by granter and reference.
    private let granted: UnsafeMutablePointer<UInt32>
    private static var refs: Int { 4 * 512 }
    private static var grants: Int { World<Format>.slots * refs }
    /// Of the domain that is looked at: mappings by frame that its handles explain.
    private let mayRead: UnsafeMutablePointer<UInt16>
    private let mayWrite: UnsafeMutablePointer<UInt16>
    private var touched: [Int] = []
    private var living: [Ref<Domain<P>>] = []

    private static var isTable: UInt8 { 1 }
    private static var isMapped: UInt8 { 2 }

    init(_ world: World<Format>) {
        self.world = world
        memory = world.frames
        func zeros<Number: FixedWidthInteger>(_ count: Int) -> UnsafeMutablePointer<Number> {
            let numbers = UnsafeMutablePointer<Number>.allocate(capacity: count)
            numbers.initialize(repeating: 0, count: count)
            return numbers
        }
        held = zeros(count)
        role = zeros(count)
        mayRead = zeros(count)
        mayWrite = zeros(count)
        readers = zeros(Self.grants)
        writers = zeros(Self.grants)
        granted = zeros(Self.grants)
    }

    deinit {
        held.deallocate()
        role.deallocate()
        mayRead.deallocate()
        mayWrite.deallocate()
        readers.deallocate()
        writers.deallocate()
        granted.deallocate()
    }

    @inline(__always) private func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws(Disagreement) {
        if !condition { throw Disagreement(text()) }
    }

    private func reset() {
        held.update(repeating: 0, count: count)
        role.update(repeating: 0, count: count)
        readers.update(repeating: 0, count: Self.grants)
        writers.update(repeating: 0, count: Self.grants)
        granted.update(repeating: 0, count: Self.grants)
    }

    /// Everything. The world is at rest: no pCPU is in the hypervisor.
    func check() throws(Disagreement) {
        reset()
        // Another may have the number of one that only waits for its burial: that has nothing.
        living = world.unburied.filter { $0.pointee.lifeStage < .buried }
        for domain in living { try grants(of: domain) }
        for domain in living { try handles(of: domain) }
        try uses()
        for domain in living {
            try events(of: domain)
            try memory(of: domain)
        }
        try frames()
        try remembered()
    }

    // MARK: Grants

    private func grants(of domain: Ref<Domain<P>>) throws(Disagreement) {
        let table = domain.pointee.grants
        let first = Int(domain.pointee.id.rawValue) * Self.refs
        for ref in 0..<table.pointee.active.count {
            guard let entry = table.pointee.active.element(ref, in: memory), !entry.pointee.pins.isZero else {
                continue
            }
            let (frame, isTransitive) = entry.pointee.lock.withLock { ($0.frame, $0.isTransitive) }
            try expect(
                entry.pointee.pins.rawValue & 0xFFFF == 0, "\(name(domain)): grant \(ref) is in use by a copy for ever")
            if isTransitive { continue }
            guard let offset = LawMachine.offset(MFN(frame)) else {
                throw Disagreement("\(name(domain)): grant \(ref) gives \(frame), which is no RAM")
            }
            held[offset] += 1
            granted[first + Int(ref)] = UInt32(offset) + 1
        }
    }

    /// Each handle is a use of a grant.
    private func handles(of domain: Ref<Domain<P>>) throws(Disagreement) {
        try forEachHandle(domain) { (tracked, handle) throws(Disagreement) in
            let number = Int(tracked.domain.rawValue) * Self.refs + Int(tracked.ref)
            guard tracked.flags & 2 != 0, tracked.domain.rawValue < 4, tracked.ref < UInt32(Self.refs), granted[number] != 0
            else {
                throw Disagreement(
                    "\(name(domain)): handle \(handle) is of grant \(tracked.ref) of domain \(tracked.domain.rawValue), which is not in use"
                )
            }
            if tracked.isReadOnly { readers[number] += 1 } else { writers[number] += 1 }
        }
    }

    private func forEachHandle(
        _ domain: Ref<Domain<P>>, _ body: (Tracked, UInt32) throws(Disagreement) -> Void
    ) throws(Disagreement) {
        let table = domain.pointee.grants
        for handle in 0..<table.pointee.maptrack.count {
            guard let entry = table.pointee.maptrack.element(handle, in: memory) else { continue }
            let word = entry.pointee.state.load(ordering: .relaxed)
            if word != 0 { try body(Tracked(rawValue: word), handle) }
        }
    }

    private func uses() throws(Disagreement) {
        for domain in living {
            let table = domain.pointee.grants
            let first = Int(domain.pointee.id.rawValue) * Self.refs
            for ref in 0..<table.pointee.active.count {
                guard let entry = table.pointee.active.element(ref, in: memory) else { continue }
                let pins = entry.pointee.pins.rawValue
                let number = first + Int(ref)
                if pins == 0 && readers[number] == 0 && writers[number] == 0 { continue }
                try expect(
                    pins >> 24 == UInt32(readers[number]) && pins >> 16 & 0xFF == UInt32(writers[number]),
                    "\(name(domain)): grant \(ref) has \(pins >> 24) readers and \(pins >> 16 & 0xFF) writers, and there are handles for "
                        + "\(readers[number]) and \(writers[number])")
            }
        }
    }

    // MARK: Event words

    private func events(of domain: Ref<Domain<P>>) throws(Disagreement) {
        let events = domain.pointee.events
        for index in events.pointee.pages.indices {
            try hold(events.pointee.pages[index].load(ordering: .relaxed), domain, "a page of event words")
        }
        for number in 0..<events.pointee.vcpus.count {
            guard let vcpu = events.pointee.vcpus.element(number, in: memory) else { continue }
            try hold(vcpu.pointee.control.load(ordering: .relaxed), domain, "a control block")
            guard vcpu.pointee.infoIsRegistered.load(ordering: .relaxed) else { continue }
            try hold(vcpu.pointee.info.load(ordering: .relaxed), domain, "vcpu_info")
        }
    }

    private func hold(_ address: UInt64, _ domain: Ref<Domain<P>>, _ what: String) throws(Disagreement) {
        if address == 0 { return }
        guard let offset = LawMachine.offset(MachineAddress(address).frame) else {
            throw Disagreement("\(name(domain)): \(what) is at \(address), which is no RAM")
        }
        held[offset] += 1
    }

    // MARK: Page tables

    /// Whether its page tables are nobody's any more.
    private func isLeft(_ domain: Ref<Domain<P>>) -> Bool {
        domain.pointee.lifeStage > .alive
            && domain.pointee.teardown.withLock { $0.step.rawValue } >= TeardownStep.mappings.rawValue
    }

    private func memory(of domain: Ref<Domain<P>>) throws(Disagreement) {
        let (root, tables, waiting, pool) = domain.pointee.p2m.withLock {
            ($0.root, $0.tableFrames, $0.onDemandFrames, $0.poolSize)
        }
        try forEachHandle(domain) { (tracked, _) throws(Disagreement) in
            let offset = Int(granted[Int(tracked.domain.rawValue) * Self.refs + Int(tracked.ref)]) - 1
            if tracked.isReadOnly { mayRead[offset] += 1 } else { mayWrite[offset] += 1 }
            touched.append(offset)
        }
        defer {
            for offset in touched { (mayRead[offset], mayWrite[offset]) = (0, 0) }
            touched.removeAll(keepingCapacity: true)
        }
        let format = world.format
        var found = Found(tables: 0, waiting: 0, isLeft: isLeft(domain), isLimited: !domain.pointee.isPrivileged)
        for number in 0..<UInt64(1) << UInt64(format.rootOrder) { try table(root + number, domain, &found) }
        let first = format.rootLevel
        _ = try walk(root, first, 512 << UInt64(format.rootOrder), GFN(0), domain, &found)
        try expect(found.tables == tables, "\(name(domain)): \(found.tables) frames of page tables, counted as \(tables)")
        try expect(found.waiting == waiting, "\(name(domain)): \(found.waiting) frames on demand, counted as \(waiting)")
        try expect(
            !found.isLimited || UInt64(tables - 1 << format.rootOrder) <= pool ?? 0,
            "\(name(domain)): \(tables) frames of page tables, and \(pool ?? 0) are set aside for it")
        if found.isLeft { return }
        for offset in touched where mayRead[offset] != 0 || mayWrite[offset] != 0 {
            throw Disagreement("\(name(domain)): a handle is of frame \(offset), which is not mapped")
        }
        let place = domain.pointee.sharedInfoPlace.load(ordering: .relaxed)
        if place != GFN.invalid.rawValue {
            try expect(
                world.lookup(domain, GFN(place)).frame == domain.pointee.sharedInfo,
                "\(name(domain)): shared_info is not at \(place)")
        }
    }

    private struct Found {
        var tables: Int
        var waiting: UInt64
        let isLeft: Bool
        /// Whether its tables have a budget, and go back when they map nothing: all but the hardware domain's.
        let isLimited: Bool
    }

    private func table(_ frame: MFN, _ domain: Ref<Domain<P>>, _ found: inout Found) throws(Disagreement) {
        guard let offset = LawMachine.offset(frame), world.machine.ledger[offset], role[offset] == 0 else {
            throw Disagreement("\(name(domain)): the page table \(LawMachine.name(frame)) is free or something else")
        }
        role[offset] = Self.isTable
        found.tables += 1
    }

    /// Entries of the table that are not none.
    private func walk(
        _ table: MFN, _ level: Int, _ entries: UInt64, _ start: GFN, _ domain: Ref<Domain<P>>, _ found: inout Found
    ) throws(Disagreement) -> Int {
        let words = memory.pointer(to: table.address).assumingMemoryBound(to: UInt64.self)
        let size: UInt64 = 1 << world.format.frameShift(level)
        var used = 0
        for index in 0..<entries where words[Int(index)] != 0 {
            let gfn = start + index * size
            switch world.format.decode(words[Int(index)], level: level) {
            case .none: continue
            case .table(let next):
                try self.table(next, domain, &found)
                let inside = try walk(next, level + 1, 512, gfn, domain, &found)
                try expect(
                    inside > 0 || !found.isLimited,
                    "\(name(domain)): the page table for frame \(gfn.rawValue) maps nothing, and stays")
            case .leaf(_, .populateOnDemand): found.waiting += size
            case .leaf(let frame, let type):
                for number in 0..<size { try leaf(frame + number, type, at: gfn + number, domain, found.isLeft) }
            }
            used += 1
        }
        return used
    }

    private func leaf(
        _ frame: MFN, _ type: P2MType, at gfn: GFN, _ domain: Ref<Domain<P>>, _ isLeft: Bool
    ) throws(Disagreement) {
        func where_() -> String { "\(name(domain)): \(LawMachine.name(frame)), mapped at frame \(gfn.rawValue) as \(type)," }
        guard let offset = LawMachine.offset(frame), let owner = world.machine.table.pointee.owner(of: frame) else {
            throw Disagreement("\(where_()) is no RAM")
        }
        if type == .foreign || type == .foreignReadOnly { held[offset] += 1 }
        // What it maps still nobody uses, and what it maps of its own is given up step by step.
        if isLeft { return }
        try expect(world.machine.ledger[offset], "\(where_()) is free")
        try expect(role[offset] & Self.isTable == 0, "\(where_()) is a page table")
        switch type {
        case .foreign, .foreignReadOnly: break
        case .grantReadWrite:
            try expect(mayWrite[offset] > 0, "\(where_()) has no handle that may write it")
            mayWrite[offset] -= 1
        case .grantReadOnly:
            try expect(mayRead[offset] > 0, "\(where_()) has no handle")
            mayRead[offset] -= 1
        case let type where type.isRAM:
            let id = domain.pointee.id
            if owner.use == .shared && owner.owner == id {
                return try expect(
                    isPlaced(frame, gfn, domain), "\(where_()) is the hypervisor's, who does not know that it is there")
            }
            try expect(
                owner.use == .domain && owner.owner == id, "\(where_()) is \(owner.use) of domain \(owner.owner.rawValue)")
            try expect(role[offset] == 0, "\(where_()) is mapped elsewhere too")
            role[offset] |= Self.isMapped
        default: throw Disagreement("\(where_()) should not be")
        }
    }

    /// Whether a frame that the hypervisor shares is where it believes it to be.
    private func isPlaced(_ frame: MFN, _ gfn: GFN, _ domain: Ref<Domain<P>>) -> Bool {
        if frame == domain.pointee.sharedInfo {
            return domain.pointee.sharedInfoPlace.load(ordering: .relaxed) == gfn.rawValue
        }
        let grants = domain.pointee.grants
        for index in 0..<grants.pointee.frameCount where grants.pointee.place(ofFrame: index) == gfn { return true }
        for index in 0..<grants.pointee.statusFrameCount where grants.pointee.place(ofStatusFrame: index) == gfn {
            return true
        }
        return false
    }

    // MARK: Frames

    private func frames() throws(Disagreement) {
        var owned = InlineArray<4, UInt64>(repeating: 0)
        var abandoned = InlineArray<4, Int64>(repeating: 0)
        var out: UInt64 = 0
        for index in 0..<world.machine.table.pointee.count {
            let frame = world.machine.table.pointee.frame(at: index)
            let offset = Int(frame.rawValue - LawMachine.base.rawValue)
            let state = world.state(index)
            let references = UInt32(truncatingIfNeeded: state >> 32)
            let owner = Int(state & 0xFFFF)
            let use = FrameUse(rawValue: UInt8(truncatingIfNeeded: state >> 16))
            try expect(
                references == held[offset],
                "frame \(LawMachine.name(frame)), \(use!) of domain \(owner), has \(references) references, and \(held[offset]) are explained"
            )
            guard world.machine.ledger[offset] else {
                try expect(
                    references == 0 && held[offset] == 0 && role[offset] == 0,
                    "frame \(LawMachine.name(frame)) is free, and in use")
                continue
            }
            out += 1
            switch use {
            case .domain:
                try expect(
                    owner < 4 && role[offset] & Self.isTable == 0, "frame \(LawMachine.name(frame)) is RAM and a table")
                owned[owner] += 1
            case .abandoned:
                try expect(references > 0, "frame \(LawMachine.name(frame)) is given up, and nobody has it")
                if owner < 4 { abandoned[owner] += 1 }
            default: break
            }
        }
        try expect(
            world.machine.heap.pointee.freeFrames + out == UInt64(world.machine.table.pointee.count), "frames are lost")
        for domain in living {
            let id = Int(domain.pointee.id.rawValue)
            let total = domain.pointee.totalPages.load(ordering: .relaxed)
            try expect(total == owned[id], "\(name(domain)) has \(owned[id]) frames, counted as \(total)")
            let held = domain.pointee.heldFrames.load(ordering: .relaxed)
            try expect(
                held == abandoned[id], "\(name(domain)): others hold \(abandoned[id]) frames of its, counted as \(held)")
        }
    }

    /// Processors remember nothing that is not so any more.
    private func remembered() throws(Disagreement) {
        for item in world.remembered {
            guard let domain = world.present(Int(item.domain))?.ref, domain.pointee.lifeStage == .alive else { continue }
            let now = world.lookup(domain, GFN(item.gfn))
            try expect(
                now.frame == item.frame && world.mayAccess(now.type, write: item.writable),
                "\(name(domain)): a processor remembers \(LawMachine.name(item.frame)) at frame \(item.gfn), where \(LawMachine.name(now.frame)) is"
            )
        }
    }

    private func name(_ domain: Ref<Domain<P>>) -> String { "domain \(domain.pointee.id.rawValue)" }
}
