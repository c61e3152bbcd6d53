// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine

/// A bit for each guest frame, in frames that are there only where a bit was ever set: three levels of 512 pointers over leaves
/// of 32768 bits. Not locked: whoever owns the page table owns this, and destroys it once.
struct DirtyBitmap<Frames: FrameSource> {
    private let frames: Frames
    private let root: MFN

    /// Frames that one leaf speaks for.
    static var leafFrames: UInt64 { 1 << 15 }
    /// Frames that the whole can speak for.
    static var capacity: UInt64 { leafFrames << 27 }

    /// Nothing is marked. Nil without memory.
    init?(_ frames: Frames) {
        guard let root = frames.allocate(order: 0, node: nil) else { return nil }
        (self.frames, self.root) = (frames, root)
    }

    /// Marks every frame of a range, and counts those that were not. False where there was no memory for some of them.
    func mark(_ range: GuestRange, counted: inout UInt64) -> Bool {
        var isWhole = true
        var frame = range.start.rawValue
        let end = min(range.end.rawValue, Self.capacity)
        while frame < end {
            let stop = min((frame | 63) + 1, end)
            let bits = (UInt64.max >> (64 - (stop - frame))) << (frame & 63)
            if let word = findOrMake(frame) {
                let old = frames.load(UInt64.self, at: word)
                counted &+= UInt64((bits & ~old).nonzeroBitCount)
                frames.store(old | bits, at: word)
            } else {
                isWhole = false
            }
            frame = stop
        }
        return isWhole && range.end.rawValue <= Self.capacity
    }

    /// The 64 bits from `frame` on, which is a multiple of 64.
    func bits(at frame: UInt64) -> UInt64 {
        guard let word = find(frame) else { return 0 }
        return frames.load(at: word)
    }

    /// As `bits(at:)`, and they are not marked any more.
    func take(at frame: UInt64) -> UInt64 {
        guard let word = find(frame) else { return 0 }
        let bits = frames.load(UInt64.self, at: word)
        if bits != 0 { frames.store(0 as UInt64, at: word) }
        return bits
    }

    /// Gives the frames back. The last use. (Swift 6.3 fails on one that consumes, where it is inlined.)
    func destroy() { destroy(root, depth: 0) }

    private func destroy(_ table: MFN, depth: Int) {
        if depth < 3 {
            for index in 0..<UInt64(512) {
                let next = frames.load(UInt64.self, at: table.address + index * 8)
                if next != 0 { destroy(MFN(next), depth: depth + 1) }
            }
        }
        frames.free(table, order: 0)
    }

    private func find(_ frame: UInt64) -> MachineAddress? {
        guard frame < Self.capacity else { return nil }
        var table = root
        for depth in 0..<3 {
            let next = frames.load(UInt64.self, at: slot(table, frame, depth))
            if next == 0 { return nil }
            table = MFN(next)
        }
        return place(table, frame)
    }

    private func findOrMake(_ frame: UInt64) -> MachineAddress? {
        var table = root
        for depth in 0..<3 {
            let slot = slot(table, frame, depth)
            var next = frames.load(UInt64.self, at: slot)
            if next == 0 {
                guard let new = frames.allocate(order: 0, node: nil) else { return nil }
                next = new.rawValue
                frames.store(next, at: slot)
            }
            table = MFN(next)
        }
        return place(table, frame)
    }

    private func slot(_ table: MFN, _ frame: UInt64, _ depth: Int) -> MachineAddress {
        table.address + (frame >> UInt64(33 - 9 * depth) & 511) * 8
    }

    private func place(_ leaf: MFN, _ frame: UInt64) -> MachineAddress { leaf.address + (frame >> 6 & 511) * 8 }
}
