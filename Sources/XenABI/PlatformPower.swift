// SPDX-License-Identifier: Apache-2.0

// platform.h: XENPF_set_processor_pminfo.

/// platform.h: struct xen_power_register.
@frozen public struct PowerRegister<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var spaceId: UInt32 = 0
    public var bitWidth: UInt32 = 0
    public var bitOffset: UInt32 = 0
    public var accessSize: UInt32 = 0
    public var address: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xen_processor_csd.
@frozen public struct ProcessorDependency: BitwiseCopyable, Sendable {
    public var domain: UInt32 = 0
    public var coordType: UInt32 = 0
    public var num: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xen_processor_cx.
@frozen public struct ProcessorIdleState<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var reg = PowerRegister<Caller>()
    public var type: UInt8 = 0
    @usableFromInline var gap: UInt8 = 0
    @usableFromInline var gap2: UInt16 = 0
    /// Milliseconds.
    public var latency: UInt32 = 0
    /// Milliwatts.
    public var power: UInt32 = 0
    public var dpcnt: UInt32 = 0
    /// Of `ProcessorDependency`.
    public var dp: Caller.Word = .zero
    @inlinable public init() {}
}

/// The bit fields of struct xen_processor_flags, as masks of `ProcessorPower.flags`.
public enum ProcessorFlags {
    @inlinable public static var bmControl: UInt32 { 1 << 0 }
    @inlinable public static var bmCheck: UInt32 { 1 << 1 }
    @inlinable public static var hasCst: UInt32 { 1 << 2 }
    @inlinable public static var powerSetupDone: UInt32 { 1 << 3 }
    @inlinable public static var bmRldSet: UInt32 { 1 << 4 }
}

/// platform.h: struct xen_processor_power.
@frozen public struct ProcessorPower<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var count: UInt32 = 0
    /// Of `ProcessorFlags`.
    public var flags: UInt32 = 0
    /// Of `ProcessorIdleState`.
    public var states: Caller.Word = .zero
    @inlinable public init() {}
}

/// platform.h: struct xen_pct_register.
@frozen public struct ProcessorControlRegister<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var descriptor: UInt8 = 0
    @usableFromInline var gap: UInt8 = 0
    public var length: UInt16 = 0
    public var spaceId: UInt8 = 0
    public var bitWidth: UInt8 = 0
    public var bitOffset: UInt8 = 0
    public var reserved: UInt8 = 0
    public var address: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xen_processor_px.
@frozen public struct ProcessorPerformanceState<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// MHz.
    public var coreFrequency: Caller.Quad = .zero
    /// Milliwatts.
    public var power: Caller.Quad = .zero
    /// Microseconds.
    public var transitionLatency: Caller.Quad = .zero
    /// Microseconds.
    public var busMasterLatency: Caller.Quad = .zero
    public var control: Caller.Quad = .zero
    public var status: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xen_psd_package.
@frozen public struct ProcessorPerformanceDomain<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var numEntries: Caller.Quad = .zero
    public var revision: Caller.Quad = .zero
    public var domain: Caller.Quad = .zero
    public var coordType: Caller.Quad = .zero
    public var numProcessors: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xen_processor_performance.
@frozen public struct ProcessorPerformance<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Of `PerformanceInfo`.
    public var flags: UInt32 = 0
    public var platformLimit: UInt32 = 0
    public var controlRegister = ProcessorControlRegister<Caller>()
    public var statusRegister = ProcessorControlRegister<Caller>()
    public var stateCount: UInt32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    /// Of `ProcessorPerformanceState`.
    public var states: Caller.Word = .zero
    public var domainInfo = ProcessorPerformanceDomain<Caller>()
    /// A `PerformanceSharing`.
    public var sharedType: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_set_processor_pminfo.
@frozen public struct PlatformSetProcessorPMInfo<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// ACPI's number of the CPU.
    public var id: UInt32 = 0
    /// A `ProcessorPMType`.
    public var type: UInt32 = 0
    /// As large as the largest member of the union; `ProcessorPower`, or a handle of _PDC.
    public var payload = ProcessorPerformance<Caller>()
    @inlinable public init() {}
}

/// `PlatformSetProcessorPMInfo.type` (platform.h: XEN_PM_*).
@frozen public enum ProcessorPMType: UInt32, Sendable {
    case idleStates = 0
    case performanceStates = 1
    case throttlingStates = 2
    case driverCapabilities = 3
}

/// `ProcessorPerformance.sharedType` (platform.h: XEN_CPUPERF_SHARED_TYPE_*).
@frozen public enum PerformanceSharing: UInt32, Sendable {
    case hardware = 1
    case all = 2
    case any = 3
}

/// Flags of `ProcessorPerformance.flags` (platform.h: XEN_PX_*).
public enum PerformanceInfo {
    @inlinable public static var control: UInt32 { 1 << 0 }
    @inlinable public static var states: UInt32 { 1 << 1 }
    @inlinable public static var limit: UInt32 { 1 << 2 }
    @inlinable public static var domain: UInt32 { 1 << 3 }
}

/// What dom0 sends (platform.h: XEN_PROCESSOR_PM_*).
public enum ProcessorPMAbility {
    @inlinable public static var idleStates: UInt32 { 1 << 0 }
    @inlinable public static var performanceStates: UInt32 { 1 << 1 }
    @inlinable public static var throttlingStates: UInt32 { 1 << 2 }
}
