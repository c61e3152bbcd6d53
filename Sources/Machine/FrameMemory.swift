// SPDX-License-Identifier: Apache-2.0

public import Base

/// Where machine memory is to be found: the hypervisor's direct map, or a test's array.
///
/// Safe accessors (`load`, `store`, `setBits`, ...) are extensions in `Containers`; this is the one primitive under
/// them. A conformer is a small value that is copied freely.
public protocol FrameMemory: Sendable {
    /// The byte at `address`, which must lie in RAM (a frame that the frame table knows).
    @unsafe func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer
    /// A number that differs between most processors: which of several lists of free frames to use. Only speed depends on it.
    var processorHint: Int { get }
    /// Brings `count` bytes from `address` on from the caches to memory itself, where those see them who go by the caches, and has caches of
    /// instructions forget what was there. Nothing has to be done where guests cannot.
    func cleanToMemory(_ address: MachineAddress, count: UInt64)
}

extension FrameMemory {
    @inlinable public var processorHint: Int { 0 }
    @inlinable public func cleanToMemory(_ address: MachineAddress, count: UInt64) {}
}

/// A source of machine frames: the NUMA-aware heap, or a test's allocator that fails on command.
public protocol FrameAllocator: Sendable {
    /// 2^`order` frames, aligned to their size and filled with zeros, from `node` if it has any, else from another.
    /// Nil when there are none.
    func allocate(order: Int, node: NUMANode?) -> MFN?
    /// Gives back what `allocate` returned.
    func free(_ frame: MFN, order: Int)
}

extension FrameAllocator {
    /// One zeroed frame from anywhere.
    @inlinable public func allocate() -> MFN? { allocate(order: 0, node: nil) }
    @inlinable public func free(_ frame: MFN) { free(frame, order: 0) }
}

/// What page-table and slot-pool code needs: frames, and a view of them.
public typealias FrameSource = FrameAllocator & FrameMemory

/// Where frames are to be.
public struct NodeRequest: BitwiseCopyable, Sendable, Equatable {
    /// Nil for anywhere.
    public let node: NUMANode?
    /// Nowhere else, even if that node has none.
    public let isExact: Bool

    public init(_ node: NUMANode?, isExact: Bool = false) {
        self.node = node
        self.isExact = isExact && node != nil
    }

    public static var anywhere: Self { Self(nil) }
}
