// SPDX-License-Identifier: Apache-2.0

public import Base
public import Machine

/// The owner of one value in frames of its own. The value stays where it is, so references to it may be kept.
///
/// It is given back by `take` only; an owner that is dropped leaks its frames.
public struct FrameBox<Value: ~Copyable>: ~Copyable {
    /// The value. Valid until `take`.
    public let ref: Ref<Value>
    /// The first of its frames.
    public let frame: MFN
    let order: Int

    /// log2 of the frames that a value needs.
    static var order: Int {
        let frames = (MemoryLayout<Value>.stride + Int(pageSize) - 1) / Int(pageSize)
        return frames <= 1 ? 0 : Int.bitWidth - (frames - 1).leadingZeroBitCount
    }

    /// Puts what `make` returns into new frames, or returns nil where there are none; then `make` is not called.
    public init?<Frames: FrameSource>(in frames: Frames, node: NUMANode? = nil, _ make: () -> Value) {
        guard let frame = frames.allocate(order: Self.order, node: node) else { return nil }
        self.frame = frame
        order = Self.order
        // SAFETY: the frames are ours alone, aligned and big enough; they stay until `take`.
        let address = unsafe frames.pointer(to: frame.address).bindMemory(to: Value.self, capacity: 1)
        unsafe address.initialize(to: make())
        ref = unsafe Ref(unsafe: address)
    }

    /// Moves the value out and frees the frames. No reference to it may be in use any more.
    public consuming func take<Frames: FrameSource>(freeing frames: Frames) -> Value {
        // SAFETY: initialised by `init`; consuming self makes this the last use.
        let value = unsafe ref.unsafeAddress.move()
        frames.free(frame, order: order)
        return value
    }

    /// Leaves the value to whoever makes an owner of its reference and frame again.
    public consuming func keep() -> Ref<Value> { ref }

    /// The owner of a value that `keep` left: made once.
    public init(kept: Ref<Value>, in frame: MFN) {
        ref = kept
        self.frame = frame
        order = Self.order
    }
}
