// SPDX-License-Identifier: Apache-2.0

/// Operations of sched_op (sched.h: SCHEDOP_*).
@frozen public enum SchedOp: UInt32, Sendable {
    case yield = 0
    case block = 1
    case shutdown = 2
    case poll = 3
    case remoteShutdown = 4
    case shutdownCode = 5
    case watchdog = 6
    case pinOverride = 7
}

/// Why a domain stops (sched.h: SHUTDOWN_*).
@frozen public enum ShutdownReason: UInt32, Sendable {
    case powerOff = 0
    case reboot = 1
    case suspend = 2
    case crash = 3
    case watchdog = 4
    case softReset = 5
}

/// sched.h: struct sched_shutdown.
@frozen public struct SchedShutdown: BitwiseCopyable, Sendable {
    /// A `ShutdownReason`.
    public var reason: UInt32 = 0
    @inlinable public init() {}
}

/// sched.h: struct sched_poll.
@frozen public struct SchedPoll<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Handle of `nrPorts` 32-bit ports.
    public var ports: Caller.Word = .zero
    public var nrPorts: UInt32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    /// System time in nanoseconds; 0 for none.
    public var timeout: Caller.Quad = .zero
    @inlinable public init() {}
}

/// sched.h: struct sched_remote_shutdown.
@frozen public struct SchedRemoteShutdown: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    @usableFromInline var gap: UInt16 = 0
    /// A `ShutdownReason`.
    public var reason: UInt32 = 0
    @inlinable public init() {}
}

/// sched.h: struct sched_watchdog.
@frozen public struct SchedWatchdog: BitwiseCopyable, Sendable {
    /// 0 asks for a new one.
    public var id: UInt32 = 0
    /// Seconds; 0 stops it.
    public var timeout: UInt32 = 0
    @inlinable public init() {}
}

/// sched.h: struct sched_pin_override.
@frozen public struct SchedPinOverride: BitwiseCopyable, Sendable {
    /// Negative undoes it.
    public var pcpu: Int32 = 0
    @inlinable public init() {}
}
