// SPDX-License-Identifier: Apache-2.0

/// Locks that own their data. The hypervisor runs with interrupts masked everywhere but in the idle loop and in
/// guests (docs/decisions/0002-interrupts-masked.md), so a lock needs no interrupt-saving variant.
///
/// Ranks: a CPU takes locks in ascending `LockRank`; two locks of one rank in ascending domain id.

/// The order in which locks may be taken, lowest first. `boot`: what the boot CPU works on alone, all the time.
public enum LockRank: UInt8, Sendable {
    case boot, domainTable, domain, eventChannel, port, eventQueue, grantTable, grant, p2m, onDemand, copyWindow
    case frameList, frameAllocator, scheduler, timer, interruptController, console
}

/// A rank as a type, for locks that are too many to carry one each.
public protocol StaticRank {
    static var rank: LockRank { get }
}

/// An event channel's port. Two of them with both domains' `eventChannel` locks held.
public enum PortRank: StaticRank {
    @inlinable public static var rank: LockRank { .port }
}

/// A FIFO queue of a vCPU's. Two of them in the order of their numbers.
public enum EventQueueRank: StaticRank {
    @inlinable public static var rank: LockRank { .eventQueue }
}

/// A grant that is in use. Two of one table in the order of their references.
public enum GrantRank: StaticRank {
    @inlinable public static var rank: LockRank { .grant }
}

/// Waiting for what other CPUs do, seen as a lock: `LockRank.copyWindow` stands behind all that is held where a translation is taken
/// away, so that what a copy takes within its window comes later (`CopyWindow`). What a CPU does only between two guests, or when
/// it asks the scheduler, may come after any lock.
public enum LockOrder {
    /// Before a wait for another CPU to ask its scheduler: no lock is held, and no window open, for that CPU may want either first.
    /// Checked where locks are.
    @inlinable @inline(__always) public static func willWaitForProcessor() {
        #if LOCK_CHECKS
            HeldLocks.willWait(from: 0)
        #endif
    }
}
