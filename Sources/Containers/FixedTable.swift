// SPDX-License-Identifier: Apache-2.0

import Builtin

/// `count` values at a fixed place. Unlike a field that is an `InlineArray`, which Swift 6.3 copies whole to read one element
/// of it, an access touches the element alone, or the part of it that is named.
@_rawLayout(likeArrayOf: Element, count: count)
@safe public struct FixedTable<Element: BitwiseCopyable & Sendable, let count: Int>: ~Copyable {
    public init(repeating element: Element) {
        // SAFETY: the storage is new, nobody else has its address.
        unsafe UnsafeMutablePointer<Element>(Builtin.addressOfRawLayout(self)).initialize(repeating: element, count: count)
    }

    public var indices: Range<Int> { 0..<count }

    /// Element `index`, below `count`.
    @inlinable public subscript(index: Int) -> Element {
        @inline(__always) unsafeAddress {
            precondition(index >= 0 && index < count)
            // SAFETY: inside the storage, which `init` filled; borrowed for as long as the address is used.
            return unsafe UnsafePointer(UnsafeMutablePointer<Element>(Builtin.addressOfRawLayout(self)) + index)
        }
        @inline(__always) unsafeMutableAddress {
            precondition(index >= 0 && index < count)
            // SAFETY: inside the storage, and the access excludes all others.
            return unsafe UnsafeMutablePointer<Element>(Builtin.addressOfRawLayout(self)) + index
        }
    }
}

// SAFETY: a plain value: shared only while nobody changes it.
extension FixedTable: @unchecked Sendable {}
