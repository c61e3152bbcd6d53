// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine

/// Frames that a domain has for its entries on demand, and that stand nowhere in its memory yet. All zero but for the word that
/// links them.
struct OnDemandCache: ~Copyable {
    /// Frames of a large block, and log2 of that.
    static var largeFrames: UInt64 { 512 }
    static var largeOrder: UInt64 { 9 }

    private var large = MFN.invalid
    private var single = MFN.invalid
    /// What is left of a large block that single frames are taken from.
    private var open = MFN.invalid
    private var openCount: UInt64 = 0
    /// Frames in all.
    private(set) var count: UInt64 = 0

    mutating func add(_ frame: MFN, isLarge: Bool, _ frames: some FrameMemory) {
        if isLarge { Self.push(frame, &large, frames) } else { Self.push(frame, &single, frames) }
        count += isLarge ? Self.largeFrames : 1
    }

    /// A block of 512, aligned.
    mutating func takeLarge(_ frames: some FrameMemory) -> MFN? {
        guard let block = Self.pop(&large, frames) else { return nil }
        count -= Self.largeFrames
        return block
    }

    /// A single frame; a large block is broken only where there is no other.
    mutating func takeSingle(_ frames: some FrameMemory) -> MFN? {
        if let frame = Self.pop(&single, frames) {
            count -= 1
            return frame
        }
        if openCount == 0 {
            guard let block = Self.pop(&large, frames) else { return nil }
            (open, openCount) = (block, Self.largeFrames)
        }
        let frame = open
        open += 1
        openCount -= 1
        count -= 1
        return frame
    }

    private static func push(_ frame: MFN, _ list: inout MFN, _ frames: some FrameMemory) {
        frames.store(list.rawValue, at: frame.address)
        list = frame
    }

    private static func pop(_ list: inout MFN, _ frames: some FrameMemory) -> MFN? {
        guard list != .invalid else { return nil }
        let frame = list
        list = MFN(frames.load(UInt64.self, at: frame.address))
        frames.store(0 as UInt64, at: frame.address)
        return frame
    }
}
