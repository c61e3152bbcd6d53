// SPDX-License-Identifier: Apache-2.0

import Base
public import Machine

/// Frames for one object, which lives there as long as the hypervisor. Taken before the object is made, so that making
/// it cannot fail any more.
@safe public struct FrameSlot<Value: ~Copyable>: ~Copyable {
    private let place: UnsafeMutablePointer<Value>

    /// Nil where there are no frames.
    public init?(_ frames: some FrameSource) {
        let pages = (UInt64(MemoryLayout<Value>.size) + pageSize - 1) >> pageShift
        let order = pages <= 1 ? 0 : 64 - (pages - 1).leadingZeroBitCount
        guard let frame = frames.allocate(order: order, node: nil) else { return nil }
        // SAFETY: new frames, large enough and aligned to a frame, that nobody else knows of.
        unsafe place = frames.pointer(to: frame.address).bindMemory(to: Value.self, capacity: 1)
    }

    /// Puts the object there.
    public consuming func fill(_ value: consuming Value) -> Ref<Value> {
        // SAFETY: ours, and empty so far.
        unsafe place.initialize(to: value)
        return unsafe Ref(unsafe: place)
    }
}
