// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A reference, or none, that is read and replaced in one piece. The contract of `Ref` holds for what is read.
@safe public struct AtomicRef<Value: ~Copyable>: ~Copyable {
    /// The referent's address; 0 for none.
    @usableFromInline let word = Atomic<UInt>(0)

    @inlinable public init() {}

    @inlinable @inline(__always) public func load() -> Ref<Value>? {
        // SAFETY: `store` put a reference's address here, and pairs with this.
        unsafe UnsafeMutablePointer<Value>(bitPattern: word.load(ordering: .acquiring)).map { unsafe Ref(unsafe: $0) }
    }

    @inlinable public func store(_ reference: Ref<Value>?) {
        word.store(reference.map { unsafe UInt(bitPattern: $0.unsafeAddress) } ?? 0, ordering: .releasing)
    }
}

// SAFETY: as `Ref`.
extension AtomicRef: @unchecked Sendable where Value: ~Copyable {}
