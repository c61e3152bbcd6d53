// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
import Synchronization

/// A page table of any format: guest frames to machine frames, with the largest entries that fit.
///
/// Not locked: the owner's lock serialises writers; `lookup` may run beside them, since every entry is one atomic word.
public struct PageTable<Format: EntryFormat, Frames: FrameSource>: ~Copyable {
    public let format: Format
    public let root: MFN
    @usableFromInline let frames: Frames
    /// Where tables come from.
    var pool = TablePool()
    /// Frames that the tables themselves take, root included.
    public internal(set) var tableFrames: Int
    /// Frames of `.populateOnDemand` entries.
    public internal(set) var onDemandFrames: UInt64 = 0
    /// Which frames have been written, while that is logged.
    var dirty: DirtyBitmap<Frames>?
    /// Frames that became marked since somebody set this to 0.
    public var dirtyMarks: UInt64 = 0
    /// Marks that there was no memory for since the log began.
    public internal(set) var lostMarks: UInt64 = 0

    /// An empty table, or nil where there is no frame for its root.
    public init?(format: Format, frames: Frames) {
        guard let root = frames.allocate(order: format.rootOrder, node: nil) else { return nil }
        self.init(format: format, frames: frames, root: root)
    }

    /// A table whose root exists already: the one that the boot code made.
    public init(format: Format, frames: Frames, root: MFN) {
        self.format = format
        self.frames = frames
        self.root = root
        tableFrames = 1 << format.rootOrder
    }

    // MARK: Reading

    /// What `frame` is, and the order of the entry that says so. `.invalid` where nothing is mapped.
    public func lookup(_ frame: GFN) -> (frame: MFN, type: P2MType, order: Int) { view.lookup(frame) }

    /// The table for those who only read it, and take no lock: see `PageTableView`.
    public var view: PageTableView<Format, Frames> { PageTableView(format: format, root: root, frames: frames) }

    // MARK: Writing

    /// Maps `range` to the frames from `target` on. Replaces what was there. False, with the earlier part of the range
    /// mapped, where there is no frame for a table: callers that must not fail halfway unmap the range again.
    public mutating func map(
        _ range: GuestRange, to target: MFN, type: P2MType, cache: some TranslationCache
    ) -> Bool {
        set(range, target: target, type: type, cache: cache)
    }

    /// Removes whatever `range` maps. False where an entry had to be split and there was no frame for it.
    public mutating func unmap(_ range: GuestRange, cache: some TranslationCache) -> Bool {
        set(range, target: .invalid, type: .invalid, cache: cache)
    }

    /// What one frame was.
    public struct Replaced: Sendable {
        public let frame: MFN
        public let type: P2MType
    }

    /// Maps one frame (`.invalid`, `.invalid`: nothing) and says what was there. Nil, with nothing changed, where there is
    /// no frame for a table, or outside.
    ///
    /// With `deferring`, an entry that goes is not invalidated: the caller does before it lets go of what it named. An
    /// entry that changes is, and so is a large one that has to be split.
    public mutating func replace(
        _ frame: GFN, with target: MFN, type: P2MType, deferring: Bool = false, cache: some TranslationCache
    ) -> Replaced? {
        guard frame.rawValue < format.capacity else { return nil }
        let range = GuestRange(start: frame, count: 1)
        var table = root
        for level in format.rootLevel..<3 {
            let slot = slot(table, format.index(frame.rawValue, level: level))
            let entry = format.decode(load(slot), level: level)
            if case .none = entry, type == .invalid { return Replaced(frame: .invalid, type: .invalid) }
            guard let next = descend(slot, old: entry, level: level, part: range, cache: cache) else {
                // Those that were made on the way are somebody else's to need.
                prune(frame, cache: cache)
                return nil
            }
            table = next
        }
        let slot = slot(table, format.index(frame.rawValue, level: 3))
        var old = Replaced(frame: .invalid, type: .invalid)
        if case .leaf(let start, let kind) = format.decode(load(slot), level: 3) {
            old = Replaced(frame: start, type: kind)
            store(0, slot)
            if kind == .populateOnDemand {
                // Nobody caches what is not there.
                onDemandFrames -= 1
            } else {
                cache.entriesWritten()
                // Break before make.
                if !deferring || type != .invalid { cache.invalidate(range) }
            }
        }
        if type != .invalid {
            store(format.leaf(target, type: type, level: 3), slot)
            cache.entriesWritten()
            noteNew(range, type)
        } else if old.type != .invalid {
            prune(frame, cache: cache)
        }
        return old
    }

    private mutating func set(
        _ range: GuestRange, target: MFN, type: P2MType, cache: some TranslationCache
    ) -> Bool {
        guard range.count > 0 else { return true }
        guard range.start.rawValue < format.capacity, range.count <= format.capacity - range.start.rawValue else {
            return false
        }
        var replaced = false
        let done = set(
            table: root, level: format.rootLevel, range: range, target: target, type: type, replaced: &replaced,
            cache: cache)
        cache.entriesWritten()
        if replaced { cache.invalidate(range) }
        if type == .invalid {
            prune(range.start, cache: cache)
            prune(range.start + (range.count - 1), cache: cache)
        }
        return done
    }

    private mutating func set(
        table: MFN, level: Int, range: GuestRange, target: MFN, type: P2MType, replaced: inout Bool,
        cache: some TranslationCache
    ) -> Bool {
        let shift = format.frameShift(level)
        let size: UInt64 = 1 << shift
        var frame = range.start
        var target = target
        while frame < range.end {
            let offset = frame.rawValue & (size - 1)
            let count = min(size - offset, range.end.rawValue - frame.rawValue)
            let part = GuestRange(start: frame, count: count)
            guard
                setEntry(
                    slot(table, format.index(frame.rawValue, level: level)), level: level, part: part, target: target,
                    type: type, replaced: &replaced, cache: cache)
            else { return false }
            frame += count
            if target != .invalid { target += count }
        }
        return true
    }

    /// One entry: written whole where the part covers it, else the part goes one level down.
    private mutating func setEntry(
        _ slot: MachineAddress, level: Int, part: GuestRange, target: MFN, type: P2MType, replaced: inout Bool,
        cache: some TranslationCache
    ) -> Bool {
        let size: UInt64 = 1 << format.frameShift(level)
        let whole = part.count == size
        let old = format.decode(load(slot), level: level)
        if whole, type == .invalid {
            clear(slot, old: old, part: part, level: level, isUnmapping: true, replaced: &replaced, cache: cache)
            return true
        }
        if whole, level == 3 || (format.canMap(at: level) && (target == .invalid || target.rawValue & (size - 1) == 0)) {
            clear(slot, old: old, part: part, level: level, isUnmapping: false, replaced: &replaced, cache: cache)
            store(format.leaf(target, type: type, level: level), slot)
            noteNew(part, type)
            return true
        }
        if case .none = old, type == .invalid { return true }
        guard let next = descend(slot, old: old, level: level, part: part, cache: cache) else { return false }
        return set(
            table: next, level: level + 1, range: part, target: target, type: type, replaced: &replaced, cache: cache)
    }

    /// The table under `slot`: there, made new, or made from the leaf that was there.
    mutating func descend(
        _ slot: MachineAddress, old: Entry, level: Int, part: GuestRange, cache: some TranslationCache
    ) -> MFN? {
        if case .table(let next) = old { return next }
        guard let next = pool.take(frames) else { return nil }
        tableFrames += 1
        if case .leaf(let start, let type) = old {
            let step: UInt64 = 1 << format.frameShift(level + 1)
            for index in 0..<UInt64(512) {
                store(format.leaf(start + index * step, type: type, level: level + 1), self.slot(next, index))
            }
            cache.entriesWritten()
            let size: UInt64 = 1 << format.frameShift(level)
            let whole = GuestRange(start: GFN(alignedDown(part.start.rawValue, to: size)), count: size)
            exchange(
                slot, with: format.table(next, level: level), of: whole, isCached: type != .populateOnDemand, cache: cache)
            return next
        }
        cache.entriesWritten()
        store(format.table(next, level: level), slot)
        return next
    }

    /// Empties an entry; what hung below it is freed once no walker can be in it.
    private mutating func clear(
        _ slot: MachineAddress, old: Entry, part: GuestRange, level: Int, isUnmapping: Bool, replaced: inout Bool,
        cache: some TranslationCache
    ) {
        switch old {
        case .none: return
        case .leaf(_, .populateOnDemand):
            store(0, slot)
            onDemandFrames -= 1 << format.frameShift(level)
        case .leaf:
            store(0, slot)
            // What goes for good is invalidated once for the whole range; what changes, before it is made anew.
            if isUnmapping {
                replaced = true
            } else {
                cache.entriesWritten()
                cache.invalidate(part)
            }
        case .table(let next):
            store(0, slot)
            cache.entriesWritten()
            cache.invalidate(part)
            release(next, level: level + 1)
        }
    }

    private mutating func release(_ table: MFN, level: Int) {
        if level < 3 || onDemandFrames > 0 {
            for index in 0..<UInt64(512) {
                switch format.decode(load(slot(table, index)), level: level) {
                case .table(let next): release(next, level: level + 1)
                case .leaf(_, .populateOnDemand): onDemandFrames -= 1 << format.frameShift(level)
                default: break
                }
            }
        }
        pool.give(table, frames)
        tableFrames -= 1
    }

    /// Gives back every table; this one is not used again. The mapped frames are the caller's to release.
    public mutating func destroy() {
        for index in 0..<(UInt64(512) << UInt64(format.rootOrder)) {
            if case .table(let next) = format.decode(load(slot(root, index)), level: format.rootLevel) {
                release(next, level: format.rootLevel + 1)
            }
        }
        while pool.shrink(frames) {}
        frames.free(root, order: format.rootOrder)
        endLog()
    }

    // MARK: Entries

    /// Replaces an entry by one that says the same of `frames`. Nobody uses the old one when this returns.
    func exchange(
        _ slot: MachineAddress, with entry: UInt64, of frames: GuestRange, isCached: Bool = true,
        cache: some TranslationCache
    ) {
        if format.breaksBeforeMake {
            store(0, slot)
            cache.entriesWritten()
            if isCached { cache.invalidate(frames) }
            store(entry, slot)
            cache.entriesWritten()
        } else {
            store(entry, slot)
            cache.entriesWritten()
            if isCached { cache.invalidate(frames) }
        }
    }

    @inline(__always) func slot(_ table: MFN, _ index: UInt64) -> MachineAddress { table.address + index &* 8 }
    @inline(__always) func load(_ slot: MachineAddress) -> UInt64 {
        frames.atomic(UInt64.self, at: slot).pointee.load(ordering: .acquiring)
    }
    @inline(__always) func store(_ entry: UInt64, _ slot: MachineAddress) {
        frames.atomic(UInt64.self, at: slot).pointee.store(entry, ordering: .releasing)
    }
}
