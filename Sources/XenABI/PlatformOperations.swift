// SPDX-License-Identifier: Apache-2.0

/// Operations of platform_op (platform.h: XENPF_*).
@frozen public enum PlatformOp: UInt32, Sendable {
    case setTime32 = 17
    case addMemtype = 31
    case delMemtype = 32
    case readMemtype = 33
    case microcodeUpdate = 35
    case platformQuirk = 39
    case getCPUVersion = 48
    case efiRuntimeCall = 49
    case firmwareInfo = 50
    case enterACPISleep = 51
    case changeFreq = 52
    case getIdleTime = 53
    case setProcessorPMInfo = 54
    case getCPUInfo = 55
    case cpuOnline = 56
    case cpuOffline = 57
    case cpuHotAdd = 58
    case memHotAdd = 59
    case coreParking = 60
    case resourceOp = 61
    case setTime64 = 62
    case getSymbol = 63

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
