// SPDX-License-Identifier: Apache-2.0

public import Base
public import Machine

/// Frames for one object. Taken before the object is made, so that making it cannot fail any more. What is there stays as long
/// as the hypervisor, or until a `FrameBox(kept:in:)` takes it out.
@safe public struct FrameSlot<Value: ~Copyable>: ~Copyable {
    private let place: UnsafeMutablePointer<Value>
    /// The first of the frames.
    public let frame: MFN

    /// Nil where there are no frames.
    public init?(_ frames: some FrameSource) {
        guard let frame = frames.allocate(order: FrameBox<Value>.order, node: nil) else { return nil }
        self.frame = frame
        // SAFETY: new frames, large enough and aligned to a frame, that nobody else knows of.
        unsafe place = frames.pointer(to: frame.address).bindMemory(to: Value.self, capacity: 1)
    }

    /// Puts the object there.
    public consuming func fill(_ value: consuming Value) -> Ref<Value> {
        // SAFETY: ours, and empty so far.
        unsafe place.initialize(to: value)
        return unsafe Ref(unsafe: place)
    }

    /// Gives the frames back, with nothing in them.
    public consuming func giveBack(to frames: some FrameSource) { frames.free(frame, order: FrameBox<Value>.order) }
}
