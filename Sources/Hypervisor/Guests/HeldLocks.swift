// SPDX-License-Identifier: Apache-2.0

#if LOCK_CHECKS
    import Base
    import Machine
    import Memory
    import Sync
    import Synchronization

    @c(held_lock_ranks) func heldLockRanks() -> UnsafeMutablePointer<UInt32> {
        // SAFETY: this CPU's word, with the same representation as an atomic one, which only this CPU uses.
        unsafe withUnsafePointer(to: root.heldLocks[processorNumber() & 255]) {
            unsafe UnsafeMutableRawPointer(mutating: $0).assumingMemoryBound(to: UInt32.self)
        }
    }
#endif
