// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
public import Machine
import Sync
public import XenABI

/// The memory map that a domain's builder wrote for it (Xen: d->arch.e820), in frames of its own.
public struct GuestMemoryMap: ~Copyable {
    private var first = MFN.invalid
    private var order = 0
    public private(set) var count = 0

    public init() {}

    private static var size: UInt64 { UInt64(E820Entry.size) }

    /// Room for `count` entries, not yet any map of a domain's. Nil without memory.
    public init?(count: Int, _ frames: some FrameSource) {
        let pages = (UInt64(count) * Self.size + pageSize - 1) / pageSize
        while 1 << UInt64(order) < pages { order += 1 }
        if count > 0 {
            guard let frame = frames.allocate(order: order, node: nil) else { return nil }
            first = frame
        }
        self.count = count
    }

    /// Entry `index`; nil past the last.
    public func entry(_ index: Int, _ frames: some FrameMemory) -> E820Entry? {
        guard index >= 0, index < count else { return nil }
        return frames.load(E820Entry.self, at: first.address + UInt64(index) * Self.size)
    }

    /// Writes entry `index`, for which there is room.
    public func set(_ index: Int, _ entry: E820Entry, _ frames: some FrameMemory) {
        guard index >= 0, index < count else { return }
        frames.store(entry, at: first.address + UInt64(index) * Self.size)
    }

    /// Gives the frames back.
    public consuming func destroy(_ frames: some FrameSource) {
        if first != .invalid { frames.free(first, order: order) }
    }
}

extension Domain {
    /// Replaces the domain's memory map.
    ///
    /// Xen: the end of XENMEM_set_memory_map
    public func setMemoryMap(_ map: consuming GuestMemoryMap, _ platform: P) {
        var new: GuestMemoryMap? = map
        let old = memoryMap.withLock { (current: inout GuestMemoryMap) in
            let old = consume current
            current = new.take() ?? GuestMemoryMap()
            return old
        }
        old.destroy(platform.frames)
    }
}
