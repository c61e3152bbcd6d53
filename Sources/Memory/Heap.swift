// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
import Synchronization

/// Largest block of the heap: 2^18 frames, 1 GiB.
public let maximumOrder = 18

/// One node's buddy heap: a free list per order, linked through the frame table by index.
struct NodeHeap: BitwiseCopyable, Sendable {
    var heads = InlineArray<19, UInt32>(repeating: NodeHeap.none)
    var freeFrames: UInt64 = 0
    var dirtyFrames: UInt64 = 0
    static var none: UInt32 { .max }
}

/// Word in `FrameInfo.block` of a free block's first frame.
struct BlockWord: RawRepresentable {
    var rawValue: UInt32
    init(rawValue: UInt32) { self.rawValue = rawValue }
    init(order: Int, dirty: Bool) { rawValue = 1 << 31 | (dirty ? 1 << 30 : 0) | UInt32(order) }
    var isFree: Bool { rawValue >> 31 != 0 }
    var dirty: Bool { rawValue >> 30 & 1 != 0 }
    var order: Int { Int(rawValue & 0xff) }
}

/// The NUMA-aware buddy heap. Not locked: `FrameHeap` wraps it.
///
/// A dirty block holds somebody's old bytes. It is zeroed when it is allocated, or earlier by `scrubOne` while a CPU
/// idles. Blocks merge with buddies of the same bank and cleanliness.
public struct Heap<Frames: FrameMemory>: ~Copyable {
    let tableRef: Ref<FrameTable<Frames>>
    var nodes = FixedTable<NodeHeap, 64>(repeating: NodeHeap())
    public private(set) var nodeCount = 0
    /// Frames that are set aside for domains (Xen: outstanding_claims). Allocations leave so many free.
    public var claimed: UInt64 = 0

    public init(table: Ref<FrameTable<Frames>>) { tableRef = table }

    private var table: FrameTable<Frames> { @inline(__always) _read { yield tableRef.pointee } }

    public var freeFrames: UInt64 {
        var sum: UInt64 = 0
        for node in 0..<nodeCount { sum += nodes[node].freeFrames }
        return sum
    }

    func node(of frame: MFN) -> NUMANode? { table.node(of: frame) }

    /// Sets frames aside. False where so many are not free, or set aside already.
    public mutating func claim(_ frames: UInt64) -> Bool {
        let free = freeFrames
        guard claimed <= free, frames <= free - claimed else { return false }
        claimed += frames
        return true
    }

    public func freeFrames(on node: NUMANode) -> UInt64 { node.index < nodeCount ? nodes[node.index].freeFrames : 0 }

    // MARK: Free lists

    private mutating func push(_ index: UInt32, order: Int, dirty: Bool, node: Int) {
        let info = table.info(index)
        let head = nodes[node].heads[order]
        info.pointee.block.store(BlockWord(order: order, dirty: dirty).rawValue, ordering: .relaxed)
        info.pointee.next.store(head, ordering: .relaxed)
        info.pointee.previous.store(NodeHeap.none, ordering: .relaxed)
        if head != NodeHeap.none { table.info(head).pointee.previous.store(index, ordering: .relaxed) }
        nodes[node].heads[order] = index
        nodes[node].freeFrames += 1 << UInt64(order)
        if dirty { nodes[node].dirtyFrames += 1 << UInt64(order) }
    }

    private mutating func unlink(_ index: UInt32, node: Int) -> BlockWord {
        let info = table.info(index)
        let word = BlockWord(rawValue: info.pointee.block.load(ordering: .relaxed))
        let next = info.pointee.next.load(ordering: .relaxed)
        let previous = info.pointee.previous.load(ordering: .relaxed)
        if previous == NodeHeap.none {
            nodes[node].heads[word.order] = next
        } else {
            table.info(previous).pointee.next.store(next, ordering: .relaxed)
        }
        if next != NodeHeap.none { table.info(next).pointee.previous.store(previous, ordering: .relaxed) }
        info.pointee.block.store(0, ordering: .relaxed)
        nodes[node].freeFrames -= 1 << UInt64(word.order)
        if word.dirty { nodes[node].dirtyFrames -= 1 << UInt64(word.order) }
        return word
    }

    // MARK: Giving and taking

    /// Adds RAM that nobody uses, in the largest aligned blocks. Bytes are taken to be dirty.
    public mutating func add(_ range: MachineRange) {
        guard let node = table.node(of: range.start) else { return }
        nodeCount = max(nodeCount, node.index + 1)
        var frame = range.start
        while frame < range.end {
            var order = min(maximumOrder, frame.rawValue.trailingZeroBitCount)
            while 1 << UInt64(order) > range.end.rawValue - frame.rawValue { order -= 1 }
            free(frame, order: order, dirty: true)
            frame += 1 << UInt64(order)
        }
    }

    /// Gives 2^`order` frames back, merging with free buddies.
    public mutating func free(_ frame: MFN, order: Int, dirty: Bool = true) {
        guard let node = table.node(of: frame)?.index else { return }
        var frame = frame
        var order = order
        table.markFree(frame)
        while order < maximumOrder {
            let buddy = MFN(frame.rawValue ^ (1 << UInt64(order)))
            guard let index = table.index(of: buddy), table.node(of: buddy)?.index == node else { break }
            let word = BlockWord(rawValue: table.info(index).pointee.block.load(ordering: .relaxed))
            // A clean block that merged with a dirty one would have to be scrubbed again, for ever.
            guard word.isFree, word.order == order, word.dirty == dirty, sameBank(frame, buddy) else { break }
            _ = unlink(index, node: node)
            frame = min(frame, buddy)
            order += 1
        }
        if let index = table.index(of: frame) { push(index, order: order, dirty: dirty, node: node) }
    }

    private func sameBank(_ a: MFN, _ b: MFN) -> Bool {
        guard let first = table.index(of: a), let second = table.index(of: b) else { return false }
        return UInt64(second &- first) == b.rawValue &- a.rawValue || UInt64(first &- second) == a.rawValue &- b.rawValue
    }

    /// A block of 2^`order` frames of `node`, or of any where nil or, with `elsewhere`, where that node has none. Says
    /// whether it is dirty. The caller has `claimed` frames set aside, which are used up; those of others are left free.
    public mutating func allocate(
        order: Int, node: NUMANode?, elsewhere: Bool = true, claimed used: UInt64 = 0
    ) -> (frame: MFN, dirty: Bool)? {
        if claimed > used && freeFrames < claimed - used + 1 << UInt64(order) { return nil }
        guard let block = find(order: order, node: node, elsewhere: elsewhere) else { return nil }
        claimed -= used
        return block
    }

    private mutating func find(order: Int, node: NUMANode?, elsewhere: Bool) -> (frame: MFN, dirty: Bool)? {
        if let node, node.index < nodeCount {
            if let block = take(order: order, node: node.index) { return block }
            guard elsewhere else { return nil }
        }
        for candidate in 0..<nodeCount where candidate != node?.index {
            if let block = take(order: order, node: candidate) { return block }
        }
        return nil
    }

    private mutating func take(order: Int, node: Int) -> (frame: MFN, dirty: Bool)? {
        guard order <= maximumOrder else { return nil }
        var found = order
        while nodes[node].heads[found] == NodeHeap.none {
            found += 1
            if found > maximumOrder { return nil }
        }
        let index = nodes[node].heads[found]
        let word = unlink(index, node: node)
        // The lower half is handed out; the upper halves go back, so that addresses grow upwards.
        while found > order {
            found -= 1
            push(index + (1 << UInt32(found)), order: found, dirty: word.dirty, node: node)
        }
        let frame = table.frame(at: index)
        table.markTaken(frame)
        return (frame, word.dirty)
    }

    // MARK: Scrubbing

    /// Takes one dirty block of at most 2^`order` frames off the heap, for the caller to zero and free as clean.
    public mutating func takeDirty(order: Int) -> (frame: MFN, order: Int)? {
        for node in 0..<nodeCount where nodes[node].dirtyFrames > 0 {
            for size in 0...maximumOrder {
                var index = nodes[node].heads[size]
                while index != NodeHeap.none {
                    let info = table.info(index)
                    if BlockWord(rawValue: info.pointee.block.load(ordering: .relaxed)).dirty {
                        return takeDirty(block: index, size: size, order: order, node: node)
                    }
                    index = info.pointee.next.load(ordering: .relaxed)
                }
            }
        }
        return nil
    }

    private mutating func takeDirty(block index: UInt32, size: Int, order: Int, node: Int) -> (frame: MFN, order: Int) {
        _ = unlink(index, node: node)
        var size = size
        while size > order {
            size -= 1
            push(index + (1 << UInt32(size)), order: size, dirty: true, node: node)
        }
        return (table.frame(at: index), size)
    }
}
