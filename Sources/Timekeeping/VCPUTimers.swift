// SPDX-License-Identifier: Apache-2.0

public import Base
public import XenABI

/// The two timers that a vCPU may set by hypercall. When one fires, VIRQ_TIMER is raised.
///
/// A value: its owner keeps one timer armed for `next`, and calls `fire` when that time has come.
@frozen public struct VCPUTimers: BitwiseCopyable, Sendable {
    /// When the one-shot timer fires; `never` while it is stopped.
    public private(set) var singleshot = SystemTime.never
    /// Nanoseconds between two events; 0 while the periodic timer is stopped.
    public private(set) var period: UInt64 = 0
    /// When the periodic timer fires next.
    public private(set) var nextPeriod = SystemTime.never

    public init() {}

    /// When `fire` must be called at the latest; `never` for not at all.
    public var next: SystemTime { min(singleshot, nextPeriod) }

    /// Sets the one-shot timer. True where the time is past: then VIRQ_TIMER is to be raised at once.
    ///
    /// Xen: VCPUOP_set_singleshot_timer, SCHEDOP's set_timer_op
    public mutating func setSingleshot(_ time: SystemTime, now: SystemTime) -> Bool {
        if time < now {
            singleshot = .never
            return true
        }
        singleshot = time
        return false
    }

    /// Xen: VCPUOP_stop_singleshot_timer
    public mutating func stopSingleshot() { singleshot = .never }

    /// Sets the periodic timer, in nanoseconds. Throws EINVAL below a millisecond or above 2^62 ns.
    ///
    /// Xen: VCPUOP_set_periodic_timer
    public mutating func setPeriodic(_ nanoseconds: UInt64, now: SystemTime) throws(XenError) {
        guard nanoseconds >= 1_000_000 && nanoseconds <= UInt64.max >> 2 else { throw .einval }
        period = nanoseconds
        nextPeriod = now + nanoseconds
    }

    /// Xen: VCPUOP_stop_periodic_timer
    public mutating func stopPeriodic() {
        period = 0
        nextPeriod = .never
    }

    /// Takes what is due. True where VIRQ_TIMER is to be raised. Periods that were missed are made up for by one event.
    public mutating func fire(now: SystemTime) -> Bool {
        var fired = false
        if singleshot != .never && singleshot <= now {
            singleshot = .never
            fired = true
        }
        if period != 0 && nextPeriod <= now {
            let missed = (now.nanoseconds &- nextPeriod.nanoseconds) / period
            nextPeriod = nextPeriod + (missed &+ 1) &* period
            fired = true
        }
        return fired
    }
}
