// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine

/// 4096 frames' worth of dirty bits.
public typealias DirtyBits = InlineArray<64, UInt64>

/// Logging of writes. RAM is write-protected (`.ramLogDirty`); the first write marks its frame and gives the right back, until
/// `takeDirty` takes it again. Only rights change, so no entry has to go before it comes (ARM DDI 0487, D8.16.1): a pass over a
/// range is invalidated once.
extension PageTable where Frames: FrameSource {
    public var isLogging: Bool { dirty != nil }

    /// Begins to log, with nothing marked. RAM that is mapped from now on is marked; what is there is protected by `protect`.
    /// False without memory.
    public mutating func beginLog() -> Bool {
        if dirty != nil { return true }
        dirty = DirtyBitmap(frames)
        return dirty != nil
    }

    /// Ends it and forgets all marks. `unprotect` gives rights back, before or after.
    public mutating func endLog() {
        dirty?.destroy()
        dirty = nil
        lostMarks = 0
        dirtyMarks = 0
    }

    /// Protects RAM that may be written. False where an entry had to be split and there was no frame for it: a part is not
    /// protected then.
    public mutating func protect(_ range: GuestRange, cache: some TranslationCache) -> Bool {
        change(range, from: .ramReadWrite, to: .ramLogDirty, cache: cache)
    }

    /// Protects no more. False as `protect`.
    public mutating func unprotect(_ range: GuestRange, cache: some TranslationCache) -> Bool {
        change(range, from: .ramLogDirty, to: .ramReadWrite, cache: cache)
    }

    /// The frames from `frame` on that one pass over entries should take: an entry whole, else those that a leaf of the bitmap
    /// speaks for, or what is up to `end`.
    public func pass(from frame: GFN, to end: GFN) -> GuestRange {
        let size = max(DirtyBitmap<Frames>.leafFrames, 1 << UInt64(lookup(frame).order))
        let next = min((frame.rawValue | (size - 1)) &+ 1, end.rawValue)
        return GuestRange(start: frame, count: next > frame.rawValue ? next - frame.rawValue : 0)
    }

    /// A write to a protected frame: marks it and lets it be written. A large entry is split, or without memory for that let
    /// go and marked whole. False where the frame is not protected.
    public mutating func noteWrite(_ frame: GFN, cache: some TranslationCache) -> Bool {
        guard frame.rawValue < format.capacity else { return false }
        var table = root
        for level in format.rootLevel...3 {
            let slot = slot(table, format.index(frame.rawValue, level: level))
            let entry = format.decode(load(slot), level: level)
            if case .leaf(let start, let type) = entry {
                guard type == .ramLogDirty else { return false }
                let size: UInt64 = 1 << format.frameShift(level)
                let part = GuestRange(start: GFN(alignedDown(frame.rawValue, to: size)), count: size)
                if level < 3, let next = descend(slot, old: entry, level: level, part: part, cache: cache) {
                    table = next
                    continue
                }
                mark(part)
                store(format.leaf(start, type: .ramReadWrite, level: level), slot)
                cache.entriesWritten()
                cache.invalidate(part)
                return true
            }
            guard case .table(let next) = entry else { return false }
            table = next
        }
        return false
    }

    /// What has been written of the 4096 frames from `start` on, a multiple of 64. With `cleaning` it is forgotten, and noted
    /// anew from now on: what was written before this returns is in the answer.
    public mutating func takeDirty(_ start: GFN, cleaning: Bool, cache: some TranslationCache) -> DirtyBits {
        var bits = DirtyBits(repeating: 0)
        var (first, end) = (UInt64.max, UInt64(0))
        for index in 0..<64 {
            let frame = start.rawValue &+ UInt64(index) &* 64
            if cleaning {
                bits[index] = dirty?.take(at: frame) ?? 0
                var left = bits[index]
                while left != 0 {
                    if let leaf = protectLeaf(GFN(frame + UInt64(left.trailingZeroBitCount))) {
                        (first, end) = (min(first, leaf.start.rawValue), max(end, leaf.end.rawValue))
                    }
                    left &= left - 1
                }
            } else {
                bits[index] = dirty?.bits(at: frame) ?? 0
            }
        }
        if first < end {
            cache.entriesWritten()
            cache.invalidate(GuestRange(start: GFN(first), count: end - first))
        }
        return bits
    }

    /// Protects the entry of a frame, whatever its size. Returns what the entry maps, or nil where it may not be written anyway.
    private mutating func protectLeaf(_ frame: GFN) -> GuestRange? {
        guard frame.rawValue < format.capacity else { return nil }
        var table = root
        for level in format.rootLevel...3 {
            let slot = slot(table, format.index(frame.rawValue, level: level))
            switch format.decode(load(slot), level: level) {
            case .table(let next): table = next
            case .leaf(let start, .ramReadWrite):
                store(format.leaf(start, type: .ramLogDirty, level: level), slot)
                let size: UInt64 = 1 << format.frameShift(level)
                return GuestRange(start: GFN(alignedDown(frame.rawValue, to: size)), count: size)
            default: return nil
            }
        }
        return nil
    }

    /// RAM that is new where it is counts as written.
    mutating func noteNew(_ range: GuestRange, _ type: P2MType) {
        if type == .populateOnDemand { onDemandFrames += range.count }
        if type == .ramReadWrite, dirty != nil { mark(range) }
    }

    private mutating func mark(_ range: GuestRange) {
        if !(dirty?.mark(range, counted: &dirtyMarks) ?? true) { lostMarks &+= 1 }
    }

    /// What `takeDirty` took counts as written still, and is not counted again.
    public mutating func restoreDirty(_ start: GFN, _ bits: DirtyBits) {
        let counted = dirtyMarks
        defer { dirtyMarks = counted }
        for index in 0..<64 {
            var left = bits[index]
            while left != 0 {
                let frame = start.rawValue &+ UInt64(index) &* 64 &+ UInt64(left.trailingZeroBitCount)
                mark(GuestRange(start: GFN(frame), count: 1))
                left &= left - 1
            }
        }
    }
}

extension PageTable {
    /// Changes rights only: every leaf of a range that is of one type becomes one of the other.
    private mutating func change(
        _ range: GuestRange, from old: P2MType, to new: P2MType, cache: some TranslationCache
    ) -> Bool {
        guard range.count > 0, range.start.rawValue < format.capacity else { return true }
        let count = min(range.count, format.capacity - range.start.rawValue)
        let range = GuestRange(start: range.start, count: count)
        var isChanged = false
        let done = change(
            table: root, level: format.rootLevel, range: range, from: old, to: new, isChanged: &isChanged, cache: cache)
        if isChanged {
            cache.entriesWritten()
            cache.invalidate(range)
        }
        return done
    }

    private mutating func change(
        table: MFN, level: Int, range: GuestRange, from old: P2MType, to new: P2MType, isChanged: inout Bool,
        cache: some TranslationCache
    ) -> Bool {
        let size: UInt64 = 1 << format.frameShift(level)
        var frame = range.start
        while frame < range.end {
            let count = min(size - frame.rawValue & (size - 1), range.end.rawValue - frame.rawValue)
            let part = GuestRange(start: frame, count: count)
            let slot = slot(table, format.index(frame.rawValue, level: level))
            frame += count
            let entry = format.decode(load(slot), level: level)
            switch entry {
            case .leaf(let start, old) where count == size:
                store(format.leaf(start, type: new, level: level), slot)
                isChanged = true
                continue
            case .none: continue
            case .leaf(_, let type) where type != old: continue
            default: break
            }
            guard let next = descend(slot, old: entry, level: level, part: part, cache: cache),
                change(
                    table: next, level: level + 1, range: part, from: old, to: new, isChanged: &isChanged, cache: cache)
            else { return false }
        }
        return true
    }
}
