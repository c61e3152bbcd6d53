// SPDX-License-Identifier: Apache-2.0

import ARM
import Base
import Machine
import P2M
import Support
import Testing
import X86

/// Counts what it is told.
final class CountingCache: TranslationCache, @unchecked Sendable {
    var written = 0
    var invalidated: [GuestRange] = []
    func entriesWritten() { written += 1 }
    func invalidate(_ frames: GuestRange) { invalidated.append(frames) }
}

/// A translation cache that looks at the tables whenever it is told something, and keeps what it saw of some frames until
/// that is invalidated. A valid entry that becomes another valid one in between is a law broken (ARM DDI 0487, D8.16.1).
final class WatchingCache<Format: EntryFormat>: TranslationCache, @unchecked Sendable {
    struct Seen: Equatable {
        let frame: MFN
        let type: P2MType
        let order: Int

        /// Rights may change under the walkers' eyes; the same place of the same frame.
        func mayBecome(_ other: Seen) -> Bool {
            let rights: Set<P2MType> = [.ramReadWrite, .ramLogDirty]
            return self == other
                || frame == other.frame && order == other.order && rights.isSuperset(of: [type, other.type])
        }

        /// The same said by a large entry and by a table.
        func saysTheSame(_ other: Seen) -> Bool { frame == other.frame && type == other.type }
    }
    let format: Format
    let frames: FakeFrames
    let root: MFN
    let watched: [UInt64]
    var seen: [UInt64: Seen] = [:]
    var violations = 0
    /// What is being changed: all else stays as it is for a device, which cannot wait for an entry to come back.
    var changing = GuestRange(start: GFN(0), count: 0)
    /// Seen in a size that it has no more.
    var stale: Set<UInt64> = []
    init(_ format: Format, _ frames: FakeFrames, root: MFN, watched: [UInt64]) {
        (self.format, self.frames, self.root, self.watched) = (format, frames, root, watched)
    }

    func look() {
        let table = PageTable(format: format, frames: frames, root: root)
        for frame in watched {
            let found = table.lookup(GFN(frame))
            guard found.type != .invalid, found.type != .populateOnDemand else {
                if !format.breaksBeforeMake, seen[frame] != nil, !changing.contains(GFN(frame)) { violations += 1 }
                continue
            }
            let now = Seen(frame: found.frame, type: found.type, order: found.order)
            if let old = seen[frame], !old.mayBecome(now) {
                if format.breaksBeforeMake || !old.saysTheSame(now) { violations += 1 }
                stale.insert(frame)
            }
            seen[frame] = now
        }
    }
    func entriesWritten() { look() }
    func invalidate(_ frames: GuestRange) {
        look()
        for frame in watched where frames.contains(GFN(frame)) {
            seen[frame] = nil
            stale.remove(frame)
        }
        look()
    }
}

/// What must hold of any format. `types` are two that it can tell apart.
struct Laws<Format: EntryFormat> {
    let format: Format
    let types: (P2MType, P2MType)
    let machine = FakeMachine(frames: 64)

    func range(_ start: UInt64, _ count: UInt64) -> GuestRange { GuestRange(start: GFN(start), count: count) }

    func check() {
        mapsAndUnmaps()
        usesTheLargestEntries()
        splitsAndReplaces()
        refusesWhatIsOutside()
        survivesFailures()
        mergesWhatIsAlike()
        if isGuests {
            logsWrites()
            logsWithoutMemory()
            hasRAMOnDemand()
        }
    }

    /// A guest's, not the hypervisor's own.
    var isGuests: Bool { types.1 != .hypervisorCode && types.1 != .hypervisorReadOnly }

    /// An empty table, and what must hold when all is over.
    func withTable(_ body: (inout PageTable<Format, FakeFrames>, CountingCache) -> Void) {
        guard var table = PageTable(format: format, frames: machine.source) else {
            Issue.record("no frame for the root")
            return
        }
        let cache = CountingCache()
        body(&table, cache)
        table.endLog()
        let held = table.tableFrames
        #expect(held == machine.outstanding)
        let isEmpty = table.unmap(range(0, format.capacity), cache: cache)
        let left = table.tableFrames
        #expect(isEmpty && left == 1 << format.rootOrder)
        table.destroy()
        #expect(machine.outstanding == 0)
    }

    func expect(
        _ table: borrowing PageTable<Format, FakeFrames>, _ frame: UInt64, _ target: UInt64?, _ type: P2MType? = nil,
        order: Int? = nil, line: Int = #line
    ) {
        let found = table.lookup(GFN(frame))
        #expect(found.frame == (target.map { MFN($0) } ?? .invalid), "frame \(frame), line \(line)")
        #expect(found.type == (target == nil ? .invalid : type ?? types.0), "frame \(frame), line \(line)")
        if let order { #expect(found.order == order, "frame \(frame), line \(line)") }
    }

    func mapsAndUnmaps() {
        withTable { table, cache in
            expect(table, 0, nil, order: format.rootLevel == 0 ? 27 : 18)
            let last = format.capacity - 1
            for (frame, target) in [(5, 0x1005), (6, 0x77), (last, 0xf_ffff)] as [(UInt64, UInt64)] {
                let done = table.map(range(frame, 1), to: MFN(target), type: types.0, cache: cache)
                #expect(done)
            }
            expect(table, 4, nil, order: 0)
            expect(table, 5, 0x1005, order: 0)
            expect(table, 6, 0x77)
            expect(table, last, 0xf_ffff)
            #expect(cache.invalidated.isEmpty && cache.written >= 3)
            let changed = table.map(range(5, 1), to: MFN(9), type: types.1, cache: cache)
            #expect(changed && cache.invalidated.contains(range(5, 1)))
            expect(table, 5, 9, types.1)
            cache.invalidated = []
            let removed = table.unmap(range(0, 600), cache: cache)
            #expect(removed && !cache.invalidated.isEmpty)
            expect(table, 5, nil)
            expect(table, 6, nil)
            expect(table, last, 0xf_ffff)
            let nothing = table.map(range(3, 0), to: MFN(1), type: types.0, cache: cache)
            #expect(nothing)
            expect(table, 3, nil)
        }
    }

    func usesTheLargestEntries() {
        withTable { table, cache in
            // From below a 2 MiB block over 1 GiB to above it, as one call.
            let gigabyte: UInt64 = 1 << 18
            let start = gigabyte - 513
            let before = machine.outstanding
            let done = table.map(range(start, gigabyte + 513 + 3), to: MFN(start + gigabyte), type: types.0, cache: cache)
            #expect(done)
            for (frame, order) in [
                (start, 0), (start + 1, 9), (gigabyte - 1, 9), (gigabyte, 18), (2 * gigabyte - 1, 18), (2 * gigabyte, 0),
                (2 * gigabyte + 2, 0),
            ] { expect(table, frame, frame + gigabyte, order: order) }
            expect(table, start - 1, nil)
            expect(table, 2 * gigabyte + 3, nil)
            // Two tables on the left, two on the right, and one above them where the root is at level 0.
            #expect(machine.outstanding - before == 4 + (format.rootLevel == 0 ? 1 : 0))
            // Guest and machine frames must both be aligned.
            let odd = table.map(range(4 * gigabyte, 512), to: MFN(1), type: types.0, cache: cache)
            #expect(odd)
            expect(table, 4 * gigabyte + 511, 512, order: 0)
        }
    }

    func splitsAndReplaces() {
        withTable { table, cache in
            let gigabyte: UInt64 = 1 << 18
            let mapped = table.map(range(gigabyte, gigabyte), to: MFN(0), type: types.0, cache: cache)
            #expect(mapped && cache.invalidated.isEmpty)
            let whole = machine.outstanding
            let split = table.unmap(range(gigabyte + 1000, 1), cache: cache)
            #expect(split && machine.outstanding == whole + 2)
            // The entries that were split are gone from the caches whole.
            #expect(cache.invalidated.contains(range(gigabyte, gigabyte)))
            #expect(cache.invalidated.contains(range(gigabyte + 512, 512)))
            expect(table, gigabyte + 1000, nil, order: 0)
            for (frame, order) in [(0, 9), (511, 9), (512, 0), (999, 0), (1001, 0), (1024, 9), (gigabyte - 1, 9)]
                as [(UInt64, Int)]
            {
                expect(table, gigabyte + frame, frame, order: order)
            }
            let again = table.map(range(gigabyte + 512, 512), to: MFN(512), type: types.1, cache: cache)
            #expect(again && machine.outstanding == whole + 1)
            expect(table, gigabyte + 1000, 1000, types.1, order: 9)
            let all = table.map(range(gigabyte, gigabyte), to: MFN(gigabyte), type: types.0, cache: cache)
            #expect(all && machine.outstanding == whole)
            expect(table, gigabyte + 1000, gigabyte + 1000, order: 18)
        }
    }

    func refusesWhatIsOutside() {
        withTable { table, cache in
            let end = format.capacity
            for bad in [
                range(end, 1), range(end - 1, 2), range(.max, 1), range(1, .max), range(0, end + 1), range(.max, .max),
            ] {
                let mapped = table.map(bad, to: MFN(0), type: types.0, cache: cache)
                let unmapped = table.unmap(bad, cache: cache)
                #expect(!mapped && !unmapped)
            }
            expect(table, end, nil)
            expect(table, .max, nil)
            expect(table, end - 1, nil)
            #expect(machine.outstanding == 1 << format.rootOrder)
        }
    }

    /// Whatever allocation fails, the call says so, leaves the rest alone, and nothing is lost.
    func survivesFailures() {
        let gigabyte: UInt64 = 1 << 18
        // Range, target (nil: unmap).
        let steps: [(GuestRange, UInt64?)] = [
            (range(3 * gigabyte, 8), 0x100), (range(gigabyte, gigabyte), 0), (range(gigabyte + 700, 5), nil),
            (range(gigabyte + 1530, 20), 0x3000), (range(2 * gigabyte - 3, 6), 0x5000), (range(gigabyte + 512, 512), 0x7001),
        ]
        var isFailing = true
        var failures = 0
        while isFailing {
            machine.failAfter = failures
            isFailing = false
            guard var table = PageTable(format: format, frames: machine.source) else {
                #expect(machine.outstanding == 0)
                failures += 1
                isFailing = true
                continue
            }
            let cache = CountingCache()
            for (number, (range, target)) in steps.enumerated() {
                let done =
                    if let target { table.map(range, to: MFN(target), type: types.0, cache: cache) } else {
                        table.unmap(range, cache: cache)
                    }
                let held = table.tableFrames
                #expect(held == machine.outstanding)
                if !done {
                    isFailing = true
                    if number > 0 { expect(table, 3 * gigabyte + 7, 0x107) }
                    if number > 1 {
                        expect(table, gigabyte + 100, 100)
                        expect(table, 2 * gigabyte - 4, gigabyte - 4)
                    }
                    break
                }
            }
            machine.failAfter = nil
            let isEmpty = table.unmap(range(0, format.capacity), cache: cache)
            let left = table.tableFrames
            #expect(isEmpty && left == 1 << format.rootOrder)
            table.destroy()
            #expect(machine.outstanding == 0, "failure \(failures)")
            failures += 1
        }
        // Each step but the first two needs two tables, or one.
        #expect(failures > 8)
    }

    // MARK: Against a model

    /// One random step: a range of the first 2048 frames, and what to map there (nil: nothing), as often an aligned
    /// block as odds say.
    func step(_ random: inout SplitMix, blocks: Int) -> (GuestRange, MFN?, P2MType) {
        let isBlock = Int.random(in: 0..<100, using: &random) < blocks
        let start = isBlock ? UInt64.random(in: 0..<4, using: &random) * 512 : UInt64.random(in: 0..<2048, using: &random)
        let count = isBlock ? 512 : min(UInt64.random(in: 1...12, using: &random), 2048 - start)
        let isMap = Int.random(in: 0..<3, using: &random) > 0
        // Often aligned as the guest's frame is.
        let offset = UInt64.random(in: 1...40, using: &random) * (Bool.random(using: &random) ? 512 : 1)
        return (range(start, count), isMap ? MFN(start + offset) : nil, Bool.random(using: &random) ? types.0 : types.1)
    }

    /// `steps` random steps against an array of what each frame is; a seed is printed.
    func agreesWithAModel(steps: Int) {
        let found = Randomised.disagreement("page tables", steps: steps, seed: Randomised.seed(run: 0)) { _ in
            PageTableSession(laws: Laws(format: format, types: types))
        }
        if let found { Issue.record("\(found)") }
    }

    private func change(
        _ table: inout PageTable<Format, FakeFrames>, _ range: GuestRange, _ target: MFN?, _ type: P2MType,
        _ random: inout SplitMix, _ cache: some TranslationCache
    ) -> Bool {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return table.protect(self.range(0, 2048), cache: cache)
        case 1: return table.unprotect(range, cache: cache)
        case 2:
            _ = table.noteWrite(range.start, cache: cache)
            return true
        case 3:
            _ = table.takeDirty(GFN(0), cleaning: true, cache: cache)
            return true
        case 4:
            table.merge(self.range(0, 2048), cache: cache)
            return true
        default:
            if let target { return table.map(range, to: target, type: type, cache: cache) }
            return table.unmap(range, cache: cache)
        }
    }

    /// Break before make, as a walker beside the changes sees it; where the format needs none, nothing goes but what changes.
    func breaksBeforeItMakes(steps: Int) {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("Break before make seed \(seed)")
        var random = SplitMix(state: seed)
        withTable { table, _ in
            let cache = WatchingCache(format, machine.source, root: table.root, watched: [0, 5, 511, 512, 1030, 1800])
            _ = table.beginLog()
            for number in 0..<steps {
                let (range, target, type) = step(&random, blocks: 25)
                cache.changing = range
                let done = change(&table, range, target, type, &random, cache)
                if !cache.stale.isEmpty { cache.violations += 1 }
                // What a walker still has is what the table says.
                for frame in cache.watched {
                    let found = table.lookup(GFN(frame))
                    if let seen = cache.seen[frame], seen != .init(frame: found.frame, type: found.type, order: found.order)
                    {
                        cache.violations += 1
                    }
                }
                guard done, cache.violations == 0 else {
                    Issue.record("seed \(seed), step \(number): \(range)")
                    return
                }
            }
        }
    }
}

@Suite struct PageTableTests {
    static let bits = [32, 39, 40, 43, 44, 48]

    @Test(arguments: bits) func stage2(_ bits: Int) {
        Laws(format: Stage2Format(addressBits: bits), types: (.ramReadWrite, .deviceDirect)).check()
    }

    @Test func el2() { Laws(format: EL2Format(), types: (.ramReadWrite, .hypervisorCode)).check() }

    @Test func x86() {
        for servesAMD in [false, true] {
            Laws(format: NestedFormat(hasHugePages: true, servesAMD: servesAMD), types: (.ramReadWrite, .deviceDirect)).check()
        }
        Laws(format: ExtendedFormat(hasHugePages: true), types: (.ramReadWrite, .deviceDirect)).check()
    }

    @Test func x86AgreesWithAModel() {
        Laws(format: NestedFormat(hasHugePages: true), types: (.ramReadWrite, .grantReadOnly)).agreesWithAModel(
            steps: 10_000)
        Laws(format: ExtendedFormat(hasHugePages: true), types: (.ramReadOnly, .foreign)).agreesWithAModel(steps: 10_000)
        Laws(format: NestedFormat(hasHugePages: true), types: (.ramReadWrite, .ramReadOnly)).breaksBeforeItMakes(steps: 300)
        Laws(format: ExtendedFormat(hasHugePages: true), types: (.ramReadWrite, .ramReadOnly)).breaksBeforeItMakes(
            steps: 300)
    }

    /// Without 1 GiB pages the largest have 2 MiB.
    @Test func withoutHugePages() {
        let machine = FakeMachine(frames: 1100)
        guard var table = PageTable(format: ExtendedFormat(hasHugePages: false), frames: machine.source) else {
            Issue.record("no frame for the root")
            return
        }
        let done = table.map(
            GuestRange(start: GFN(0), count: 1 << 18), to: MFN(0), type: .ramReadWrite, cache: CountingCache())
        #expect(done)
        let (found, outside) = (table.lookup(GFN(1000)), table.lookup(GFN(1 << 18)))
        #expect(found.frame == MFN(1000) && found.order == 9 && outside.type == .invalid)
        table.destroy()
        #expect(machine.outstanding == 0)
    }

    @Test func stage2AgreesWithAModel() {
        Laws(format: Stage2Format(addressBits: 40), types: (.ramReadWrite, .grantReadOnly)).agreesWithAModel(steps: 100_000)
    }

    @Test func othersAgreeWithAModel() {
        Laws(format: Stage2Format(addressBits: 48), types: (.ramReadOnly, .foreign)).agreesWithAModel(steps: 10_000)
        Laws(format: EL2Format(), types: (.ramReadWrite, .hypervisorReadOnly)).agreesWithAModel(steps: 10_000)
    }

    @Test func breaksBeforeItMakes() {
        Laws(format: Stage2Format(addressBits: 40), types: (.ramReadWrite, .ramReadOnly)).breaksBeforeItMakes(steps: 1000)
        Laws(format: EL2Format(), types: (.ramReadWrite, .deviceDirect)).breaksBeforeItMakes(steps: 500)
    }
}
