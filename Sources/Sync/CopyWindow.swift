// SPDX-License-Identifier: Apache-2.0

import ArchCommon
import Synchronization

/// Says that a pCPU is copying through a guest's address space, by translations that it has looked up itself.
///
/// Whoever takes a translation away, and then the frame behind it, waits in between until every window that was open has
/// closed. Who copies writes two words and takes no reference; who takes away waits no longer than for one copy. One pCPU
/// opens and closes; anybody waits.
///
/// It works as Dekker's algorithm does: who copies opens, then looks up; who takes away changes the entry, then looks at the
/// window. Both steps need a full barrier between them, on the side of the copy one that the machine's table walker obeys too.
///
/// An open window is a lock of the rank `copyWindow`, which never has to wait to be opened: while it is open no earlier lock is
/// taken, for who holds that may be waiting for the window.
public struct CopyWindow: ~Copyable, Sendable {
    /// Odd while the window is open. Counts, so that nobody waits for the next one.
    private let count = Atomic<UInt32>(0)
    /// A cache line to itself, for each is written at every hypercall.
    private let padding = InlineArray<15, UInt32>(repeating: 0)

    public init() {}

    public var isOpen: Bool { count.load(ordering: .relaxed) & 1 != 0 }

    /// The barrier after it is the caller's.
    @inline(__always) public func open() {
        #if LOCK_CHECKS
            HeldLocks.willOpen()
        #endif
        count.store(count.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    @inline(__always) public func close() {
        #if LOCK_CHECKS
            HeldLocks.willRelease(.copyWindow)
        #endif
        count.store(count.load(ordering: .relaxed) &+ 1, ordering: .releasing)
    }

    /// Waits while the window that is open now is. The barrier before it is the caller's.
    public func waitUntilClosed() {
        #if LOCK_CHECKS
            HeldLocks.willWait(from: LockRank.copyWindow.rawValue)
        #endif
        let seen = count.load(ordering: .acquiring)
        guard seen & 1 != 0 else { return }
        while count.load(ordering: .acquiring) == seen { cpu_relax() }
    }
}
