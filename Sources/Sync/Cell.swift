// SPDX-License-Identifier: Apache-2.0

import Builtin

/// Storage for one value inside a borrowed owner: the one place where exclusive access is handed out by somebody
/// other than the compiler. Only `SpinLock`, `Once` and the per-CPU code build on it.
@_rawLayout(like: Value, movesAsLike)
@frozen public struct Cell<Value: ~Copyable>: ~Copyable {
    /// The storage. SAFETY: the caller has the only access for as long as it uses the pointer.
    @inlinable @inline(__always)
    @unsafe public var address: UnsafeMutablePointer<Value> {
        // SAFETY: raw layout `like: Value` gives storage of Value's size and alignment that `init` filled.
        unsafe UnsafeMutablePointer<Value>(Builtin.addressOfRawLayout(self))
    }

    @inlinable public init(_ value: consuming Value) {
        // SAFETY: the storage is new, nobody else has its address.
        unsafe address.initialize(to: value)
    }

    @inlinable deinit {
        // SAFETY: the owner is being consumed, so no access is under way.
        unsafe address.deinitialize(count: 1)
    }
}

// SAFETY: a Cell hands out addresses only by `unsafe`; who uses them promises exclusion.
extension Cell: @unchecked @unsafe Sendable where Value: ~Copyable {}
