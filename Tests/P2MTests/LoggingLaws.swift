// SPDX-License-Identifier: Apache-2.0

import Base
import Machine
import Support
import Testing

@testable import P2M

/// Dirty logging, merging, memory on demand: what must hold of any format.
extension Laws {
    private var gigabyte: UInt64 { 1 << 18 }

    /// The frames below 4096 after `start` that are marked.
    func taken(_ table: inout PageTable<Format, FakeFrames>, _ start: UInt64, cleaning: Bool = true, _ cache: CountingCache)
        -> Set<UInt64>
    {
        let bits = table.takeDirty(GFN(start), cleaning: cleaning, cache: cache)
        var found: Set<UInt64> = []
        for index in 0..<UInt64(4096) where bits[Int(index / 64)] >> (index % 64) & 1 != 0 { found.insert(start + index) }
        return found
    }

    func mergesWhatIsAlike() {
        withTable { table, cache in
            let mapped = table.map(range(gigabyte, gigabyte), to: MFN(0), type: types.0, cache: cache)
            let whole = machine.outstanding
            // A hole, and the hole filled.
            let split = table.unmap(range(gigabyte + 1000, 1), cache: cache)
            #expect(mapped && split && machine.outstanding == whole + 2)
            table.merge(range(gigabyte, gigabyte), cache: cache)
            #expect(machine.outstanding == whole + 2)
            let filled = table.replace(GFN(gigabyte + 1000), with: MFN(1000), type: types.0, cache: cache)
            #expect(filled != nil && machine.outstanding == whole + 2, "no merge by a single frame")
            cache.invalidated = []
            // Only what the range has whole.
            table.merge(range(gigabyte + 513, gigabyte - 513), cache: cache)
            #expect(machine.outstanding == whole + 2 && cache.invalidated.isEmpty)
            table.merge(range(gigabyte + 512, 512), cache: cache)
            #expect(machine.outstanding == whole + 1 && cache.invalidated == [range(gigabyte + 512, 512)])
            expect(table, gigabyte + 1000, 1000, order: 9)
            table.merge(range(0, format.capacity), cache: cache)
            #expect(machine.outstanding == whole && cache.invalidated.last == range(gigabyte, gigabyte))
            expect(table, gigabyte + 1000, 1000, order: 18)
            // Not in order, and not alike.
            for frame in 0..<UInt64(512) {
                _ = table.replace(GFN(frame), with: MFN(frame == 7 ? 9 : frame), type: types.0, cache: cache)
            }
            table.merge(range(0, 512), cache: cache)
            expect(table, 7, 9, order: 0)
            _ = table.replace(GFN(7), with: MFN(7), type: types.1, cache: cache)
            table.merge(range(0, 512), cache: cache)
            expect(table, 7, 7, types.1, order: 0)
            // Machine frames that are not aligned.
            for frame in 0..<UInt64(512) {
                _ = table.replace(GFN(frame), with: MFN(frame + 1), type: types.0, cache: cache)
            }
            table.merge(range(0, 512), cache: cache)
            expect(table, 7, 8, order: 0)
        }
    }

    func logsWrites() {
        withTable { table, cache in
            let mapped = table.map(range(gigabyte, gigabyte), to: MFN(0), type: .ramReadWrite, cache: cache)
            let few = table.map(range(100, 30), to: MFN(100), type: .ramReadWrite, cache: cache)
            let other = table.map(range(130, 2), to: MFN(130), type: .ramReadOnly, cache: cache)
            let began = table.beginLog()
            #expect(mapped && few && other && began && cache.invalidated.isEmpty)
            let protected = table.protect(range(0, 2 * gigabyte), cache: cache)
            // One flush of all of it.
            #expect(protected && cache.invalidated == [range(0, 2 * gigabyte)])
            expect(table, 100, 100, .ramLogDirty)
            expect(table, 130, 130, .ramReadOnly)
            expect(table, gigabyte + 5, 5, .ramLogDirty, order: 18)
            for frame in [101, gigabyte + 600] {
                let noted = table.noteWrite(GFN(frame), cache: cache)
                #expect(noted && cache.invalidated.last == range(frame, 1))
                let again = table.noteWrite(GFN(frame), cache: cache)
                #expect(!again)
            }
            for frame in [130, 99, format.capacity, .max] {
                let noted = table.noteWrite(GFN(frame), cache: cache)
                #expect(!noted, "frame \(frame)")
            }
            expect(table, gigabyte + 600, 600, .ramReadWrite, order: 0)
            expect(table, gigabyte + 601, 601, .ramLogDirty, order: 0)
            expect(table, gigabyte + 5, 5, .ramLogDirty, order: 9)
            let peeked = taken(&table, 0, cleaning: false, cache)
            let first = taken(&table, 0, cache)
            let second = taken(&table, gigabyte, cache)
            #expect(peeked == [101] && first == [101] && second == [gigabyte + 600])
            // Noted anew.
            expect(table, 101, 101, .ramLogDirty)
            let none = taken(&table, 0, cache)
            let again = table.noteWrite(GFN(101), cache: cache)
            #expect(none.isEmpty && again)
            // What is new counts as written, a large entry whole.
            let new = table.map(range(512, 512), to: MFN(512), type: .ramReadWrite, cache: cache)
            _ = table.replace(GFN(99), with: MFN(99), type: .ramReadWrite, cache: cache)
            _ = table.replace(GFN(98), with: MFN(98), type: .ramReadOnly, cache: cache)
            let found = taken(&table, 0, cache)
            #expect(new && found == Set(512..<1024).union([99, 101]))
            expect(table, 700, 700, .ramLogDirty, order: 9)
            let far = taken(&table, UInt64.max - 4095, cache)
            #expect(far.isEmpty)
            // Over again: what was split comes back.
            let unprotected = table.unprotect(range(0, format.capacity), cache: cache)
            table.endLog()
            table.merge(range(0, format.capacity), cache: cache)
            #expect(unprotected)
            expect(table, gigabyte + 600, 600, .ramReadWrite, order: 18)
            let late = table.noteWrite(GFN(101), cache: cache)
            #expect(!late)
        }
    }

    /// A large entry that cannot be split is let go whole, and a mark that cannot be kept is counted.
    func logsWithoutMemory() {
        withTable { table, cache in
            let mapped = table.map(range(gigabyte, 512), to: MFN(0), type: .ramReadWrite, cache: cache)
            machine.failAfter = 0
            let began = table.beginLog()
            #expect(mapped && !began)
            machine.failAfter = nil
            _ = table.beginLog()
            let protected = table.protect(range(0, 2 * gigabyte), cache: cache)
            // The bitmap's leaf is there.
            _ = table.replace(GFN(gigabyte + 512), with: MFN(9), type: .ramReadWrite, cache: cache)
            machine.failAfter = 0
            let noted = table.noteWrite(GFN(gigabyte + 7), cache: cache)
            let partly = table.protect(range(gigabyte + 1, 1), cache: cache)
            machine.failAfter = nil
            expect(table, gigabyte + 8, 8, .ramReadWrite, order: 9)
            let (lost, found) = (table.lostMarks, taken(&table, gigabyte, cache))
            #expect(protected && noted && !partly && lost == 0 && found == Set(gigabyte...gigabyte + 512))
            let rest = table.map(range(3 * gigabyte, 512), to: MFN(0), type: .ramLogDirty, cache: cache)
            machine.failAfter = 0
            let unmarked = table.noteWrite(GFN(3 * gigabyte), cache: cache)
            machine.failAfter = nil
            let lostNow = table.lostMarks
            #expect(rest && unmarked && lostNow == 1)
        }
    }

    func hasRAMOnDemand() {
        withTable { table, cache in
            let before = machine.outstanding
            let mapped = table.map(range(gigabyte, gigabyte + 3), to: .invalid, type: .populateOnDemand, cache: cache)
            let count = table.onDemandFrames
            #expect(mapped && count == gigabyte + 3 && cache.invalidated.isEmpty)
            #expect(machine.outstanding - before == (format.rootLevel == 0 ? 3 : 2))
            for (frame, order) in [(gigabyte, 18), (2 * gigabyte - 1, 18), (2 * gigabyte + 2, 0)] {
                let found = table.lookup(GFN(frame))
                #expect(found.frame == .invalid && found.type == .populateOnDemand && found.order == order)
            }
            let noted = table.noteWrite(GFN(gigabyte), cache: cache)
            #expect(!noted)
            let old = table.replace(GFN(gigabyte + 600), with: MFN(1), type: .ramReadWrite, cache: cache)
            let left = table.onDemandFrames
            #expect(old?.type == .populateOnDemand && old?.frame == .invalid && left == gigabyte + 2)
            // Nothing that could be cached has gone.
            #expect(cache.invalidated.isEmpty)
            expect(table, gigabyte + 600, 1, .ramReadWrite)
            let gone = table.lookup(GFN(gigabyte + 601))
            #expect(gone.type == .populateOnDemand && gone.order == 0)
            let all = table.unmap(range(gigabyte + 512, gigabyte), cache: cache)
            let rest = table.onDemandFrames
            #expect(all && rest == 512)
            let over = table.map(range(gigabyte, 512), to: MFN(0), type: .ramReadWrite, cache: cache)
            let none = table.onDemandFrames
            #expect(over && none == 0)
        }
    }
}
