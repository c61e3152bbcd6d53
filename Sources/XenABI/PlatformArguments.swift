// SPDX-License-Identifier: Apache-2.0

// platform.h: what has no union in its union, except for power management (PlatformPower.swift).

/// platform.h: struct xen_platform_op.
@frozen public struct PlatformOpArgument: BitwiseCopyable, Sendable {
    /// A `PlatformOp`.
    public var cmd: UInt32 = 0
    public var interfaceVersion: UInt32 = 0
    public var payload = InlineArray<128, UInt8>(repeating: 0)
    @inlinable public init() {}
}

/// platform.h: struct xenpf_add_memtype.
@frozen public struct PlatformAddMemtype<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var mfn: Caller.Word = .zero
    public var nrMfns: Caller.Quad = .zero
    public var type: UInt32 = 0
    /// OUT.
    public var handle: UInt32 = 0
    /// OUT.
    public var reg: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_del_memtype.
@frozen public struct PlatformDelMemtype: BitwiseCopyable, Sendable {
    public var handle: UInt32 = 0
    public var reg: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_read_memtype.
@frozen public struct PlatformReadMemtype<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var reg: UInt32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    /// OUT.
    public var mfn: Caller.Word = .zero
    /// OUT.
    public var nrMfns: Caller.Quad = .zero
    /// OUT.
    public var type: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_microcode_update.
@frozen public struct PlatformMicrocodeUpdate<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var data: Caller.Word = .zero
    /// Bytes.
    public var length: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_platform_quirk.
@frozen public struct PlatformQuirk: BitwiseCopyable, Sendable {
    /// A `PlatformQuirkID`.
    public var quirkId: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_enter_acpi_sleep.
@frozen public struct PlatformEnterACPISleep: BitwiseCopyable, Sendable {
    public var valA: UInt16 = 0
    public var valB: UInt16 = 0
    public var sleepState: UInt32 = 0
    public var flags: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_change_freq.
@frozen public struct PlatformChangeFreq<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// Must be zero.
    public var flags: UInt32 = 0
    public var cpu: UInt32 = 0
    /// Hz.
    public var freq: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_getidletime.
@frozen public struct PlatformGetIdleTime<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// IN: those asked for. OUT: those present.
    public var cpumapBitmap: Caller.Word = .zero
    public var cpumapNrCpus: UInt32 = 0
    @usableFromInline var gap = Caller.paddingToWord
    /// Nanoseconds, one for each CPU.
    public var idletime: Caller.Word = .zero
    /// OUT: system time in nanoseconds.
    public var now: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_pcpuinfo.
@frozen public struct PlatformCPUInfo: BitwiseCopyable, Sendable {
    public var xenCpuid: UInt32 = 0
    /// OUT, as are all below.
    public var maxPresent: UInt32 = 0
    /// Of `PlatformFlag`.
    public var flags: UInt32 = 0
    public var apicId: UInt32 = 0
    public var acpiId: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_pcpu_version.
@frozen public struct PlatformCPUVersion: BitwiseCopyable, Sendable {
    public var xenCpuid: UInt32 = 0
    /// OUT, as are all below.
    public var maxPresent: UInt32 = 0
    public var vendorId = InlineArray<12, UInt8>(repeating: 0)
    public var family: UInt32 = 0
    public var model: UInt32 = 0
    public var stepping: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_cpu_ol.
@frozen public struct PlatformCPUOnlining: BitwiseCopyable, Sendable {
    public var cpuid: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_cpu_hotadd.
@frozen public struct PlatformCPUHotAdd: BitwiseCopyable, Sendable {
    public var apicId: UInt32 = 0
    public var acpiId: UInt32 = 0
    public var pxm: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_mem_hotadd.
@frozen public struct PlatformMemHotAdd<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var spfn: Caller.Quad = .zero
    public var epfn: Caller.Quad = .zero
    public var pxm: UInt32 = 0
    public var flags: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_core_parking.
@frozen public struct PlatformCoreParking: BitwiseCopyable, Sendable {
    /// A `CoreParkingType`.
    public var type: UInt32 = 0
    public var idleNums: UInt32 = 0
    @inlinable public init() {}
}

/// platform.h: struct xenpf_resource_entry.
@frozen public struct PlatformResourceEntry<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// IN: a `PlatformResourceAccess`. OUT: the error of an entry that failed, signed.
    public var cmd: UInt32 = 0
    /// Must be zero.
    public var rsvd: UInt32 = 0
    public var idx: Caller.Quad = .zero
    public var val: Caller.Quad = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_resource_op.
@frozen public struct PlatformResourceOp<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var nrEntries: UInt32 = 0
    public var cpu: UInt32 = 0
    public var entries: Caller.Word = .zero
    @inlinable public init() {}
}

/// platform.h: struct xenpf_symdata.
@frozen public struct PlatformSymbolData<Caller: CallerABI>: BitwiseCopyable, Sendable {
    /// IN: bytes of the buffer. OUT: of the name.
    public var namelen: UInt32 = 0
    /// OUT: of the next one.
    public var symnum: UInt32 = 0
    public var name: Caller.Word = .zero
    /// OUT.
    public var address: Caller.Quad = .zero
    /// OUT.
    public var type: UInt8 = 0
    @inlinable public init() {}
}
