// SPDX-License-Identifier: Apache-2.0

import Base
import P2M
import Support

/// A table against an array of what each of its first 2048 frames is.
final class PageTableSession<Format: EntryFormat>: ModelSession {
    var random = SplitMix(state: 0)
    let laws: Laws<Format>
    let cache = CountingCache()
    var table: PageTable<Format, FakeFrames>?
    /// Machine frame less guest frame, and type; 0 where nothing is mapped.
    var model = [UInt64](repeating: 0, count: 2048)
    /// Frames that are marked; nil where nothing is logged.
    var dirty: Set<UInt64>?

    init(laws: Laws<Format>) {
        self.laws = laws
        table = PageTable(format: laws.format, frames: laws.machine.source)
    }

    func value(_ frame: UInt64, _ found: MFN, _ type: P2MType) -> UInt64 {
        if type == .populateOnDemand { return UInt64(type.rawValue) }
        return type == .invalid ? 0 : (found.rawValue &- frame) << 8 | UInt64(type.rawValue)
    }

    func look(_ frame: UInt64) throws {
        let found = table!.lookup(GFN(frame))
        try expect(value(frame, found.frame, found.type) == model[Int(frame)], "frame \(frame)")
    }

    func step() throws {
        if cache.invalidated.count > 10_000 { cache.invalidated = [] }
        if Bool.random(using: &random) { return try replace() }
        let (range, target, type) = laws.step(&random, blocks: 2)
        if laws.isGuests, Int.random(in: 0..<4, using: &random) == 0 { return try log(range) }
        let done =
            if let target { table!.map(range, to: target, type: type, cache: cache) } else {
                table!.unmap(range, cache: cache)
            }
        try expect(done, "\(range)")
        let new = target.map { value(range.start.rawValue, $0, type) } ?? 0
        let (start, end) = (range.start.rawValue, range.end.rawValue)
        model.replaceSubrange(Int(start)..<Int(end), with: repeatElement(new, count: Int(end - start)))
        if new != 0 { note(range, type) }
        for frame in [start, end - 1, end & 2047, start == 0 ? 0 : start - 1] { try look(frame) }
        try afterwards()
    }

    /// One frame, with what was there.
    func replace() throws {
        let frame = UInt64.random(in: 0..<2048, using: &random)
        let isMap = Bool.random(using: &random)
        let target = isMap ? MFN(frame + UInt64.random(in: 1...512, using: &random)) : .invalid
        let type = isMap ? laws.types.0 : .invalid
        let old = table!.replace(GFN(frame), with: target, type: type, deferring: Bool.random(using: &random), cache: cache)
        guard let old else { throw Disagreement("frame \(frame) is not replaced") }
        try expect(value(frame, old.frame, old.type) == model[Int(frame)], "frame \(frame) was another")
        model[Int(frame)] = value(frame, target, type)
        note(laws.range(frame, 1), type)
        for near in [frame, frame ^ 1, frame ^ 512] { try look(near) }
        try afterwards()
    }

    // MARK: Rights, marks, demand

    func type(_ frame: UInt64) -> P2MType { P2MType(rawValue: UInt8(truncatingIfNeeded: model[Int(frame)]))! }
    func set(_ frame: UInt64, _ type: P2MType) { model[Int(frame)] = model[Int(frame)] & ~0xFF | UInt64(type.rawValue) }

    /// RAM that is new counts as written.
    func note(_ range: GuestRange, _ type: P2MType) {
        guard type == .ramReadWrite, dirty != nil else { return }
        dirty!.formUnion(range.start.rawValue..<range.end.rawValue)
    }

    func change(_ range: GuestRange, from old: P2MType, to new: P2MType) {
        for frame in range.start.rawValue..<range.end.rawValue where type(frame) == old { set(frame, new) }
    }

    func log(_ range: GuestRange) throws {
        let whole = laws.range(0, 2048)
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
            if dirty == nil { dirty = [] } else if Bool.random(using: &random) { dirty = nil }
            if dirty == nil { table!.endLog() } else { try expect(table!.beginLog(), "no log") }
        case 1, 2:
            let range = Bool.random(using: &random) ? whole : range
            try expect(table!.protect(range, cache: cache), "not protected")
            change(range, from: .ramReadWrite, to: .ramLogDirty)
        case 3:
            try expect(table!.unprotect(range, cache: cache), "not unprotected")
            change(range, from: .ramLogDirty, to: .ramReadWrite)
        case 4: table!.merge(whole, cache: cache)
        case 5, 6: try take()
        case 7:
            let range = Bool.random(using: &random) ? laws.range(range.start.rawValue & ~511, 512) : range
            try expect(table!.map(range, to: .invalid, type: .populateOnDemand, cache: cache), "no demand")
            for frame in range.start.rawValue..<range.end.rawValue {
                model[Int(frame)] = value(0, .invalid, .populateOnDemand)
            }
        default:
            let frame = range.start.rawValue
            let noted = table!.noteWrite(range.start, cache: cache)
            try expect(noted == (type(frame) == .ramLogDirty), "write to \(frame)")
            if noted {
                set(frame, .ramReadWrite)
                note(laws.range(frame, 1), .ramReadWrite)
            }
        }
        for frame in [range.start.rawValue, range.end.rawValue - 1] { try look(frame) }
        try afterwards()
    }

    func take() throws {
        let cleaning = Bool.random(using: &random)
        let marked = dirty ?? []
        // A protected entry is protected whole.
        var leaves: [GuestRange] = []
        for frame in marked where cleaning && type(frame) == .ramReadWrite {
            let size: UInt64 = 1 << UInt64(table!.lookup(GFN(frame)).order)
            leaves.append(laws.range(frame & ~(size - 1), size))
        }
        let bits = table!.takeDirty(GFN(0), cleaning: cleaning, cache: cache)
        var found: Set<UInt64> = []
        for index in 0..<UInt64(4096) where bits[Int(index / 64)] >> (index % 64) & 1 != 0 { found.insert(index) }
        try expect(found == marked, "marks \(found.symmetricDifference(marked))")
        guard cleaning else { return }
        if dirty != nil { dirty = [] }
        for leaf in leaves { change(leaf, from: .ramReadWrite, to: .ramLogDirty) }
    }

    func tableFrames(_ table: inout PageTable<Format, FakeFrames>) -> Int { table.tableFrames }

    func afterwards() throws {
        try look(UInt64.random(in: 0..<2048, using: &random))
        if dirty == nil { try expect(tableFrames(&table!) == laws.machine.outstanding, "table frames") }
        guard laws.isGuests, Int.random(in: 0..<50, using: &random) == 0 else { return }
        let demanded = model.count { $0 == UInt64(P2MType.populateOnDemand.rawValue) }
        try expect(onDemand(&table!) == demanded, "frames on demand")
    }

    func onDemand(_ table: inout PageTable<Format, FakeFrames>) -> Int { Int(table.onDemandFrames) }

    func finish() throws {
        for frame in UInt64(0)..<2048 { try look(frame) }
        table!.endLog()
        let all = GuestRange(start: GFN(0), count: laws.format.capacity)
        let isEmpty = table!.unmap(all, cache: cache)
        let left = tableFrames(&table!)
        try expect(isEmpty && left == 1 << laws.format.rootOrder, "tables are left")
        table!.destroy()
        table = nil
        try expect(laws.machine.outstanding == 0, "frames are left")
    }
}
