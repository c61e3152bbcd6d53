// SPDX-License-Identifier: Apache-2.0

public import Base
public import Machine
public import Synchronization

/// Safe accessors over the one unsafe primitive of `FrameMemory`. Addresses lie in RAM by the caller's frame checks.
extension FrameMemory {
    /// One aligned access of `Value`'s width. Shared words are read exactly once.
    @inlinable @inline(__always)
    public func load<Value: BitwiseCopyable>(_ type: Value.Type = Value.self, at address: MachineAddress) -> Value {
        // SAFETY: `pointer(to:)` is RAM, and any bits are a Value.
        unsafe pointer(to: address).loadUnaligned(as: Value.self)
    }

    @inlinable @inline(__always)
    public func store<Value: BitwiseCopyable>(_ value: Value, at address: MachineAddress) {
        // SAFETY: `pointer(to:)` is RAM.
        unsafe pointer(to: address).storeBytes(of: value, as: Value.self)
    }

    /// Fills `count` bytes with zeros.
    @inlinable public func zero(_ address: MachineAddress, count: UInt64) {
        // SAFETY: `pointer(to:)` is RAM, the caller owns the bytes.
        unsafe pointer(to: address).initializeMemory(as: UInt8.self, repeating: 0, count: Int(count))
    }

    /// Copies `count` bytes between RAM and RAM that do not overlap.
    @inlinable public func copy(from source: MachineAddress, to target: MachineAddress, count: UInt64) {
        // SAFETY: both are RAM.
        unsafe pointer(to: target).copyMemory(from: pointer(to: source), byteCount: Int(count))
    }

    /// Copies bytes out of RAM.
    @inlinable public func copyOut(from source: MachineAddress, into bytes: inout MutableRawSpan) {
        unsafe bytes.withUnsafeMutableBytes {
            // SAFETY: the source is RAM; the span has its count.
            unsafe $0.baseAddress?.copyMemory(from: pointer(to: source), byteCount: $0.count)
        }
    }

    /// Copies bytes into RAM.
    @inlinable public func copyIn(_ bytes: borrowing RawSpan, to target: MachineAddress) {
        unsafe bytes.withUnsafeBytes {
            // SAFETY: the target is RAM; the span has its count.
            if let base = $0.baseAddress { unsafe pointer(to: target).copyMemory(from: base, byteCount: $0.count) }
        }
    }

    /// An aligned word as an atomic: the only way to touch words that a guest or another CPU writes at the same time.
    @inlinable @inline(__always)
    public func atomic<Word>(_ type: Word.Type = Word.self, at address: MachineAddress) -> Ref<Atomic<Word>>
    where Word: AtomicRepresentable {
        // SAFETY: RAM, aligned by the caller; any bits are a Word.
        unsafe Ref(unsafe: pointer(to: address).assumingMemoryBound(to: Atomic<Word>.self))
    }
}
