// SPDX-License-Identifier: Apache-2.0

/// Operations of vcpu_op (vcpu.h: VCPUOP_*).
@frozen public enum VCPUOp: UInt32, Sendable {
    case initialise = 0
    case up = 1
    case down = 2
    case isUp = 3
    case getRunstateInfo = 4
    case registerRunstateMemoryArea = 5
    case setPeriodicTimer = 6
    case stopPeriodicTimer = 7
    case setSingleshotTimer = 8
    case stopSingleshotTimer = 9
    case registerVCPUInfo = 10
    case sendNMI = 11
    case getPhysID = 12
    case registerVCPUTimeMemoryArea = 13
}

/// What a vCPU is doing (vcpu.h: RUNSTATE_*).
@frozen public enum Runstate: Int32, Sendable {
    case running = 0
    case runnable = 1
    case blocked = 2
    case offline = 3
}

/// vcpu.h: struct vcpu_runstate_info.
@frozen public struct RunstateInfo<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// A `Runstate`.
    public var state: Int32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    /// System time in nanoseconds, with `update` set while the structure changes.
    public var entryTime: Caller.Quad = .zero
    /// Nanoseconds spent in each `Runstate`.
    public var time: InlineArray<4, Caller.Quad> = .init(repeating: .zero)
    @inlinable public init() {}

    /// In `entryTime` (Xen: XEN_RUNSTATE_UPDATE).
    @inlinable public static var update: UInt64 { 1 << 63 }
}

/// Registers runstate or time areas (vcpu.h: struct vcpu_register_runstate_memory_area,
/// vcpu_register_time_memory_area). x86-32 fills the low half.
@frozen public struct VCPURegisterArea: BitwiseCopyable, Sendable {
    /// A guest virtual address.
    public var address: UInt64 = 0
    @inlinable public init() {}
}

/// vcpu.h: struct vcpu_set_periodic_timer.
@frozen public struct VCPUSetPeriodicTimer: BitwiseCopyable, Sendable {
    /// Nanoseconds.
    public var period: UInt64 = 0
    @inlinable public init() {}
}

/// vcpu.h: struct vcpu_set_singleshot_timer.
@frozen public struct VCPUSetSingleshotTimer<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// System time in nanoseconds.
    public var timeout: Caller.Quad = .zero
    public var flags: UInt32 = 0
    @inlinable public init() {}

    /// In `flags`: refuse a time that is past (Xen: VCPU_SSHOTTMR_future).
    @inlinable public static var future: UInt32 { 1 << 0 }
}

/// vcpu.h: struct vcpu_register_vcpu_info.
@frozen public struct VCPURegisterInfo: BitwiseCopyable, Sendable {
    /// Guest frame number, in spite of its C name `mfn`.
    public var gfn: UInt64 = 0
    /// Byte offset in the page.
    public var offset: UInt32 = 0
    public var reserved: UInt32 = 0
    @inlinable public init() {}
}

/// hvm/hvm_vcpu.h: struct vcpu_hvm_context.
@frozen public struct VCPUHVMContext: BitwiseCopyable, Sendable {
    /// VCPU_HVM_MODE_*, `pad`, and the registers.
    public var words = InlineArray<16, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// vcpu.h: struct vcpu_get_physid.
@frozen public struct VCPUGetPhysID: BitwiseCopyable, Sendable {
    public var physID: UInt64 = 0
    @inlinable public init() {}
}

/// xen.h: struct vcpu_time_info. Readers retry while `version` is odd or has changed.
@frozen public struct VCPUTimeInfo<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var version: UInt32 = 0
    public var pad0: UInt32 = 0
    /// The counter at the last update.
    public var tscTimestamp: Caller.Quad = .zero
    /// Nanoseconds since boot at the last update.
    public var systemTime: Caller.Quad = .zero
    /// nanoseconds = ((counter << `tscShift`) * this) >> 32.
    public var tscToSystemMultiplier: UInt32 = 0
    public var tscShift: Int8 = 0
    public var flags: UInt8 = 0
    public var pad1: InlineArray<2, UInt8> = .init(repeating: 0)
    @inlinable public init() {}

    /// In `flags` (Xen: XEN_PVCLOCK_TSC_STABLE_BIT).
    @inlinable public static var tscStable: UInt8 { 1 << 0 }
    /// In `flags` (Xen: XEN_PVCLOCK_GUEST_STOPPED).
    @inlinable public static var guestStopped: UInt8 { 1 << 1 }
}
