// SPDX-License-Identifier: Apache-2.0

/// Hypercall numbers (xen.h: __HYPERVISOR_*).
@frozen public enum Hypercall: UInt32, Sendable {
    case setTrapTable = 0
    case mmuUpdate = 1
    case setGDT = 2
    case stackSwitch = 3
    case setCallbacks = 4
    case fpuTaskswitch = 5
    case schedOpCompat = 6
    case platformOp = 7
    case setDebugreg = 8
    case getDebugreg = 9
    case updateDescriptor = 10
    case memoryOp = 12
    case multicall = 13
    case updateVAMapping = 14
    case setTimerOp = 15
    case eventChannelOpCompat = 16
    case xenVersion = 17
    case consoleIO = 18
    case physdevOpCompat = 19
    case grantTableOp = 20
    case vmAssist = 21
    case updateVAMappingOtherDomain = 22
    case iret = 23
    case vcpuOp = 24
    case setSegmentBase = 25
    case mmuextOp = 26
    case xsmOp = 27
    case nmiOp = 28
    case schedOp = 29
    case callbackOp = 30
    case xenoprofOp = 31
    case eventChannelOp = 32
    case physdevOp = 33
    case hvmOp = 34
    case sysctl = 35
    case domctl = 36
    case kexecOp = 37
    case tmemOp = 38
    case argoOp = 39
    case xenpmuOp = 40
    case dmOp = 41
    case hypfsOp = 42
    case arch0 = 48
    case arch1 = 49
    case arch2 = 50
    case arch3 = 51
    case arch4 = 52
    case arch5 = 53
    case arch6 = 54
    case arch7 = 55
}

/// The immediate that an ARM guest's HVC instruction carries (arch-arm.h: XEN_HYPERCALL_TAG).
@inlinable public var armHypercallTag: UInt16 { 0xEA1 }

/// One call of a batch (xen.h: struct multicall_entry).
@frozen public struct MulticallEntry<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var operation: Caller.Word = .zero
    public var result: Caller.Word = .zero
    public var arguments: InlineArray<6, Caller.Word> = .init(repeating: .zero)
    @inlinable public init() {}
}

/// Domain numbers that name no domain but a role (xen.h: DOMID_*).
public enum ReservedDomain {
    /// Numbers from here on name no real domain (Xen: DOMID_FIRST_RESERVED).
    @inlinable public static var first: UInt16 { 0x7FF0 }
    /// The caller itself (Xen: DOMID_SELF).
    @inlinable public static var caller: UInt16 { 0x7FF0 }
    /// The owner of memory-mapped devices (Xen: DOMID_IO).
    @inlinable public static var io: UInt16 { 0x7FF1 }
    /// The hypervisor (Xen: DOMID_XEN).
    @inlinable public static var xen: UInt16 { 0x7FF2 }
    /// The owner of shared pages (Xen: DOMID_COW).
    @inlinable public static var copyOnWrite: UInt16 { 0x7FF3 }
    /// Nobody (Xen: DOMID_INVALID).
    @inlinable public static var invalid: UInt16 { 0x7FF4 }
    /// The idle vCPUs (Xen: DOMID_IDLE).
    @inlinable public static var idle: UInt16 { 0x7FFF }
    /// The bits that a domain number may use (Xen: DOMID_MASK).
    @inlinable public static var mask: UInt16 { 0x7FFF }
}

/// Virtual interrupts (xen.h: VIRQ_*). Whether one is per vCPU or global is the event channels' matter.
@frozen public enum VIRQ: UInt32, Sendable {
    case timer = 0
    case debug = 1
    case console = 2
    case domainException = 3
    case traceBuffer = 4
    case debugger = 6
    case xenoprof = 7
    case consoleRing = 8
    case pcpuState = 9
    case memoryEvent = 10
    case argo = 11
    case outOfMemory = 12
    case pmu = 13
    case arch0 = 16
    case arch1 = 17
    case arch2 = 18
    case arch3 = 19
    case arch4 = 20
    case arch5 = 21
    case arch6 = 22
    case arch7 = 23

    /// Numbers are below this, with gaps (Xen: NR_VIRQS).
    @inlinable public static var count: UInt32 { 24 }
}

/// Operations of console_io (xen.h: CONSOLEIO_*).
@frozen public enum ConsoleIOOp: UInt32, Sendable {
    case write = 0
    case read = 1
}

/// Operations of vm_assist (xen.h: VMASST_CMD_*).
@frozen public enum VMAssistCommand: UInt32, Sendable {
    case enable = 0
    case disable = 1
}

/// What vm_assist switches: bit numbers (xen.h: VMASST_TYPE_*).
@frozen public enum VMAssist: UInt32, Sendable {
    case fourGBSegments = 0
    case fourGBSegmentsNotify = 1
    case writablePagetables = 2
    case paeExtendedCR3 = 3
    case architecturalIOPL = 4
    case runstateUpdateFlag = 5
    case m2pStrict = 32
}

/// Flags in the start info of PV and PVH domains (xen.h: SIF_*).
public enum StartInfoFlag {
    @inlinable public static var privileged: UInt32 { 1 << 0 }
    @inlinable public static var initialDomain: UInt32 { 1 << 1 }
    @inlinable public static var multibootModule: UInt32 { 1 << 2 }
    @inlinable public static var moduleStartIsPFN: UInt32 { 1 << 3 }
    @inlinable public static var virtualP2MForTools: UInt32 { 1 << 4 }
}
