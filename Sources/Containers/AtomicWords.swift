// SPDX-License-Identifier: Apache-2.0

import Builtin
public import Synchronization

/// `count` atomic words, zero at first. (An `InlineArray` of `Atomic` cannot be destroyed by Embedded Swift 6.3: the
/// compiler stops at `Atomic`'s generic deinit.)
@_rawLayout(likeArrayOf: Word, count: count)
@safe public struct AtomicWords<Word: AtomicRepresentable & FixedWidthInteger & Sendable, let count: Int>: ~Copyable {
    public init() {
        // SAFETY: the storage is new, nobody else has its address.
        unsafe UnsafeMutablePointer<Word>(Builtin.addressOfRawLayout(self)).initialize(repeating: 0, count: count)
    }

    public var indices: Range<Int> { 0..<count }

    /// Word `index`, below `count`.
    public subscript(index: Int) -> Ref<Atomic<Word>> {
        precondition(index >= 0 && index < count)
        // SAFETY: inside the storage; an Atomic<Word> is laid out as its word.
        return unsafe Ref(
            unsafe: UnsafeMutableRawPointer(Builtin.addressOfRawLayout(self)).assumingMemoryBound(to: Atomic<Word>.self)
                + index)
    }
}

// SAFETY: every access is atomic.
extension AtomicWords: @unchecked Sendable {}
