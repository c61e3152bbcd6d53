// SPDX-License-Identifier: Apache-2.0

import Base
public import Machine

/// Puts an object into frames of its own and returns a reference to it. Nil, with the object destroyed, where there are
/// no frames. The frames are never given back: the object lives as long as the hypervisor.
public func placeInFrames<Value: ~Copyable>(_ value: consuming Value, _ frames: some FrameSource) -> Ref<Value>? {
    let pages = (UInt64(MemoryLayout<Value>.size) + pageSize - 1) >> pageShift
    let order = pages <= 1 ? 0 : 64 - (pages - 1).leadingZeroBitCount
    guard let frame = frames.allocate(order: order, node: nil) else { return nil }
    // SAFETY: new frames, large enough and aligned to a frame, that nobody else knows of.
    let place = unsafe frames.pointer(to: frame.address).bindMemory(to: Value.self, capacity: 1)
    unsafe place.initialize(to: value)
    return unsafe Ref(unsafe: place)
}
