// SPDX-License-Identifier: Apache-2.0

/// Operations of hvm_op (hvm/hvm_op.h: HVMOP_*).
@frozen public enum HVMOp: UInt32, Sendable {
    case setParam = 0
    case getParam = 1
    case flushTLBs = 5
    case pagetableDying = 9
    case getTime = 10
    case xentrace = 11
    /// Superseded by XENMEM_access_op, as is the next.
    case setMemAccess = 12
    case getMemAccess = 13
    case getMemType = 15
    /// x86 only.
    case setEvtchnUpcallVector = 23
    case guestRequestVMEvent = 24
    case altp2m = 25
}

/// hvm/hvm_op.h: struct xen_hvm_param.
@frozen public struct HVMParamArgument: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    public var pad: UInt16 = 0
    /// An `HVMParam`.
    public var index: UInt32 = 0
    public var value: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_pagetable_dying.
@frozen public struct HVMPagetableDying: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    public var pad: InlineArray<3, UInt16> = .init(repeating: 0)
    public var gpa: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_get_time.
@frozen public struct HVMGetTime: BitwiseCopyable, Sendable {
    public var now: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: struct xen_hvm_get_mem_type.
@frozen public struct HVMGetMemType: BitwiseCopyable, Sendable {
    public var domain: UInt16 = 0
    /// OUT: an `HVMMemType`.
    public var memType: UInt16 = 0
    public var pad: InlineArray<2, UInt16> = .init(repeating: 0)
    public var pfn: UInt64 = 0
    @inlinable public init() {}
}

/// hvm/hvm_op.h: hvmmem_type_t.
@frozen public enum HVMMemType: UInt16, Sendable {
    case ramRW = 0
    case ramRO = 1
    case mmioDM = 2
    case unused = 3
    case ioreqServer = 4
}

/// hvm/hvm_op.h: struct xen_hvm_evtchn_upcall_vector (x86).
@frozen public struct HVMEvtchnUpcallVector: BitwiseCopyable, Sendable {
    public var vcpu: UInt32 = 0
    public var vector: UInt8 = 0
    @inlinable public init() {}
}

/// Parameters of an HVM domain (hvm/params.h: HVM_PARAM_*).
@frozen public enum HVMParam: UInt32, Sendable {
    case callbackIRQ = 0
    case storePFN = 1
    case storeEvtchn = 2
    case paeEnabled = 4
    case ioreqPFN = 5
    case bufioreqPFN = 6
    case viridian = 9
    case timerMode = 10
    case hpetEnabled = 11
    case identPT = 12
    case dmDomain = 13
    case acpiSState = 14
    case vm86TSS = 15
    case vptAlign = 16
    case consolePFN = 17
    case consoleEvtchn = 18
    case acpiIOPortsLocation = 19
    case memoryEventCR0 = 20
    case memoryEventCR3 = 21
    case memoryEventCR4 = 22
    case memoryEventInt3 = 23
    case nestedHVM = 24
    case memoryEventSingleStep = 25
    case bufioreqEvtchn = 26
    case pagingRingPFN = 27
    case monitorRingPFN = 28
    case sharingRingPFN = 29
    case memoryEventMSR = 30
    case tripleFaultReason = 31
    case ioreqServerPFN = 32
    case nrIoreqServerPages = 33
    case vmGenerationIDAddress = 34
    case altp2m = 35
    case x87FIPWidth = 36
    case vm86TSSSized = 37
    case mcaCap = 38

    /// Numbers are below this, with gaps (Xen: HVM_NR_PARAMS).
    @inlinable public static var count: UInt32 { 39 }

    /// Its place in a set of parameters.
    @inlinable public var bit: UInt64 { 1 << UInt64(rawValue) }
}

/// The value of `HVMParam.callbackIRQ`: the type in the top byte (hvm/params.h: HVM_PARAM_CALLBACK_*).
public enum HVMCallback {
    @inlinable public static var typeMask: UInt64 { 0xFF00_0000_0000_0000 }
    @inlinable public static var typeGSI: UInt64 { 0 }
    @inlinable public static var typePCIINTx: UInt64 { 1 }
    /// x86.
    @inlinable public static var typeVector: UInt64 { 2 }
    /// ARM.
    @inlinable public static var typePPI: UInt64 { 2 }
    @inlinable public static var ppiFlagMask: UInt64 { 0xFF00 }
    @inlinable public static var ppiFlagLowLevel: UInt64 { 2 }
}
