// SPDX-License-Identifier: Apache-2.0

import ArchCommon
public import Synchronization

/// A fair (ticket) lock that owns its value. Not recursive.
@safe public struct SpinLock<Value: ~Copyable>: ~Copyable {
    @usableFromInline let next = Atomic<UInt32>(0)
    @usableFromInline let serving = Atomic<UInt32>(0)
    public let rank: LockRank
    @usableFromInline let cell: Cell<Value>

    @inlinable public init(_ value: consuming Value, rank: LockRank) {
        self.rank = rank
        cell = Cell(value)
    }

    /// Runs `body` with exclusive access to the value. Spins while another CPU is inside.
    @inlinable @inline(__always)
    public borrowing func withLock<R: ~Copyable, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        try hold(second: false, body)
    }

    /// As `withLock`, for the later of two locks of one rank. Who takes it says in which order.
    @inlinable @inline(__always)
    public borrowing func withSecondLock<R: ~Copyable, E: Error>(
        _ body: (inout Value) throws(E) -> R
    ) throws(E) -> R {
        try hold(second: true, body)
    }

    @inlinable @inline(__always)
    borrowing func hold<R: ~Copyable, E: Error>(second: Bool, _ body: (inout Value) throws(E) -> R) throws(E) -> R {
        lock(second: second)
        defer { unlock() }
        // SAFETY: the ticket is ours until `unlock`, so nobody else has access.
        let value = unsafe cell.address
        return try unsafe body(&value.pointee)
    }

    /// As `withLock`, but nil at once where somebody else is inside.
    @inlinable @inline(__always)
    public borrowing func withLockIfFree<R: ~Copyable>(_ body: (inout Value) -> R) -> R? {
        // Acquires what the last holder released: that is in `serving`, not in `next`.
        let current = serving.load(ordering: .acquiring)
        guard next.compareExchange(expected: current, desired: current &+ 1, ordering: .acquiring).exchanged else {
            return nil
        }
        #if LOCK_CHECKS
            HeldLocks.didTake(rank)
        #endif
        defer { unlock() }
        // SAFETY: the ticket is ours until `unlock`.
        let value = unsafe cell.address
        return unsafe body(&value.pointee)
    }

    /// Runs `body` whoever holds the lock. SAFETY: for a dying hypervisor's last words only.
    @unsafe public borrowing func withLockStolen(_ body: (inout Value) -> Void) {
        unsafe body(&cell.address.pointee)
    }

    @inlinable @inline(__always) borrowing func lock(second: Bool) {
        #if LOCK_CHECKS
            HeldLocks.willTake(rank, second: second)
        #endif
        let ticket = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if serving.load(ordering: .acquiring) != ticket { wait(for: ticket) }
    }

    @inline(never) @usableFromInline borrowing func wait(for ticket: UInt32) {
        while serving.load(ordering: .acquiring) != ticket { cpu_relax() }
    }

    @inlinable @inline(__always) borrowing func unlock() {
        #if LOCK_CHECKS
            HeldLocks.willRelease(rank)
        #endif
        // Only the holder writes `serving`, so a plain increment published with release is enough.
        serving.store(serving.load(ordering: .relaxed) &+ 1, ordering: .releasing)
    }
}

// SAFETY: the value is reached only under the lock.
extension SpinLock: @unchecked Sendable where Value: ~Copyable {}
