// SPDX-License-Identifier: Apache-2.0

public import Base

/// How long a pCPU's own timer is set for: every timer that a guest may set ends in it, whatever the machine counts with.
///
/// A value of the pCPU's own. Guests choose the times, so none of them may keep the pCPU in its interrupt handler: two interrupts
/// are `gap` apart at least, and no time is too far for the counter. The gap begins with an interrupt, not with each setting, so
/// that a guest which sets its timer again and again does not put off everybody else's.
@frozen public struct TimerPacing: BitwiseCopyable, Sendable {
    /// Nanoseconds between two interrupts (Xen: timer_slop).
    public static var gap: UInt64 { 50_000 }
    /// Nanoseconds for which the timer is set at most: then what waits is looked at anew.
    public static var longest: UInt64 { 10_000_000_000 }

    /// The end of the gap.
    private var earliest = SystemTime(nanoseconds: 0)

    public init() {}

    /// The timer has interrupted.
    public mutating func fired(now: SystemTime) {
        earliest = now + min(Self.gap, SystemTime.never.nanoseconds - now.nanoseconds)
    }

    /// Nanoseconds for which the timer is to be set where something is due at `next`; nil: nothing is, it is turned off. Rounded up by
    /// as much as two ways of counting the same time may differ, so that what is due is due when the timer has fired.
    public func wait(until next: SystemTime, now: SystemTime) -> UInt64? {
        guard next != .never else { return nil }
        let due = max(next, min(earliest, SystemTime(nanoseconds: now.nanoseconds &+ Self.gap)))
        guard due > now else { return 0 }
        let wait = min(due.nanoseconds - now.nanoseconds, Self.longest)
        return wait + wait >> 28
    }

    /// `wait`, or anything shorter than a minute, in ticks of a counter of `frequency` Hz, rounded up.
    public static func ticks(_ nanoseconds: UInt64, frequency: UInt64) -> UInt64 {
        let second: UInt64 = 1_000_000_000
        let time = min(nanoseconds, 60 * second)
        // No counter has more, and none of the products below has more than 64 bits.
        let frequency = min(frequency, 1 << 56)
        let rest = time % second
        return time / second * frequency + frequency / second * rest + frequency % second * rest / second + 1
    }

    /// The time that a counter of `frequency` Hz (not 0) takes for `ticks`, rounded down; `never` for what has not 64 bits.
    public static func time(_ ticks: UInt64, frequency: UInt64) -> SystemTime {
        let second: UInt64 = 1_000_000_000
        let whole = (ticks / frequency).multipliedReportingOverflow(by: second)
        // Where the rest has more than 64 bits the last ones of the ticks do not matter.
        let shift = UInt64(max(0, 30 - frequency.leadingZeroBitCount))
        let rest = ((ticks % frequency) >> shift) * second / (frequency >> shift)
        let sum = whole.partialValue.addingReportingOverflow(rest)
        return whole.overflow || sum.overflow ? .never : SystemTime(nanoseconds: sum.partialValue)
    }
}
