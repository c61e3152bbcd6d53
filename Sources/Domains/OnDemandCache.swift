// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine

/// Frames that a domain has for its entries on demand, and that stand nowhere in its memory yet. All zero, but for those that
/// it had before: to clean many of them at once would take too long. Which ones they are stands in frames of the hypervisor's,
/// not in themselves: whoever could still write to one would choose what is mapped next.
struct OnDemandCache: ~Copyable {
    /// Frames of a large block, and log2 of that.
    static var largeFrames: UInt64 { 512 }
    static var largeOrder: UInt64 { 9 }

    private var large = FrameStack()
    private var single = FrameStack()
    private var used = FrameStack()
    /// What is left of a large block that single frames are taken from.
    private var open = MFN.invalid
    private var openCount: UInt64 = 0
    /// Frames in all.
    private(set) var count: UInt64 = 0

    /// False where there is no memory to note it in.
    mutating func add(_ frame: MFN, isLarge: Bool, _ frames: some FrameSource) -> Bool {
        guard isLarge ? large.push(frame, frames) : single.push(frame, frames) else { return false }
        count += isLarge ? Self.largeFrames : 1
        return true
    }

    /// Adds a single frame with whatever is in it. False where there is no memory to note it in.
    mutating func addUsed(_ frame: MFN, _ frames: some FrameSource) -> Bool {
        guard used.push(frame, frames) else { return false }
        count += 1
        return true
    }

    /// A block of 512, aligned.
    mutating func takeLarge(_ frames: some FrameSource) -> MFN? {
        guard let block = large.pop(frames) else { return nil }
        count -= Self.largeFrames
        return block
    }

    /// A single frame, and whether something is in it; a large block is broken only where there is no other.
    mutating func takeSingle(_ frames: some FrameSource) -> (frame: MFN, isUsed: Bool)? {
        if let frame = single.pop(frames) {
            count -= 1
            return (frame, false)
        }
        if let frame = used.pop(frames) {
            count -= 1
            return (frame, true)
        }
        if openCount == 0 {
            guard let block = large.pop(frames) else { return nil }
            (open, openCount) = (block, Self.largeFrames)
        }
        let frame = open
        open += 1
        openCount -= 1
        count -= 1
        return (frame, false)
    }
}

/// Frame numbers, the last one first, in pages of the hypervisor's.
struct FrameStack: ~Copyable {
    /// The page at the top, which has one number at least: its first word is the page below, or `MFN.invalid`.
    private var page = MFN.invalid
    /// Numbers in it.
    private var used: UInt64 = 0
    private static var numbersPerPage: UInt64 { pageSize / 8 - 1 }

    /// False without memory for another page.
    mutating func push(_ frame: MFN, _ frames: some FrameSource) -> Bool {
        if page == .invalid || used == Self.numbersPerPage {
            guard let next = frames.allocate(order: 0, node: nil) else { return false }
            frames.store(page.rawValue, at: next.address)
            (page, used) = (next, 0)
        }
        used += 1
        frames.store(frame.rawValue, at: page.address + used * 8)
        return true
    }

    mutating func pop(_ frames: some FrameSource) -> MFN? {
        guard page != .invalid else { return nil }
        let frame = MFN(frames.load(UInt64.self, at: page.address + used * 8))
        used -= 1
        if used == 0 {
            let below = MFN(frames.load(UInt64.self, at: page.address))
            frames.free(page, order: 0)
            (page, used) = (below, below == .invalid ? 0 : Self.numbersPerPage)
        }
        return frame
    }
}
