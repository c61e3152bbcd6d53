// SPDX-License-Identifier: Apache-2.0

// Structures of domctls and sysctls that are not the same on all ISAs, or are there on x86 alone.

/// domctl.h: struct xen_domctl_ext_vcpucontext.
@frozen public struct ARMExtVCPUContext: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    public var size: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_ext_vcpucontext.
@frozen public struct X86ExtVCPUContext: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    public var size: UInt32 = 0
    public var syscall32CallbackEip: UInt64 = 0
    public var sysenterCallbackEip: UInt64 = 0
    public var syscall32CallbackCs: UInt16 = 0
    public var sysenterCallbackCs: UInt16 = 0
    public var syscall32DisablesEvents: UInt8 = 0
    public var sysenterDisablesEvents: UInt8 = 0
    @usableFromInline var gap: UInt16 = 0
    public var vmce = HVMSavedMachineCheck()
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_cpu_policy.
@frozen public struct DomctlCPUPolicy: BitwiseCopyable, Sendable {
    public var nrLeaves: UInt32 = 0
    public var nrMsrs: UInt32 = 0
    public var leaves: UInt64 = 0
    public var msrs: UInt64 = 0
    public var errLeaf: UInt32 = 0
    public var errSubleaf: UInt32 = 0
    public var errMsr: UInt32 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_vcpuextstate.
@frozen public struct DomctlVCPUExtState: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    @usableFromInline var gap: UInt32 = 0
    public var xfeatureMask: UInt64 = 0
    public var size: UInt64 = 0
    public var buffer: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_vcpu_msr.
@frozen public struct DomctlVCPUMSR: BitwiseCopyable, Sendable {
    public var index: UInt32 = 0
    public var reserved: UInt32 = 0
    public var value: UInt64 = 0
    @inlinable public init() {}
}

/// domctl.h: struct xen_domctl_vcpu_msrs.
@frozen public struct DomctlVCPUMSRs: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    public var msrCount: UInt32 = 0
    public var msrs: UInt64 = 0
    @inlinable public init() {}
}

/// sysctl.h: struct xen_sysctl_cpu_policy.
@frozen public struct SysctlCPUPolicy: BitwiseCopyable, Sendable {
    public var index: UInt32 = 0
    public var nrLeaves: UInt32 = 0
    public var nrMsrs: UInt32 = 0
    public var rsvd: UInt32 = 0
    public var leaves: UInt64 = 0
    public var msrs: UInt64 = 0
    @inlinable public init() {}
}
