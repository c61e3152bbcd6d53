// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine

/// A few single frames at one pCPU's hand, all of one node: most allocations and frees take neither the heap's lock nor
/// walk its lists.
struct FastList: ~Copyable {
    /// Frame number times two, plus one where the frame holds somebody's old bytes.
    private var entries = FixedTable<UInt64, 32>(repeating: 0)
    private(set) var count = 0
    /// Of all the frames here; of no meaning while there are none.
    private(set) var node = NUMANode(0)

    static var capacity: Int { 32 }
    /// Frames that are fetched or given back at a time.
    static var batch: Int { capacity / 2 }

    var isFull: Bool { count == Self.capacity }

    /// Whether frames of `other` may be taken from here, or put here.
    func accepts(_ other: NUMANode) -> Bool { count == 0 || node == other }

    /// Not full, and of a node that it accepts.
    mutating func push(_ frame: MFN, dirty: Bool, node: NUMANode) {
        entries[count] = frame.rawValue << 1 | (dirty ? 1 : 0)
        count += 1
        self.node = node
    }

    /// Zeroes one dirty frame. False where none is left.
    mutating func scrub<Frames: FrameMemory>(_ memory: Frames) -> Bool {
        for index in 0..<count where entries[index] & 1 != 0 {
            let place = MFN(entries[index] >> 1).address
            memory.zero(place, count: pageSize)
            memory.cleanToMemory(place, count: pageSize)
            entries[index] &= ~1
            return true
        }
        return false
    }

    mutating func pop() -> (frame: MFN, dirty: Bool)? {
        guard count > 0 else { return nil }
        count -= 1
        let entry = entries[count]
        return (MFN(entry >> 1), entry & 1 != 0)
    }
}

extension FastList {
    /// Fetches up to `batch` frames of `wanted`, or of the node that has any where nil. Only while empty.
    mutating func refill<Frames: FrameMemory>(from heap: inout Heap<Frames>, node wanted: NUMANode?) {
        for _ in 0..<Self.batch {
            guard let block = heap.allocate(order: 0, node: wanted), let actual = heap.node(of: block.frame) else { return }
            guard accepts(actual) else { return heap.free(block.frame, order: 0, dirty: block.dirty) }
            push(block.frame, dirty: block.dirty, node: actual)
        }
    }

    /// Gives frames back until at most `left` are here.
    mutating func spill<Frames: FrameMemory>(to heap: inout Heap<Frames>, left: Int) {
        while count > left, let entry = pop() { heap.free(entry.frame, order: 0, dirty: entry.dirty) }
    }
}
