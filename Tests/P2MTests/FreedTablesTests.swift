// SPDX-License-Identifier: Apache-2.0

import ARM
import Base
import Machine
import P2M
import Support
import Testing
import X86

/// The tables that a walker may be in: what it could reach since they were invalidated last, by frame, with what each maps.
private final class Walker: @unchecked Sendable {
    var tables: [UInt64: GuestRange] = [:]
    var freedUnderIt = 0
}

/// Frames of which none may go back while the walker may be in it.
private struct WatchedFrames: FrameAllocator, FrameMemory {
    let frames: FakeFrames
    let walker: Walker
    var processorHint: Int { frames.processorHint }
    func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer { frames.pointer(to: address) }
    func allocate(order: Int, node: NUMANode?) -> MFN? { frames.allocate(order: order, node: node) }
    func free(_ frame: MFN, order: Int) {
        if walker.tables.removeValue(forKey: frame.rawValue) != nil { walker.freedUnderIt += 1 }
        frames.free(frame, order: order)
    }
}

private struct WalkerCache<Format: EntryFormat>: TranslationCache {
    let format: Format
    let frames: FakeFrames
    let root: MFN
    let walker: Walker

    private func collect(_ table: MFN, level: Int, from start: UInt64, into found: inout [UInt64: GuestRange]) {
        guard level < 3 else { return }
        let size: UInt64 = 1 << format.frameShift(level)
        for index in 0..<UInt64(512) {
            let entry = frames.load(UInt64.self, at: table.address + index * 8)
            guard case .table(let next) = format.decode(entry, level: level) else { continue }
            found[next.rawValue] = GuestRange(start: GFN(start + index * size), count: size)
            collect(next, level: level + 1, from: start + index * size, into: &found)
        }
    }

    private var reachable: [UInt64: GuestRange] {
        var found: [UInt64: GuestRange] = [:]
        // One table of the root will do for the low frames that are mapped here.
        collect(root, level: format.rootLevel, from: 0, into: &found)
        return found
    }

    func entriesWritten() { walker.tables.merge(reachable) { _, new in new } }

    func invalidate(_ range: GuestRange) {
        let now = reachable
        // A table that is out and whose range is told of is nobody's to walk any more.
        walker.tables = walker.tables.filter { table in
            now[table.key] != nil || table.value.start < range.start || table.value.end > range.end
        }
        walker.tables.merge(now) { _, new in new }
    }
}

@Suite struct FreedTablesTests {
    /// Advisories 346 and 480: no table goes back before whoever may walk it has been told.
    private func run<Format: EntryFormat>(_ format: Format, steps: Int) {
        let machine = FakeMachine(frames: 64)
        let walker = Walker()
        let frames = WatchedFrames(frames: machine.source, walker: walker)
        guard var table = PageTable(format: format, frames: frames) else {
            Issue.record("no frame for the root")
            return
        }
        let cache = WalkerCache(format: format, frames: machine.source, root: table.root, walker: walker)
        let laws = Laws(format: format, types: (.ramReadWrite, .ramReadOnly))
        let seed = Randomised.seed(run: 0)
        print("tables that are freed: seed \(seed)")
        var random = SplitMix(state: seed)
        var most = 0
        for number in 0..<steps {
            let (range, target, type) = laws.step(&random, blocks: 25)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: table.merge(GuestRange(start: GFN(0), count: 2048), cache: cache)
            case 1:
                let isNew = target != nil
                _ = table.replace(range.start, with: target ?? .invalid, type: isNew ? type : .invalid, cache: cache)
            default:
                if let target {
                    _ = table.map(range, to: target, type: type, cache: cache)
                } else {
                    _ = table.unmap(range, cache: cache)
                }
            }
            most = max(most, machine.outstanding)
            guard walker.freedUnderIt == 0 else {
                Issue.record("seed \(seed), step \(number): \(range)")
                return
            }
        }
        #expect(most > 4, "tables came and went")
    }

    /// The same told too late is seen.
    @Test func whatGoesTooEarly() {
        let machine = FakeMachine(frames: 8)
        let walker = Walker()
        let frames = WatchedFrames(frames: machine.source, walker: walker)
        let format = NestedFormat(hasHugePages: true)
        guard var table = PageTable(format: format, frames: frames) else { return }
        let cache = WalkerCache(format: format, frames: machine.source, root: table.root, walker: walker)
        let page = GuestRange(start: GFN(5), count: 1)
        #expect(table.map(page, to: MFN(9), type: .ramReadWrite, cache: cache) && walker.tables.count == 3)
        // As if an entry were emptied, and its table freed, before the walker is told.
        guard case .table(let next) = format.decode(machine.source.load(UInt64.self, at: table.root.address), level: 0) else {
            Issue.record("no table")
            return
        }
        machine.source.store(0 as UInt64, at: table.root.address)
        cache.invalidate(page)
        frames.free(next, order: 0)
        #expect(walker.freedUnderIt == 1)
    }

    @Test func nested() { run(NestedFormat(hasHugePages: true), steps: 200) }
    @Test func stage2() { run(Stage2Format(addressBits: 39), steps: 200) }
}
