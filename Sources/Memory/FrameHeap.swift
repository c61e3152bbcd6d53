// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
import Sync

/// The heap that everything allocates from: the buddy heap under its lock, with clean frames on delivery.
public struct FrameHeap<Frames: FrameMemory>: ~Copyable {
    public let memory: Frames
    /// Owners and references: atomic entries, no lock.
    public let table: Ref<FrameTable<Frames>>
    let heap: SpinLock<Heap<Frames>>

    public init(memory: Frames, table: Ref<FrameTable<Frames>>) {
        self.memory = memory
        self.table = table
        heap = SpinLock(Heap(table: table), rank: .frameAllocator)
    }

    /// Adds RAM that nobody uses.
    public func add(_ range: MachineRange) { heap.withLock { $0.add(range) } }

    /// 2^`order` zeroed frames.
    public func allocate(order: Int, node: NUMANode?) -> MFN? {
        guard let block = heap.withLock({ $0.allocate(order: order, node: node) }) else { return nil }
        if block.dirty { memory.zero(block.frame.address, count: pageSize << UInt64(order)) }
        return block.frame
    }

    /// 2^`order` frames with whatever is in them: for a domain that is trusted with the machine (dom0 at boot).
    public func allocateUncleared(order: Int, node: NUMANode?) -> MFN? {
        heap.withLock { $0.allocate(order: order, node: node)?.frame }
    }

    public func free(_ frame: MFN, order: Int) { heap.withLock { $0.free(frame, order: order) } }

    public var freeFrames: UInt64 { heap.withLock { $0.freeFrames } }
    public func freeFrames(on node: NUMANode) -> UInt64 { heap.withLock { $0.freeFrames(on: node) } }

    /// Zeroes one dirty block of at most 2^`order` frames. False where none is left.
    public func scrub(order: Int = 4) -> Bool {
        guard let block = heap.withLock({ $0.takeDirty(order: order) }) else { return false }
        memory.zero(block.frame.address, count: pageSize << UInt64(block.order))
        heap.withLock { $0.free(block.frame, order: block.order, dirty: false) }
        return true
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
    @inlinable @inline(__always) @unsafe public func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        unsafe memory.pointer(to: address)
    }
}
