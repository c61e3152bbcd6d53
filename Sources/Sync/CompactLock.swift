// SPDX-License-Identifier: Apache-2.0

import ArchCommon
public import Synchronization

/// A fair (ticket) lock of four bytes that owns its value: for tables with a lock in every entry. Beside the value is
/// one that everybody may use without the lock. Not recursive. At most 65,535 CPUs.
///
/// It carries no rank; its user says where it stands.
@safe public struct CompactLock<Shared: ~Copyable, Value: ~Copyable>: ~Copyable {
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
        let ticket = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if serving.load(ordering: .acquiring) != ticket { wait(for: ticket) }
        // Only the holder writes `serving`.
        defer { serving.store(ticket &+ 1, ordering: .releasing) }
        // SAFETY: the ticket is ours until `serving` moves on, so nobody else has access.
        let value = unsafe cell.address
        return try unsafe body(&value.pointee)
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
