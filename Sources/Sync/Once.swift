// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A value that boot sets once and everybody reads afterwards without a lock.
@safe public struct Once<Value: ~Copyable>: ~Copyable {
    @usableFromInline let cell: Cell<Value?>
    /// Beside the value, because to look whether an Optional is nil copies it.
    @usableFromInline let flag = Atomic<Bool>(false)

    @inlinable public init() { cell = Cell(nil) }

    /// Sets the value. Boot, on the boot CPU, before any reader exists.
    @inlinable public borrowing func set(_ value: consuming Value) {
        // SAFETY: by the contract above nobody else has access yet.
        unsafe cell.address.initialize(to: consume value)
        flag.store(true, ordering: .releasing)
    }

    @inlinable public var isSet: Bool { flag.load(ordering: .relaxed) }

    /// Where the value is, for a reference that boot hands out.
    @inlinable @unsafe public var address: UnsafeMutablePointer<Value> {
        precondition(isSet)
        // SAFETY: as in `value`.
        return unsafe UnsafeMutableRawPointer(cell.address).assumingMemoryBound(to: Value.self)
    }

    /// The value; reading it before it is set is a bug of the boot sequence.
    @inlinable public var value: Value {
        @inline(__always) unsafeAddress {
            // SAFETY: an Optional's payload lies at its start; `isSet` says that it is there.
            precondition(isSet)
            return unsafe UnsafeRawPointer(cell.address).assumingMemoryBound(to: Value.self)
        }
    }
}

// SAFETY: immutable once readers exist.
extension Once: @unchecked Sendable where Value: ~Copyable {}
