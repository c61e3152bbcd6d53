// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine

/// Where a page table's tables come from and go back to: frames that are set aside for it, and no others, so that whoever has it
/// can take no more of the machine by spreading a few frames over many tables. A pool without a limit takes frames as it needs them.
///
/// Xen: p2m_freelist and p2m_total_pages (ARM), hap.freelist (x86)
struct TablePool: ~Copyable {
    /// Frames that are set aside, those of tables included; nil for no limit.
    private(set) var total: UInt64?
    /// Frames that no table has, all zero but for the first word, which names the next.
    private var first = MFN.invalid

    /// A frame of zeros, or nil where there is none.
    mutating func take(_ frames: some FrameSource) -> MFN? {
        guard total != nil else { return frames.allocate(order: 0, node: nil) }
        guard first != .invalid else { return nil }
        let frame = first
        first = MFN(frames.load(UInt64.self, at: frame.address))
        frames.store(0 as UInt64, at: frame.address)
        return frame
    }

    /// Gives back the frame of a table that no walker is in.
    mutating func give(_ frame: MFN, _ frames: some FrameSource) {
        guard total != nil else { return frames.free(frame, order: 0) }
        frames.zero(frame.address, count: pageSize)
        keep(frame, frames)
    }

    private mutating func keep(_ frame: MFN, _ frames: some FrameSource) {
        frames.store(first.rawValue, at: frame.address)
        first = frame
    }

    /// From now on no frame comes but from what is set aside, which is nothing.
    mutating func limit() { total = total ?? 0 }

    /// Sets one frame more aside. False without memory.
    mutating func grow(_ frames: some FrameSource) -> Bool {
        guard let old = total, let frame = frames.allocate(order: 0, node: nil) else { return false }
        keep(frame, frames)
        total = old + 1
        return true
    }

    /// Sets one frame less aside. False where tables have all of them.
    mutating func shrink(_ frames: some FrameSource) -> Bool {
        guard let old = total, old > 0, let frame = take(frames) else { return false }
        frames.free(frame, order: 0)
        total = old - 1
        return true
    }
}

/// What became of a step towards another size of a pool.
public enum PoolStep: Sendable, Equatable {
    case done, notYet
    /// There is no memory for more, or tables have what is to go.
    case refused
}

extension PageTable {
    /// Frames that are set aside for tables, those in use included; nil for no limit. The root is none of them.
    public var poolSize: UInt64? { pool.total }

    /// Goes on towards a pool of `size` frames, by 32 at most. The first call limits the tables that are made from then on.
    public mutating func resizePool(to size: UInt64) -> PoolStep {
        pool.limit()
        for _ in 0..<32 {
            let total = pool.total ?? 0
            if total == size { return .done }
            guard total < size ? pool.grow(frames) : pool.shrink(frames) else { return .refused }
        }
        return pool.total == size ? .done : .notYet
    }

    /// Gives back the tables above a frame that map nothing any more, if their number is limited: a guest could fill the pool with
    /// them else.
    mutating func prune(_ frame: GFN, cache: some TranslationCache) {
        guard pool.total != nil, frame.rawValue < format.capacity else { return }
        while pruneLowest(frame, cache: cache) {}
    }

    /// The lowest table above a frame, unless it is the root or maps something. True: it has gone.
    private mutating func pruneLowest(_ frame: GFN, cache: some TranslationCache) -> Bool {
        var (table, level, parent) = (root, format.rootLevel, MachineAddress(0))
        while level < 3 {
            let slot = slot(table, format.index(frame.rawValue, level: level))
            guard case .table(let next) = format.decode(load(slot), level: level) else { break }
            (table, level, parent) = (next, level + 1, slot)
        }
        guard table != root, isEmpty(table, from: format.index(frame.rawValue, level: level)) else { return false }
        store(0, parent)
        cache.entriesWritten()
        let size: UInt64 = 1 << format.frameShift(level - 1)
        cache.invalidate(GuestRange(start: GFN(alignedDown(frame.rawValue, to: size)), count: size))
        pool.give(table, frames)
        tableFrames -= 1
        return true
    }

    /// Whether a table maps nothing. Neighbours come first: of a table in use one is found soon.
    private func isEmpty(_ table: MFN, from start: UInt64) -> Bool {
        for offset in 0..<UInt64(512) where load(slot(table, (start + offset) & 511)) != 0 { return false }
        return true
    }
}
