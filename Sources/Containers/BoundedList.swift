// SPDX-License-Identifier: Apache-2.0

import Builtin

/// Up to `capacity` values in place. Costs nothing to make, however large: an element is written when it is appended.
public struct BoundedList<Element: BitwiseCopyable & Sendable, let capacity: Int>: ~Copyable {
    private var storage = RawStorage<Element, capacity>()
    public private(set) var count = 0

    public init() {}

    /// False, with nothing changed, where the list is full.
    public mutating func append(_ element: Element) -> Bool {
        guard count < capacity else { return false }
        // SAFETY: inside the storage, and this access excludes all others.
        unsafe (storage.start + count).initialize(to: element)
        count += 1
        return true
    }

    /// Element `index`, below `count`.
    public subscript(index: Int) -> Element {
        precondition(index >= 0 && index < count)
        // SAFETY: `append` has written it.
        return unsafe storage.start[index]
    }

    /// The elements, as long as the list stays as it is.
    public var span: Span<Element> {
        @_lifetime(borrow self) get {
            // SAFETY: `append` has written the first `count`; the span borrows the list, whose storage does not move meanwhile.
            let span = unsafe Span(_unsafeStart: UnsafePointer(storage.start), count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
}

/// Room for `capacity` values.
@_rawLayout(likeArrayOf: Element, count: capacity)
@safe struct RawStorage<Element: BitwiseCopyable & Sendable, let capacity: Int>: ~Copyable {
    @inline(__always) var start: UnsafeMutablePointer<Element> {
        // SAFETY: raw layout gives storage for `capacity` elements.
        unsafe UnsafeMutablePointer<Element>(Builtin.addressOfRawLayout(self))
    }
}

// SAFETY: a plain value: shared only while nobody changes it.
extension RawStorage: @unchecked Sendable {}
