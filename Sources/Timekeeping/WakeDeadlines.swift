// SPDX-License-Identifier: Apache-2.0

public import Base
import Synchronization

/// When a vCPU that does not run is woken whatever happens, for each reason by itself: one does not put off the other.
///
/// Set by the pCPU that the vCPU leaves, read and taken by its home.
public struct WakeDeadlines: ~Copyable, Sendable {
    /// The timeout of SCHEDOP_poll.
    private let poll = Atomic<UInt64>(.max)
    /// The vCPU's own timer, while the registers that it is in are in memory.
    private let timer = Atomic<UInt64>(.max)

    public init() {}

    /// The earlier of the two; `never` where there is none.
    public var next: SystemTime {
        SystemTime(nanoseconds: min(poll.load(ordering: .relaxed), timer.load(ordering: .relaxed)))
    }

    public func setPoll(_ deadline: SystemTime) { poll.store(deadline.nanoseconds, ordering: .relaxed) }
    public func setTimer(_ deadline: SystemTime) { timer.store(deadline.nanoseconds, ordering: .relaxed) }

    /// The vCPU runs: its poll is over.
    public func runs() { setPoll(.never) }
    /// The vCPU's registers are a pCPU's, and its timer with them.
    public func isLoaded() { setTimer(.never) }
    /// It is turned off.
    public func clear() {
        setPoll(.never)
        setTimer(.never)
    }

    /// Takes what is due. True where the vCPU is to be woken.
    public func takeExpired(now: SystemTime) -> Bool {
        let isPollDue = poll.load(ordering: .relaxed) <= now.nanoseconds
        let isTimerDue = timer.load(ordering: .relaxed) <= now.nanoseconds
        if isPollDue { setPoll(.never) }
        if isTimerDue { setTimer(.never) }
        return isPollDue || isTimerDue
    }
}
