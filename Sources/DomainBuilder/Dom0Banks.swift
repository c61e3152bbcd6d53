// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers

/// Which of the machine's RAM a direct-mapped dom0 gets: below 4 GiB first, where devices with 32-bit addresses can reach it, and
/// there and above in the largest pieces that there are, so that the kernel, its initrd and its pools for devices find room in one.
/// Small pieces of low memory, between what the loader left there, come only after what is above (Xen: allocate_memory_11).
public enum Dom0Banks {
    /// Frames from here on are out of the reach of 32 bits.
    static var lowEnd: UInt64 { (1 << 32) >> pageShift }
    /// Pieces begin at multiples of 2 MiB, where both paging and kernels want them; the rest is for small needs.
    static var block: UInt64 { 512 }
    /// 128 MiB, below which a piece is a small one.
    static var large: UInt64 { 128 << 8 }

    /// `frames` frames out of `free`, whose tags (nodes) are kept. Nil where there are not so many, or in more than 128 pieces.
    public static func choose(_ frames: UInt64, from free: RangeList<MachineSpace>) -> RangeList<MachineSpace>? {
        var (left, chosen, rest) = (free, RangeList<MachineSpace>(), frames)
        // Large and low, high, small and low, then what is between the blocks.
        let passes: InlineArray<5, (isLow: Bool, isAligned: Bool, least: UInt64)> = [
            (true, true, min(large, frames)), (false, true, block), (true, true, block), (true, false, 1), (false, false, 1),
        ]
        for index in passes.indices {
            let pass = passes[index]
            while rest > 0, let piece = largest(of: left, isLow: pass.isLow, isAligned: pass.isAligned),
                piece.range.count >= pass.least
            {
                let range = MachineRange(start: piece.range.start, count: min(piece.range.count, rest))
                chosen.insert(range, tag: piece.tag)
                left.remove(range)
                rest -= range.count
            }
        }
        return rest == 0 && chosen.dropped == 0 ? chosen : nil
    }

    private static func largest(
        of list: RangeList<MachineSpace>, isLow: Bool, isAligned: Bool
    ) -> (range: MachineRange, tag: UInt8)? {
        var best: (range: MachineRange, tag: UInt8)?
        for index in 0..<list.count {
            let (start, end) = (list[index].range.start.rawValue, list[index].range.end.rawValue)
            var (first, last) = isLow ? (start, min(end, lowEnd)) : (max(start, lowEnd), end)
            if isAligned { (first, last) = ((first + block - 1) & ~(block - 1), last & ~(block - 1)) }
            guard last > first, last - first > best?.range.count ?? 0 else { continue }
            best = (MachineRange(start: MFN(first), count: last - first), list[index].tag)
        }
        return best
    }
}
