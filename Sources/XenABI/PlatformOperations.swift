// SPDX-License-Identifier: Apache-2.0

/// platform.h: XENPF_*, those that we know.
@frozen public enum PlatformOp: UInt32, Sendable {
    case setTime32 = 17
    case setTime64 = 62

    /// What every call must name (Xen: XENPF_INTERFACE_VERSION).
    @inlinable public static var interfaceVersion: UInt32 { 0x0300_0001 }
    /// Bytes of the union after the header (platform.h: struct xen_platform_op, u.pad).
    @inlinable public static var payloadSize: Int { 128 }
}

/// The words before the union (platform.h: struct xen_platform_op).
@frozen public struct PlatformOpHeader: BitwiseCopyable, Sendable {
    public var command: UInt32 = 0
    public var interfaceVersion: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_settime32.
@frozen public struct PlatformSetTime32<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Seconds since 1970-01-01 00:00 UTC.
    public var seconds: UInt32 = 0
    public var nanoseconds: UInt32 = 0
    /// The system time at that moment, in nanoseconds.
    public var systemTime: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_settime64.
@frozen public struct PlatformSetTime64<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Seconds since 1970-01-01 00:00 UTC.
    public var seconds: Caller.Quad = .zero
    public var nanoseconds: UInt32 = 0
    /// Must be zero.
    public var mbz: UInt32 = 0
    /// The system time at that moment, in nanoseconds.
    public var systemTime: Caller.Quad = .zero
    @inlinable public init() {}
}
