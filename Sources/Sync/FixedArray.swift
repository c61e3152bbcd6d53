// SPDX-License-Identifier: Apache-2.0

import Builtin

/// `count` elements in place, each reached by borrow: for atomics and locks, which `InlineArray` cannot hold in the
/// image (the compiler fails to destroy an inline array of a type with a generic deinit in Embedded mode).
///
/// Elements are never destroyed: only for those whose end means nothing.
@_rawLayout(likeArrayOf: Element, count: count)
@safe public struct FixedArray<let count: Int, Element: ~Copyable>: ~Copyable {
    @inlinable @inline(__always) var start: UnsafeMutablePointer<Element> {
        // SAFETY: raw layout gives storage for `count` elements, which `init` filled.
        unsafe UnsafeMutablePointer<Element>(Builtin.addressOfRawLayout(self))
    }

    @inlinable public init(_ make: (Int) -> Element) {
        // SAFETY: the storage is new, nobody else has its address.
        for index in 0..<count { unsafe (start + index).initialize(to: make(index)) }
    }

    @inlinable public var indices: Range<Int> { 0..<count }

    @inlinable public subscript(index: Int) -> Element {
        @inline(__always) unsafeAddress {
            precondition(index >= 0 && index < count, "index outside a fixed array")
            // SAFETY: in bounds, and initialised for as long as the array lives.
            return unsafe UnsafePointer(start + index)
        }
    }
}

// SAFETY: gives borrowed access only.
extension FixedArray: @unchecked Sendable where Element: Sendable & ~Copyable {}
