// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import P2M
import Sync
import Synchronization
public import XenABI

/// What is set aside for a domain's page tables. The hardware domain's come from the heap.
extension Domain {
    /// Bytes that are set aside.
    public var pagingPoolSize: UInt64 {
        p2m.withLock { $0.poolSize }.map { $0 << pageShift } ?? pagingPool.load(ordering: .relaxed)
    }

    /// Sets aside as many bytes, a multiple of a page's. False where an interrupt waits, and the rest is to be done by another call.
    /// Throws ENOMEM, with a part done, where there are not so many, or with `mayKeep` false, where tables have what is to go.
    ///
    /// Xen: p2m_set_allocation, hap_set_allocation
    public func setPagingPool(_ bytes: UInt64, mayKeep: Bool, _ platform: P) throws(XenError) -> Bool {
        if isPrivileged {
            pagingPool.store(bytes, ordering: .relaxed)
            return true
        }
        let wanted = bytes >> pageShift
        while true {
            let (step, size) = p2m.withLock { ($0.resizePool(to: wanted), $0.poolSize ?? 0) }
            switch step {
            case .done: return true
            case .refused:
                if mayKeep && size > wanted { return true }
                throw .enomem
            case .notYet: if platform.shouldPreempt { return false }
            }
        }
    }

    /// Gives back the tables of a domain that dies, and what was set aside for more. True: all is done but what is left to the end.
    func giveBackTables(from place: inout UInt64, _ platform: P) -> Bool {
        let cache = platform.cache(of: self)
        let end = highestGFN.load(ordering: .relaxed) &+ 1
        while place < end {
            place = p2m.withLock { table in
                let size: UInt64 = 1 << UInt64(max(table.lookup(GFN(place)).order, 9))
                let start = place & ~(size - 1)
                _ = table.unmap(GuestRange(start: GFN(start), count: size), cache: cache)
                return start &+ size
            }
            if platform.shouldPreempt { return false }
        }
        // No more than tables still have.
        return (try? setPagingPool(0, mayKeep: true, platform)) ?? true
    }
}
