// SPDX-License-Identifier: Apache-2.0

#if LOCK_CHECKS
    import ArchCommon

    /// The locks that this CPU holds, by rank: two CPUs that take two locks in different orders would wait for each other for
    /// ever, some day. Checked in every host test, and in the image that `make check` boots as `xen-checked`.
    @usableFromInline enum HeldLocks {
        /// Stops where a lock of a later rank is held already, or one of the same rank where this is not its second.
        @usableFromInline static func willTake(_ rank: LockRank, second: Bool) {
            // SAFETY: this thread's own word, or this CPU's.
            let held = unsafe held_lock_ranks()
            if unsafe held.pointee >> UInt32(rank.rawValue + (second ? 1 : 0)) != 0 {
                fatalError("a lock is taken out of order")
            }
            unsafe held.pointee |= 1 << UInt32(rank.rawValue)
        }

        /// Stops where a lock of this rank or a later one is held already.
        @usableFromInline static func willWait(from rank: UInt8) {
            // SAFETY: as above.
            if unsafe held_lock_ranks().pointee >> UInt32(rank) != 0 { fatalError("a wait for another CPU out of order") }
        }

        /// Stops where the window of this CPU is open already: the second to close it would do so for both.
        @usableFromInline static func willOpen() {
            // SAFETY: as above.
            if unsafe held_lock_ranks().pointee >> UInt32(LockRank.copyWindow.rawValue) & 1 != 0 {
                fatalError("a copy window is open already")
            }
            didTake(.copyWindow)
        }

        /// A lock that is taken only if free cannot make anybody wait.
        @usableFromInline static func didTake(_ rank: LockRank) {
            // SAFETY: as above.
            unsafe held_lock_ranks().pointee |= 1 << UInt32(rank.rawValue)
        }

        @usableFromInline static func willRelease(_ rank: LockRank) {
            // SAFETY: as above.
            unsafe held_lock_ranks().pointee &= ~(1 << UInt32(rank.rawValue))
        }
    }
#endif
