// SPDX-License-Identifier: Apache-2.0

import ArchCommon
public import Synchronization

/// A fair (ticket) lock of four bytes that owns its value: for tables with a lock in every entry. Beside the value is
/// one that everybody may use without the lock. Not recursive. At most 65,535 CPUs.
///
/// Its rank is a type's, and takes no room.
@safe public struct CompactLock<Rank: StaticRank, Shared: ~Copyable, Value: ~Copyable>: ~Copyable {
    @usableFromInline let next = Atomic<UInt16>(0)
    @usableFromInline let serving = Atomic<UInt16>(0)
    /// Not protected by the lock.
    public let shared: Shared
    @usableFromInline let cell: Cell<Value>

    @inlinable public init(shared: consuming Shared, _ value: consuming Value) {
        self.shared = shared
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
        let ticket = lock(second: second)
        defer { unlock(ticket) }
        // SAFETY: the ticket is ours until `unlock`, so nobody else has access.
        let value = unsafe cell.address
        return try unsafe body(&value.pointee)
    }

    @inlinable @inline(__always) borrowing func lock(second: Bool) -> UInt16 {
        #if LOCK_CHECKS
            HeldLocks.willTake(Rank.rank, second: second)
        #endif
        let ticket = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if serving.load(ordering: .acquiring) != ticket { wait(for: ticket) }
        return ticket
    }

    @inlinable @inline(__always) borrowing func unlock(_ ticket: UInt16) {
        #if LOCK_CHECKS
            HeldLocks.willRelease(Rank.rank)
        #endif
        // Only the holder writes `serving`.
        serving.store(ticket &+ 1, ordering: .releasing)
    }

    @inline(never) @usableFromInline borrowing func wait(for ticket: UInt16) {
        while serving.load(ordering: .acquiring) != ticket { cpu_relax() }
    }
}

// SAFETY: the value is reached only under the lock; `shared` is Sendable by itself.
extension CompactLock: @unchecked Sendable where Shared: Sendable & ~Copyable, Value: ~Copyable {}

/// Nothing: for a `CompactLock` without a shared part.
@frozen public struct Nothing: BitwiseCopyable, Sendable {
    @inlinable public init() {}
}
