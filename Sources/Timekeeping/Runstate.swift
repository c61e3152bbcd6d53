// SPDX-License-Identifier: Apache-2.0

public import Base
public import XenABI

/// How long a vCPU has been running, waiting to run, blocked and offline (Xen: struct vcpu_runstate_info).
@frozen public struct RunstateAccount: BitwiseCopyable, Sendable {
    public private(set) var state: Runstate
    /// When it entered `state`.
    public private(set) var entryTime: SystemTime
    /// Nanoseconds in each state, up to `entryTime`.
    private var times: InlineArray<4, UInt64> = .init(repeating: 0)

    /// A vCPU that is `state` from `now` on.
    public init(_ state: Runstate = .offline, now: SystemTime) {
        self.state = state
        entryTime = now
    }

    /// Enters a state; to enter the one that it is in changes nothing. A clock that went back adds nothing.
    ///
    /// Xen: vcpu_runstate_change
    public mutating func change(to new: Runstate, now: SystemTime) {
        if new == state { return }
        if now > entryTime {
            times[index(state)] &+= now.nanoseconds &- entryTime.nanoseconds
            entryTime = now
        }
        state = new
    }

    /// Nanoseconds in a state up to `now`.
    public func time(in wanted: Runstate, now: SystemTime) -> UInt64 {
        let time = times[index(wanted)]
        guard wanted == state && now > entryTime else { return time }
        return time &+ (now.nanoseconds &- entryTime.nanoseconds)
    }

    /// What the guest is told at a change: the times up to the entry of the present state.
    public func information<Caller: CallerABI>(for caller: Caller.Type) -> RunstateInfo<Caller> {
        var information = RunstateInfo<Caller>()
        information.state = state.rawValue
        information.entryTime = Caller.Quad(lowBits: entryTime.nanoseconds)
        for number in times.indices { information.time[number] = Caller.Quad(lowBits: times[number]) }
        return information
    }

    /// What the guest is told when it asks: the times up to `now`.
    ///
    /// Xen: VCPUOP_get_runstate_info
    public func information<Caller: CallerABI>(for caller: Caller.Type, now: SystemTime) -> RunstateInfo<Caller> {
        var information = information(for: caller)
        information.time[index(state)] = Caller.Quad(lowBits: time(in: state, now: now))
        return information
    }

    private func index(_ state: Runstate) -> Int { Int(state.rawValue) }
}
