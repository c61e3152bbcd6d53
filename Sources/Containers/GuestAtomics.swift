// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// Read-modify-write of words that a guest writes at the same time. Each makes a bounded number of attempts, because
/// a guest that keeps storing to the word can make an exclusive store fail for ever (XSA-295). Nil means that it did;
/// no guest that keeps to the interface comes near the bound.
///
/// All are sequentially consistent: the event and grant protocols are of the kind "write mine, then read yours".
@inlinable public var guestAttempts: Int { 4096 }

extension Atomic where Value == UInt32 {
    /// Sets `bits`. Returns what the word was.
    @inlinable @inline(__always)
    public borrowing func setBits(_ bits: UInt32) -> UInt32? {
        let old = load(ordering: .relaxed)
        if tryReplace(old, by: old | bits) { return old }
        return update { $0 | bits }
    }

    /// Clears `bits`. Returns what the word was.
    @inlinable @inline(__always)
    public borrowing func clearBits(_ bits: UInt32) -> UInt32? {
        let old = load(ordering: .relaxed)
        if tryReplace(old, by: old & ~bits) { return old }
        return update { $0 & ~bits }
    }

    /// The first attempt, by itself: it nearly always succeeds.
    @inlinable @inline(__always)
    borrowing func tryReplace(_ old: UInt32, by new: UInt32) -> Bool {
        weakCompareExchange(expected: old, desired: new, ordering: .sequentiallyConsistent).exchanged
    }

    /// Replaces the word by `change` of it. Returns what it was.
    @inlinable @inline(never)
    public borrowing func update(attempts: Int = guestAttempts, _ change: (UInt32) -> UInt32) -> UInt32? {
        var old = load(ordering: .relaxed)
        for _ in 0..<attempts {
            let (exchanged, original) = weakCompareExchange(
                expected: old, desired: change(old), ordering: .sequentiallyConsistent)
            if exchanged { return original }
            old = original
        }
        return nil
    }
}

extension Atomic where Value == UInt16 {
    /// Replaces the word by `change` of it. Returns what it was.
    @inlinable @inline(__always)
    public borrowing func update(attempts: Int = guestAttempts, _ change: (UInt16) -> UInt16) -> UInt16? {
        var old = load(ordering: .relaxed)
        for _ in 0..<attempts {
            let (exchanged, original) = weakCompareExchange(
                expected: old, desired: change(old), ordering: .sequentiallyConsistent)
            if exchanged { return original }
            old = original
        }
        return nil
    }
}

extension Atomic where Value == UInt8 {
    /// Writes `value`. Returns what the byte was.
    @inlinable @inline(__always)
    public borrowing func replace(by value: UInt8) -> UInt8? {
        let old = load(ordering: .relaxed)
        let first = weakCompareExchange(expected: old, desired: value, ordering: .sequentiallyConsistent)
        return first.exchanged ? old : retryReplace(by: value)
    }

    @inlinable @inline(never)
    borrowing func retryReplace(by value: UInt8, attempts: Int = guestAttempts) -> UInt8? {
        var old = load(ordering: .relaxed)
        for _ in 0..<attempts {
            let (exchanged, original) = weakCompareExchange(
                expected: old, desired: value, ordering: .sequentiallyConsistent)
            if exchanged { return original }
            old = original
        }
        return nil
    }
}
