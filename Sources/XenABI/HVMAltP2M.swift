// SPDX-License-Identifier: Apache-2.0

// hvm/hvm_op.h: HVMOP_altp2m.

/// `AltP2MArgument.cmd` (hvm/hvm_op.h: HVMOP_altp2m_*).
@frozen public enum AltP2MOp: UInt32, Sendable {
    case getDomainState = 1
    case setDomainState = 2
    case vcpuEnableNotify = 3
    case createP2m = 4
    case destroyP2m = 5
    case switchP2m = 6
    case setMemAccess = 7
    case changeGfn = 8
    case setMemAccessMulti = 9
    case setSuppressVe = 10
    case getSuppressVe = 11
    case getMemAccess = 12
    case vcpuDisableNotify = 13
    case getP2mIdx = 14
    case setSuppressVeMulti = 15
    case setVisibility = 16
}

/// Value of `HVMParam.altp2m` (hvm/params.h: XEN_ALTP2M_*).
@frozen public enum AltP2MMode: UInt64, Sendable {
    case disabled = 0
    case mixed = 1
    case external = 2
    case limited = 3
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_op.
@frozen public struct AltP2MArgument: BitwiseCopyable, Sendable {
    /// `interfaceVersion`.
    public var version: UInt32 = 0
    /// An `AltP2MOp`.
    public var cmd: UInt32 = 0
    public var domain: UInt16 = 0
    public var pad1: UInt16 = 0
    public var pad2: UInt32 = 0
    public var payload = InlineArray<64, UInt8>(repeating: 0)
    @inlinable public init() {}

    /// What every call must name (Xen: HVMOP_ALTP2M_INTERFACE_VERSION).
    @inlinable public static var interfaceVersion: UInt32 { 1 }
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_domain_state.
@frozen public struct AltP2MDomainState: BitwiseCopyable, Sendable {
    /// IN or OUT: on or off.
    public var state: UInt8 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_vcpu_enable_notify.
@frozen public struct AltP2MVcpuEnableNotify: BitwiseCopyable, Sendable {
    public var vcpuId: UInt32 = 0
    public var pad: UInt32 = 0
    /// Of the #VE information area.
    public var gfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_vcpu_disable_notify.
@frozen public struct AltP2MVcpuDisableNotify: BitwiseCopyable, Sendable {
    public var vcpuId: UInt32 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_view.
@frozen public struct AltP2MView: BitwiseCopyable, Sendable {
    public var view: UInt16 = 0
    public var hvmmemDefaultAccess: UInt16 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_mem_access.
@frozen public struct AltP2MMemAccess: BitwiseCopyable, Sendable {
    public var view: UInt16 = 0
    public var access: UInt16 = 0
    public var pad: UInt32 = 0
    public var gfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_set_mem_access_multi.
@frozen public struct AltP2MSetMemAccessMulti<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var view: UInt16 = 0
    public var pad: UInt16 = 0
    /// Pages.
    public var nr: UInt32 = 0
    /// Must be zero.
    public var opaque: Caller.Quad = .zero
    public var pfnList: Caller.Word = .zero
    public var accessList: Caller.Word = .zero
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_change_gfn.
@frozen public struct AltP2MChangeGfn: BitwiseCopyable, Sendable {
    public var view: UInt16 = 0
    public var pad1: UInt16 = 0
    public var pad2: UInt32 = 0
    public var oldGfn: UInt64 = 0
    /// Or all ones: as it was.
    public var newGfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_get_vcpu_p2m_idx.
@frozen public struct AltP2MGetVcpuP2mIdx: BitwiseCopyable, Sendable {
    public var vcpuId: UInt32 = 0
    public var altp2mIdx: UInt16 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_set_visibility.
@frozen public struct AltP2MSetVisibility: BitwiseCopyable, Sendable {
    public var altp2mIdx: UInt16 = 0
    public var visible: UInt8 = 0
    public var pad: UInt8 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_suppress_ve.
@frozen public struct AltP2MSuppressVe: BitwiseCopyable, Sendable {
    public var view: UInt16 = 0
    public var suppressVe: UInt8 = 0
    public var pad1: UInt8 = 0
    public var pad2: UInt32 = 0
    public var gfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_altp2m_suppress_ve_multi.
@frozen public struct AltP2MSuppressVeMulti: BitwiseCopyable, Sendable {
    public var view: UInt16 = 0
    public var suppressVe: UInt8 = 0
    public var pad1: UInt8 = 0
    /// Must be zero.
    public var firstError: Int32 = 0
    public var firstGfn: UInt64 = 0
    public var lastGfn: UInt64 = 0
    public var firstErrorGfn: UInt64 = 0
    @inlinable public init() {}
}
