// SPDX-License-Identifier: Apache-2.0

public import Base
public import Machine
public import Sync
public import Synchronization

/// A table of elements in frames, which grows at its end and never moves an element: one frame per leaf, found through
/// one frame of 512 leaf addresses, of which there are at most four.
///
/// Growing excludes itself (the caller's lock); looking up needs no lock. Freed by `destroy` only.
public struct PagedTable<Element: ~Copyable>: ~Copyable {
    /// Elements that may be looked up; published after they are initialised.
    @usableFromInline let published = Atomic<UInt32>(0)
    /// Machine addresses of the frames of leaf addresses; 0 for none.
    @usableFromInline let directories = FixedArray<4, Atomic<UInt64>> { _ in Atomic(0) }

    public init() {}

    /// log2 of the elements in a leaf.
    @inlinable static var leafShift: UInt32 {
        let size = UInt32(truncatingIfNeeded: MemoryLayout<Element>.stride)
        return UInt32(pageShift) - (32 - UInt32((size - 1).leadingZeroBitCount))
    }
    /// Elements in a leaf: a power of two.
    @inlinable public static var elementsPerLeaf: UInt32 { 1 << leafShift }
    /// The most that a table holds.
    @inlinable public static var capacity: UInt32 { 4 * 512 * elementsPerLeaf }

    /// Elements that there are.
    @inlinable public var count: UInt32 { published.load(ordering: .acquiring) }

    /// Element `index`, or nil where there is none.
    @inlinable @inline(__always)
    public func element<Memory: FrameMemory>(_ index: UInt32, in memory: Memory) -> Ref<Element>? {
        // Pairs with the release in `grow`: who sees the count sees the leaf.
        guard index < published.load(ordering: .acquiring) else { return nil }
        return address(of: index, in: memory)
    }

    @inlinable @inline(__always)
    func address<Memory: FrameMemory>(of index: UInt32, in memory: Memory) -> Ref<Element> {
        let leaf = index >> Self.leafShift
        let directory = MachineAddress(directories[Int(leaf >> 9) & 3].load(ordering: .relaxed))
        let start = memory.load(MachineAddress.self, at: directory + UInt64(leaf & 511) &* 8)
        let offset = UInt64(index & (Self.elementsPerLeaf &- 1)) &* UInt64(MemoryLayout<Element>.stride)
        // SAFETY: `grow` filled the leaf with elements, and only `destroy` takes it away.
        return unsafe Ref(unsafe: memory.pointer(to: start + offset).assumingMemoryBound(to: Element.self))
    }

    /// Adds elements up to `target` in all. False, with the table as it was, where it cannot hold them or there are no
    /// frames (a frame that it did get is kept for the next time).
    public func grow<Frames: FrameSource>(to target: UInt32, in frames: Frames, _ make: (UInt32) -> Element) -> Bool {
        guard target <= Self.capacity else { return false }
        let start = published.load(ordering: .relaxed)
        guard start < target else { return true }
        for leaf in start >> Self.leafShift...(target - 1) >> Self.leafShift {
            guard addLeaf(leaf, in: frames) else { return false }
        }
        for index in start..<target {
            // SAFETY: the leaf is there and this slot of it is not initialised yet.
            unsafe address(of: index, in: frames).unsafeAddress.initialize(to: make(index))
        }
        published.store(target, ordering: .releasing)
        return true
    }

    private func addLeaf<Frames: FrameSource>(_ leaf: UInt32, in frames: Frames) -> Bool {
        let directory = directories[Int(leaf >> 9) & 3].load(ordering: .relaxed)
        let start: MachineAddress
        if directory != 0 {
            start = MachineAddress(directory)
        } else {
            guard let frame = frames.allocate() else { return false }
            start = frame.address
            directories[Int(leaf >> 9) & 3].store(start.rawValue, ordering: .relaxed)
        }
        let slot = start + UInt64(leaf & 511) * 8
        if frames.load(UInt64.self, at: slot) != 0 { return true }
        guard let frame = frames.allocate() else { return false }
        frames.store(frame.address, at: slot)
        return true
    }

    /// Frees every frame. Elements are forgotten, not destroyed: they must own nothing besides their own bytes. No reference
    /// to an element may be in use any more.
    public consuming func destroy<Frames: FrameSource>(in frames: Frames) {
        for number in directories.indices {
            let directory = MachineAddress(directories[number].load(ordering: .relaxed))
            if directory.rawValue == 0 { continue }
            for slot in 0..<UInt64(512) {
                let leaf = frames.load(MachineAddress.self, at: directory + slot * 8)
                if leaf.rawValue != 0 { frames.free(leaf.frame) }
            }
            frames.free(directory.frame)
        }
    }
}
