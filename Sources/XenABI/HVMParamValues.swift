// SPDX-License-Identifier: Apache-2.0

// hvm/params.h: values of parameters; hvm/hvm_op.h: what is not in HVMOperations.swift.

/// Value of `HVMParam.timerMode` (hvm/params.h: HVMPTM_*).
@frozen public enum HVMTimerMode: UInt64, Sendable {
    case delayForMissedTicks = 0
    case noDelayForMissedTicks = 1
    case noMissedTicksPending = 2
    case oneMissedTickPending = 3
}

/// Bits of `HVMParam.mcaCap` (hvm/params.h: XEN_HVM_MCA_CAP_*).
public enum HVMMachineCheck {
    @inlinable public static var localMachineCheck: UInt64 { 1 << 0 }
    @inlinable public static var mask: UInt64 { 1 << 0 }
}

/// Bits of `HVMParam.viridian`, x86 only (hvm/params.h: HVMPV_*).
public enum Viridian {
    @inlinable public static var baseFreq: UInt64 { 1 << 0 }
    @inlinable public static var noFreq: UInt64 { 1 << 1 }
    @inlinable public static var timeRefCount: UInt64 { 1 << 2 }
    @inlinable public static var referenceTsc: UInt64 { 1 << 3 }
    @inlinable public static var hcallRemoteTlbFlush: UInt64 { 1 << 4 }
    @inlinable public static var apicAssist: UInt64 { 1 << 5 }
    @inlinable public static var crashCtl: UInt64 { 1 << 6 }
    @inlinable public static var synic: UInt64 { 1 << 7 }
    @inlinable public static var stimer: UInt64 { 1 << 8 }
    @inlinable public static var hcallIpi: UInt64 { 1 << 9 }
    @inlinable public static var exProcessorMasks: UInt64 { 1 << 10 }
    @inlinable public static var noVpLimit: UInt64 { 1 << 11 }
    @inlinable public static var cpuHotplug: UInt64 { 1 << 12 }
    @inlinable public static var featureMask: UInt64 { 0x1FFF }
}

/// hvm/hvm_op.h: struct xen_hvm_xentrace.
@frozen public struct HVMXentrace: BitwiseCopyable, Sendable {
    public var event: UInt16 = 0
    public var extraBytes: UInt16 = 0
    public var extra = InlineArray<28, UInt8>(repeating: 0)
    @inlinable public init() {}
}
