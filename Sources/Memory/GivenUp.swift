// SPDX-License-Identifier: Apache-2.0

public import Base

/// Frames that come back from domains.
extension FrameTable {
    /// Frames in a row that their domain gives up. What nobody holds of them goes to `free`, in as large blocks as it makes: each
    /// costs the heap a lock and a search for its neighbours. `held` is told the owner of each frame that somebody holds.
    public func giveUp(_ first: MFN, count: UInt64, free: (MFN, Int) -> Void, held: (DomainID) -> Void) {
        var done: UInt64 = 0
        for offset in 0..<count {
            guard case .held(let owner) = giveUp(first + offset) else { continue }
            freeRun(from: first + done, to: first + offset, free)
            done = offset + 1
            held(owner)
        }
        freeRun(from: first + done, to: first + count, free)
    }

    private func freeRun(from start: MFN, to end: MFN, _ free: (MFN, Int) -> Void) {
        var frame = start
        while frame < end {
            var order = 0
            while isBlock(frame, order: order + 1, before: end) { order += 1 }
            let count: UInt64 = 1 << UInt64(order)
            // The first speaks for the block once that is free, and the others must not go on saying that somebody waits for them.
            for offset in 1..<count { markFree(frame + offset) }
            free(frame, order)
            frame += count
        }
    }

    /// Whether the heap can take 2^`order` frames as one: aligned, of one node, and side by side in the table too.
    private func isBlock(_ frame: MFN, order: Int, before end: MFN) -> Bool {
        let count: UInt64 = 1 << UInt64(order)
        guard order <= maximumOrder, frame.rawValue & (count - 1) == 0, count <= end.rawValue - frame.rawValue,
            let first = index(of: frame), let last = index(of: frame + (count - 1))
        else { return false }
        return UInt64(last &- first) == count - 1 && node(of: frame) == node(of: frame + (count - 1))
    }
}
