// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
import Synchronization

/// A page table as its readers see it. They need no lock: every entry is one word. But a table that is taken out goes back to
/// the allocator once `TranslationCache.invalidate` has returned, so a reader is one of those whom that waits for: on the metal,
/// it reads in a copy window (`GuestMemory.beginCopy`), or under the lock of the table's owner.
public struct PageTableView<Format: EntryFormat, Frames: FrameMemory>: Sendable {
    let format: Format
    /// Machine frame of the first table.
    public let root: MFN
    let frames: Frames

    public init(format: Format, root: MFN, frames: Frames) {
        self.format = format
        self.root = root
        self.frames = frames
    }

    /// What `frame` is, and the order of the entry that says so. `.invalid` where nothing is mapped.
    public func lookup(_ frame: GFN) -> (frame: MFN, type: P2MType, order: Int) {
        guard frame.rawValue < format.capacity else { return (.invalid, .invalid, 0) }
        var level = format.rootLevel
        var shift = format.frameShift(level)
        var word = load(slot(root, frame.rawValue &>> shift))
        while case .table(let next) = format.decode(word, level: level), level < 3 {
            level &+= 1
            shift &-= 9
            word = load(slot(next, frame.rawValue &>> shift & 511))
        }
        let order = Int(truncatingIfNeeded: shift)
        guard case .leaf(let start, let type) = format.decode(word, level: level) else { return (.invalid, .invalid, order) }
        if start == .invalid { return (.invalid, type, order) }
        return (start + (frame.rawValue & (1 &<< shift &- 1)), type, order)
    }

    /// The table that `frame`'s entry of `level` is in; nil where there is none of that level.
    public func table(for frame: GFN, level: Int) -> MFN? {
        guard frame.rawValue < format.capacity else { return nil }
        var table = root
        for upper in format.rootLevel..<level {
            let word = load(slot(table, format.index(frame.rawValue, level: upper)))
            guard case .table(let next) = format.decode(word, level: upper) else { return nil }
            table = next
        }
        return table
    }

    @inline(__always) private func slot(_ table: MFN, _ index: UInt64) -> MachineAddress { table.address + index * 8 }
    @inline(__always) private func load(_ slot: MachineAddress) -> UInt64 {
        frames.atomic(UInt64.self, at: slot).pointee.load(ordering: .acquiring)
    }
}
