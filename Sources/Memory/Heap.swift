// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
import Synchronization

/// Largest block of the heap: 2^18 frames, 1 GiB.
public let maximumOrder = 18

/// What is free on one node. Its free lists, one per order and cleanliness, are linked through the frame table by index.
struct NodeHeap: BitwiseCopyable, Sendable {
    /// Bit n: there is a clean (dirty) block of order n.
    var cleanOrders: UInt32 = 0
    var dirtyOrders: UInt32 = 0
    var freeFrames: UInt64 = 0
    /// No frame.
    static var none: UInt32 { .max }

    /// The smallest order from `order` on that has a block, and whether a dirty one has to do.
    func smallest(from order: Int) -> (order: Int, dirty: Bool)? {
        let (clean, dirty) = (cleanOrders >> UInt32(order), dirtyOrders >> UInt32(order))
        guard clean | dirty != 0 else { return nil }
        let found = (clean | dirty).trailingZeroBitCount
        return (order + found, clean >> UInt32(found) & 1 == 0)
    }
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
/// A dirty block holds somebody's old bytes. It is zeroed when it is allocated, or earlier while a CPU idles. Blocks merge
/// with buddies of the same bank and cleanliness. Whatever is free, every operation takes a number of steps that the
/// number of orders bounds.
public struct Heap<Frames: FrameMemory>: ~Copyable {
    let tableRef: Ref<FrameTable<Frames>>
    var nodes = FixedTable<NodeHeap, 64>(repeating: NodeHeap())
    /// First blocks of the free lists: by node, then clean and dirty, then order.
    private var heads = FixedTable<UInt32, 2432>(repeating: NodeHeap.none)
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

    @inline(__always) private static func list(_ order: Int, dirty: Bool, node: Int) -> Int {
        (node * 2 + (dirty ? 1 : 0)) * (maximumOrder + 1) + order
    }

    private mutating func setHead(_ index: UInt32, order: Int, dirty: Bool, node: Int) {
        heads[Self.list(order, dirty: dirty, node: node)] = index
        let bit: UInt32 = 1 << UInt32(order)
        switch (dirty, index == NodeHeap.none) {
        case (false, false): nodes[node].cleanOrders |= bit
        case (false, true): nodes[node].cleanOrders &= ~bit
        case (true, false): nodes[node].dirtyOrders |= bit
        case (true, true): nodes[node].dirtyOrders &= ~bit
        }
    }

    private mutating func push(_ index: UInt32, order: Int, dirty: Bool, node: Int) {
        let info = table.info(index)
        let head = heads[Self.list(order, dirty: dirty, node: node)]
        info.pointee.block.store(BlockWord(order: order, dirty: dirty).rawValue, ordering: .relaxed)
        info.pointee.next.store(head, ordering: .relaxed)
        info.pointee.previous.store(NodeHeap.none, ordering: .relaxed)
        if head != NodeHeap.none { table.info(head).pointee.previous.store(index, ordering: .relaxed) }
        setHead(index, order: order, dirty: dirty, node: node)
        nodes[node].freeFrames += 1 << UInt64(order)
    }

    private mutating func unlink(_ index: UInt32, node: Int) -> BlockWord {
        let info = table.info(index)
        let word = BlockWord(rawValue: info.pointee.block.load(ordering: .relaxed))
        let next = info.pointee.next.load(ordering: .relaxed)
        let previous = info.pointee.previous.load(ordering: .relaxed)
        if previous == NodeHeap.none {
            setHead(next, order: word.order, dirty: word.dirty, node: node)
        } else {
            table.info(previous).pointee.next.store(next, ordering: .relaxed)
        }
        if next != NodeHeap.none { table.info(next).pointee.previous.store(previous, ordering: .relaxed) }
        info.pointee.block.store(0, ordering: .relaxed)
        nodes[node].freeFrames -= 1 << UInt64(word.order)
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
        guard let (source, found) = source(order: order, node: node, elsewhere: elsewhere) else { return nil }
        return (cut(order: order, outOf: found.order, dirty: found.dirty, node: source), found.dirty)
    }

    /// Where `allocate` would hand out a dirty block; nil where a clean one, or none.
    func nodeToClean(order: Int, node: NUMANode?, elsewhere: Bool) -> Int? {
        guard let (source, found) = source(order: order, node: node, elsewhere: elsewhere) else { return nil }
        return found.dirty ? source : nil
    }

    /// The node and the list that a block is taken from.
    private func source(order: Int, node: NUMANode?, elsewhere: Bool) -> (node: Int, list: (order: Int, dirty: Bool))? {
        guard order <= maximumOrder else { return nil }
        if let node, node.index < nodeCount {
            if let list = nodes[node.index].smallest(from: order) { return (node.index, list) }
            guard elsewhere else { return nil }
        }
        for candidate in 0..<nodeCount where candidate != node?.index {
            if let list = nodes[candidate].smallest(from: order) { return (candidate, list) }
        }
        return nil
    }

    /// A block of `order` out of the first of a list that is not empty. The lower half is handed out; the upper halves go back,
    /// so that addresses grow upwards.
    private mutating func cut(order: Int, outOf size: Int, dirty: Bool, node: Int) -> MFN {
        let index = heads[Self.list(size, dirty: dirty, node: node)]
        _ = unlink(index, node: node)
        var size = size
        while size > order {
            size -= 1
            push(index + (1 << UInt32(size)), order: size, dirty: dirty, node: node)
        }
        let frame = table.frame(at: index)
        table.markTaken(frame)
        return frame
    }

    // MARK: Cleaning

    /// Takes one dirty block of at most 2^`order` frames off a node, for the caller to zero and free as clean. Small blocks come
    /// first: clean, they merge.
    public mutating func takeDirty(order: Int, node: Int) -> (frame: MFN, order: Int)? {
        guard node < nodeCount, nodes[node].dirtyOrders != 0 else { return nil }
        let size = nodes[node].dirtyOrders.trailingZeroBitCount
        let taken = min(order, size)
        return (cut(order: taken, outOf: size, dirty: true, node: node), taken)
    }
}
