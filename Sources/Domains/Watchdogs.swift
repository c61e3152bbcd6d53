// SPDX-License-Identifier: Apache-2.0

import Base
public import Containers
import Sync
import Synchronization
public import XenABI

/// A domain's watchdogs: it shuts down when one is not poked in time.
struct Watchdogs: BitwiseCopyable {
    /// Nanoseconds of system time; `.max` for one that is off.
    private var first = UInt64.max
    private var second = UInt64.max

    /// When the domain shuts down, unless it pokes; `.max` for never.
    var earliest: UInt64 { min(first, second) }

    private subscript(index: UInt32) -> UInt64 {
        get { index == 0 ? first : second }
        set { if index == 0 { first = newValue } else { second = newValue } }
    }

    /// Watchdog `id`, or a new one for 0. Returns a new one's id; 0. Throws EINVAL for one that is off, ENOSPC.
    mutating func set(_ id: UInt32, until deadline: UInt64?) throws(XenError) -> UInt32 {
        if id == 0 {
            for index in 0..<2 as Range<UInt32> where self[index] == .max {
                // Xen arms a new one even for no time at all.
                self[index] = deadline ?? 0
                return index + 1
            }
            throw .enospc
        }
        guard id <= 2, self[id - 1] != .max else { throw .einval }
        self[id - 1] = deadline ?? .max
        return 0
    }
}

extension Domain {
    /// Arms a new watchdog (`id` 0), or pokes one, or turns it off (0 seconds). Returns a new one's id; 0. Throws EINVAL for
    /// one that is not on, ENOSPC where two are. `vcpu` asks, and the timer of its pCPU sees to it.
    ///
    /// Xen: SCHEDOP_watchdog
    public func setWatchdog(
        _ id: UInt32, seconds: UInt32, by vcpu: Ref<VCPU<P>>, _ platform: P
    ) throws(XenError) -> UInt32 {
        let deadline = platform.now().nanoseconds &+ UInt64(seconds) &* 1_000_000_000
        let result = try watchdogs.withLock { (watchdogs: inout Watchdogs) throws(XenError) in
            let result = try watchdogs.set(id, until: seconds == 0 ? nil : deadline)
            watchdogDeadline.store(watchdogs.earliest, ordering: .relaxed)
            return result
        }
        platform.timersChanged(vcpu)
        return result
    }

    /// Whether a watchdog was not poked in time: the domain has to shut down. It is told once.
    ///
    /// Xen: domain_watchdog_timeout
    public func takeExpiredWatchdog(_ platform: P) -> Bool {
        let now = platform.now().nanoseconds
        guard watchdogDeadline.load(ordering: .relaxed) <= now else { return false }
        return watchdogs.withLock { watchdogs in
            guard watchdogs.earliest <= now else { return false }
            watchdogs = Watchdogs()
            watchdogDeadline.store(.max, ordering: .relaxed)
            return true
        }
    }
}
