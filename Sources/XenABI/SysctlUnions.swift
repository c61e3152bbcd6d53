// SPDX-License-Identifier: Apache-2.0

// Structures of sysctls with a union or inside one: `union` has its bytes, which its members are views of.

/// sysctl.h: struct xen_sysctl_scheduler_op.
@frozen public struct SysctlSchedulerOperation: BitwiseCopyable, Sendable {
    public var cpupoolId: UInt32 = 0
    public var schedId: UInt32 = 0
    public var cmd: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    /// `SysctlSchedArinc653`, `SysctlCreditSchedule`, `SysctlCredit2Schedule`, by what comes before.
    public var union = InlineArray<2, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_psr_cmt_op.
@frozen public struct SysctlPSRCMTOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var flags: UInt32 = 0
    /// `UInt64`, `L3Cache`, by what comes before.
    public var union = InlineArray<1, UInt64>(repeating: 0)
    @inlinable public init() {}

    /// In `union`: l3_cache.
    @frozen public struct L3Cache: BitwiseCopyable, Sendable {
        public var cpu: UInt32 = 0
        public var rsvd: UInt32 = 0
        @inlinable public init() {}
    }
}

/// sysctl.h: struct xen_sysctl_psr_alloc.
@frozen public struct SysctlPSRAlloc: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var target: UInt32 = 0
    /// `CATInfo`, `MBAInfo`, by what comes before.
    public var union = InlineArray<3, UInt32>(repeating: 0)
    @inlinable public init() {}

    /// In `union`: cat_info.
    @frozen public struct CATInfo: BitwiseCopyable, Sendable {
        public var cbmLen: UInt32 = 0
        public var cosMax: UInt32 = 0
        public var flags: UInt32 = 0
        @inlinable public init() {}
    }

    /// In `union`: mba_info.
    @frozen public struct MBAInfo: BitwiseCopyable, Sendable {
        public var thrtlMax: UInt32 = 0
        public var cosMax: UInt32 = 0
        public var flags: UInt32 = 0
        @inlinable public init() {}
    }
}

/// sysctl.h: struct xen_livepatch_name.
@frozen public struct LivepatchName: BitwiseCopyable, Sendable {
    public var name: UInt64 = 0
    public var size: UInt16 = 0
    public var pad = InlineArray<3, UInt16>(repeating: 0)
    @inlinable public init() {}
}

/// sysctl.h: struct xen_livepatch_status.
@frozen public struct LivepatchStatus: BitwiseCopyable, Sendable {
    public var state: UInt32 = 0
    public var rc: Int32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_livepatch_upload.
@frozen public struct SysctlLivepatchUpload: BitwiseCopyable, Sendable {
    public var name = LivepatchName()
    public var size: UInt64 = 0
    public var payload: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_livepatch_get.
@frozen public struct SysctlLivepatchGet: BitwiseCopyable, Sendable {
    public var name = LivepatchName()
    public var status = LivepatchStatus()
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_livepatch_action.
@frozen public struct SysctlLivepatchAction: BitwiseCopyable, Sendable {
    public var name = LivepatchName()
    public var cmd: UInt32 = 0
    public var timeout: UInt32 = 0
    public var flags: UInt32 = 0
    public var pad: UInt32 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_livepatch_op.
@frozen public struct SysctlLivepatchOp: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var pad: UInt32 = 0
    /// `SysctlLivepatchUpload`, `SysctlLivepatchList`, `SysctlLivepatchGet`, `SysctlLivepatchAction`, by what comes before.
    public var union = InlineArray<8, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_arinc653_schedule.
@frozen public struct SysctlArinc653Schedule: BitwiseCopyable, Sendable {
    public var majorFrame: UInt64 = 0
    public var numSchedEntries: UInt8 = 0
    @usableFromInline var gap: UInt8 = 0
    @usableFromInline var gap2: UInt16 = 0
    @usableFromInline var gap3: UInt32 = 0
    public var schedEntries = InlineArray<64, Entry>(repeating: Entry())
    @inlinable public init() {}

    @frozen public struct Entry: BitwiseCopyable, Sendable {
        public var domHandle = DomainHandle(repeating: 0)
        public var vcpuId: UInt32 = 0
        @usableFromInline var gap: UInt32 = 0
        public var runtime: UInt64 = 0
        @inlinable public init() {}
    }
}

/// sysctl.h: struct xen_sysctl_page_offline_op. Its handle has the caller's width.
@frozen public struct SysctlPageOfflineOp<C: CallerABI>: BitwiseCopyable, Sendable {
    public var cmd: UInt32 = 0
    public var start: UInt32 = 0
    public var end: UInt32 = 0
    public var pad = C.paddingToWord
    public var status = C.Word.zero
    @inlinable public init() {}
}
