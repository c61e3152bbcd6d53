// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
import Sync
import Synchronization

/// The heap that everything allocates from: the buddy heap under its lock, a list of single frames at each pCPU's hand,
/// clean frames on delivery.
public struct FrameHeap<Frames: FrameMemory>: ~Copyable {
    public let memory: Frames
    /// Owners and references: atomic entries, no lock.
    public let table: Ref<FrameTable<Frames>>
    let heap: SpinLock<Heap<Frames>>
    /// pCPUs share a list where there are more of them. A list that is being used by another is passed by.
    let lists = FixedArray<64, SpinLock<FastList>> { _ in SpinLock(FastList(), rank: .frameList) }
    /// Whether somebody cleans a node's memory.
    private let cleaners = FixedArray<64, Atomic<Bool>> { _ in Atomic(false) }
    /// The heap's, to be read without its lock.
    private let nodeCount = Atomic<Int>(0)

    /// 2^this many frames are zeroed between two looks for interrupts.
    public static var pieceOrder: Int { 6 }

    public init(memory: Frames, table: Ref<FrameTable<Frames>>) {
        self.memory = memory
        self.table = table
        heap = SpinLock(Heap(table: table), rank: .frameAllocator)
    }

    /// Adds RAM that nobody uses.
    public func add(_ range: MachineRange) {
        heap.withLock { heap in
            heap.add(range)
            nodeCount.store(heap.nodeCount, ordering: .relaxed)
        }
    }

    /// 2^`order` zeroed frames.
    public func allocate(order: Int, node: NUMANode?) -> MFN? {
        guard let block = take(order: order, on: NodeRequest(node), claimed: 0) else { return nil }
        if block.dirty { memory.zero(block.frame.address, count: pageSize << UInt64(order)) }
        return block.frame
    }

    /// 2^`order` frames with whatever is in them: for a domain that is trusted with the machine (dom0 at boot).
    public func allocateUncleared(order: Int, node: NUMANode?) -> MFN? { takeBlock(order: order, node: node)?.frame }

    public func free(_ frame: MFN, order: Int) {
        if table.pointee.owner(of: frame)?.use == .free { fatalError("a frame was freed twice") }
        if order == 0, putSingle(frame) { return }
        heap.withLock { $0.free(frame, order: order) }
    }

    /// A block, dirty or not, for somebody who has `claimed` of the frames set aside: they are not any more.
    func take(order: Int, on place: NodeRequest, claimed: UInt64) -> (frame: MFN, dirty: Bool)? {
        if order == 0 && claimed == 0 && !place.isExact { return takeSingle(node: place.node) }
        return takeBlock(order: order, node: place.node, isExact: place.isExact, claimed: claimed)
    }

    /// Sets frames aside. False where so many are not free.
    public func claim(_ frames: UInt64) -> Bool {
        if heap.withLock({ $0.claim(frames) }) { return true }
        spillLists()
        return heap.withLock { $0.claim(frames) }
    }

    /// Sets as many aside no more.
    public func giveBackClaim(_ frames: UInt64) { heap.withLock { $0.claimed -= frames } }

    public var freeFrames: UInt64 { heap.withLock { $0.freeFrames } + listed { _ in true } }
    public func freeFrames(on node: NUMANode) -> UInt64 {
        heap.withLock { $0.freeFrames(on: node) } + listed { $0 == node }
    }

    /// Zeroes one dirty block of at most 2^`order` frames, of `node` first, or a frame at the pCPU's hand. False where there is
    /// nothing to do, or others do it: a node has one cleaner at a time, so that CPUs with nothing to run neither wait for each
    /// other nor keep the heap's lock from those that work.
    public func scrub(order: Int = FrameHeap.pieceOrder, node: NUMANode = NUMANode(0)) -> Bool {
        let count = nodeCount.load(ordering: .relaxed)
        for offset in 0..<count where clean(order: order, node: (node.index + offset) % count) { return true }
        return lists[ownList].withLockIfFree { $0.scrub(memory) } ?? false
    }

    /// Zeroes a piece of what an allocation of 2^`order` frames would have to zero at one go. True where there is none: somebody who
    /// allocates a large block repeats this until then, and lets interrupts in meanwhile.
    public func isReady(order: Int, on place: NodeRequest) -> Bool {
        guard order > Self.pieceOrder else { return true }
        let dirty = heap.withLock { $0.nodeToClean(order: order, node: place.node, elsewhere: !place.isExact) }
        guard let dirty else { return true }
        return !cleanPiece(order: Self.pieceOrder, node: dirty)
    }

    /// False where the node is clean, or somebody cleans it.
    private func clean(order: Int, node: Int) -> Bool {
        let isCleaner = cleaners[node].compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        guard isCleaner else { return false }
        defer { cleaners[node].store(false, ordering: .releasing) }
        return cleanPiece(order: order, node: node)
    }

    private func cleanPiece(order: Int, node: Int) -> Bool {
        guard let block = heap.withLock({ $0.takeDirty(order: order, node: node) }) else { return false }
        memory.zero(block.frame.address, count: pageSize << UInt64(block.order))
        memory.cleanToMemory(block.frame.address, count: pageSize << UInt64(block.order))
        heap.withLock { $0.free(block.frame, order: block.order, dirty: false) }
        return true
    }
}

// MARK: Fast lists

extension FrameHeap {
    private var ownList: Int { memory.processorHint & 63 }

    private func takeSingle(node: NUMANode?) -> (frame: MFN, dirty: Bool)? {
        let taken = lists[ownList].withLockIfFree { list in
            if list.count == 0 { heap.withLock { list.refill(from: &$0, node: node) } }
            // Frames of another node serve only whoever asked for none.
            guard let node, !list.accepts(node) else { return list.pop() }
            return nil
        }
        if let taken, let entry = taken {
            table.pointee.markTaken(entry.frame)
            return entry
        }
        return takeBlock(order: 0, node: node)
    }

    /// A block from the heap itself, which gets back what the lists hold before it says no.
    private func takeBlock(
        order: Int, node: NUMANode?, isExact: Bool = false, claimed: UInt64 = 0
    ) -> (frame: MFN, dirty: Bool)? {
        if isExact, let node, heap.withLock({ node.index >= $0.nodeCount }) { return nil }
        let block = heap.withLock { $0.allocate(order: order, node: node, elsewhere: false, claimed: claimed) }
        if let block { return block }
        spillLists()
        return heap.withLock { $0.allocate(order: order, node: node, elsewhere: !isExact, claimed: claimed) }
    }

    private func spillLists() {
        for index in lists.indices {
            lists[index].withLock { list in
                if list.count > 0 { heap.withLock { list.spill(to: &$0, left: 0) } }
            }
        }
    }

    private func putSingle(_ frame: MFN) -> Bool {
        guard let node = table.pointee.node(of: frame) else { return false }
        return lists[ownList].withLockIfFree { list in
            guard list.accepts(node) else { return false }
            if list.isFull { heap.withLock { list.spill(to: &$0, left: FastList.batch) } }
            table.pointee.markFree(frame)
            list.push(frame, dirty: true, node: node)
            return true
        } ?? false
    }

    private func listed(_ isCounted: (NUMANode) -> Bool) -> UInt64 {
        var sum: UInt64 = 0
        for index in lists.indices {
            sum += lists[index].withLock { isCounted($0.node) ? UInt64($0.count) : 0 }
        }
        return sum
    }
}

/// `FrameHeap` as a value to pass down: the allocator and the memory in one.
public struct HeapFrames<Frames: FrameMemory>: FrameSource {
    @usableFromInline let heap: Ref<FrameHeap<Frames>>
    @usableFromInline let memory: Frames

    public init(_ heap: Ref<FrameHeap<Frames>>) {
        self.heap = heap
        memory = heap.pointee.memory
    }

    public func allocate(order: Int, node: NUMANode?) -> MFN? { heap.pointee.allocate(order: order, node: node) }
    public func free(_ frame: MFN, order: Int) { heap.pointee.free(frame, order: order) }
    public var processorHint: Int { memory.processorHint }
    @inlinable @inline(__always) @unsafe public func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        unsafe memory.pointer(to: address)
    }
}
