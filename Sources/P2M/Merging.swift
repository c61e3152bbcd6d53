// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine

/// Policy: entries that were split are merged when somebody asks for a range, which is where a whole range was made alike again
/// (the end of dirty logging), or is mapped anew as one. A change of single frames never merges: whoever punches a hole and fills
/// it, as a balloon does, would pay for a split and a merge each time.
extension PageTable {
    /// Makes one entry of 512 that follow each other and are alike, wherever `range` has them whole, and of 512 of those.
    /// A table goes back once no walker can be in it.
    public mutating func merge(_ range: GuestRange, cache: some TranslationCache) {
        guard range.count > 0, range.start.rawValue < format.capacity else { return }
        let count = min(range.count, format.capacity - range.start.rawValue)
        merge(table: root, level: format.rootLevel, range: GuestRange(start: range.start, count: count), cache: cache)
    }

    private mutating func merge(table: MFN, level: Int, range: GuestRange, cache: some TranslationCache) {
        let size: UInt64 = 1 << format.frameShift(level)
        var frame = range.start
        while frame < range.end {
            let count = min(size - frame.rawValue & (size - 1), range.end.rawValue - frame.rawValue)
            let part = GuestRange(start: frame, count: count)
            let slot = slot(table, format.index(frame.rawValue, level: level))
            frame += count
            guard case .table(let next) = format.decode(load(slot), level: level) else { continue }
            if level < 2 { merge(table: next, level: level + 1, range: part, cache: cache) }
            guard count == size, format.canMap(at: level), let leaf = common(next, level: level) else { continue }
            exchange(slot, with: leaf, of: part, cache: cache)
            pool.give(next, frames)
            tableFrames -= 1
        }
    }

    /// The entry of `level` that says what all entries of `table`, one level down, say.
    private func common(_ table: MFN, level: Int) -> UInt64? {
        guard case .leaf(let start, let type) = format.decode(load(slot(table, 0)), level: level + 1), type.merges,
            start == .invalid || start.rawValue & (1 << format.frameShift(level) - 1) == 0
        else { return nil }
        let step: UInt64 = 1 << format.frameShift(level + 1)
        for index in 1..<UInt64(512) {
            guard case .leaf(let frame, let other) = format.decode(load(slot(table, index)), level: level + 1),
                other == type,
                frame == (start == .invalid ? start : start + index * step)
            else { return nil }
        }
        return format.leaf(start, type: type, level: level)
    }
}
