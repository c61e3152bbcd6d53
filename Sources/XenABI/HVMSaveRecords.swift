// SPDX-License-Identifier: Apache-2.0

// hvm/save.h and arch-x86/hvm/save.h: what an x86 HVM domain's state is saved as. ARM saves nothing so.

/// hvm/save.h: struct hvm_save_descriptor.
@frozen public struct HVMSaveDescriptor: BitwiseCopyable, Sendable {
    /// An `HVMSaveType`.
    public var typecode: UInt16 = 0
    public var instance: UInt16 = 0
    /// Bytes that follow.
    public var length: UInt32 = 0
    @inlinable public init() {}
}

/// `HVMSaveDescriptor.typecode` (arch-x86/hvm/save.h: HVM_SAVE_CODE).
@frozen public enum HVMSaveType: UInt16, Sendable {
    case end = 0
    case header = 1
    case cpu = 2
    case pic = 3
    case ioAPIC = 4
    case localAPIC = 5
    case localAPICRegisters = 6
    case pciIRQs = 7
    case isaIRQs = 8
    case pciLinks = 9
    case pit = 10
    case rtc = 11
    case hpet = 12
    case pmTimer = 13
    case mtrr = 14
    case viridianDomain = 15
    case xsave = 16
    case viridianVCPU = 17
    case machineCheck = 18
    case tscAdjust = 19
    case msrs = 20

    /// Xen: HVM_SAVE_CODE_MAX.
    @inlinable public static var last: UInt16 { 20 }
}

/// Single constants of arch-x86/hvm/save.h.
public enum HVMSaveConstant {
    /// In `HVMSaveHeader.magic`.
    @inlinable public static var magic: UInt32 { 0x5438_1286 }
    /// In `HVMSaveHeader.version`.
    @inlinable public static var version: UInt32 { 1 }
    /// In `HVMSavedCPU.flags`.
    @inlinable public static var fpuInitialised: UInt32 { 1 << 0 }
    @inlinable public static var ioAPICPins: UInt32 { 48 }
    /// Bytes.
    @inlinable public static var cmosSize: UInt32 { 14 }
    @inlinable public static var hpetTimers: UInt32 { 3 }
    @inlinable public static var variableMTRRs: UInt32 { 8 }
    @inlinable public static var fixedMTRRs: UInt32 { 11 }
}

/// arch-x86/hvm/save.h: struct hvm_save_header.
@frozen public struct HVMSaveHeader: BitwiseCopyable, Sendable {
    public var magic: UInt32 = 0
    public var version: UInt32 = 0
    public var changeset: UInt64 = 0
    public var cpuid: UInt32 = 0
    public var gtscKhz: UInt32 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_lapic.
@frozen public struct HVMSavedLocalAPIC: BitwiseCopyable, Sendable {
    public var apicBaseMsr: UInt64 = 0
    public var disabled: UInt32 = 0
    public var timerDivisor: UInt32 = 0
    public var tdtMsr: UInt64 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_lapic_regs.
@frozen public struct HVMSavedLocalAPICRegisters: BitwiseCopyable, Sendable {
    public var data = InlineArray<1024, UInt8>(repeating: 0)
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_pci_irqs.
@frozen public struct HVMSavedPCIIRQs: BitwiseCopyable, Sendable {
    /// A bitmap by device * 4 + pin.
    public var wires = InlineArray<2, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_isa_irqs.
@frozen public struct HVMSavedISAIRQs: BitwiseCopyable, Sendable {
    /// A bitmap.
    public var wires = InlineArray<1, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_pci_link.
@frozen public struct HVMSavedPCILinks: BitwiseCopyable, Sendable {
    public var route = InlineArray<4, UInt8>(repeating: 0)
    public var pad0 = InlineArray<4, UInt8>(repeating: 0)
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_pit_channel.
@frozen public struct HVMSavedPITChannel: BitwiseCopyable, Sendable {
    public var count: UInt32 = 0
    public var latchedCount: UInt16 = 0
    public var countLatched: UInt8 = 0
    public var statusLatched: UInt8 = 0
    public var status: UInt8 = 0
    public var readState: UInt8 = 0
    public var writeState: UInt8 = 0
    public var writeLatch: UInt8 = 0
    public var rwMode: UInt8 = 0
    public var mode: UInt8 = 0
    public var bcd: UInt8 = 0
    public var gate: UInt8 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_pit.
@frozen public struct HVMSavedPIT: BitwiseCopyable, Sendable {
    public var channels = InlineArray<3, HVMSavedPITChannel>(repeating: HVMSavedPITChannel())
    public var speakerDataOn: UInt32 = 0
    public var pad0: UInt32 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_rtc.
@frozen public struct HVMSavedRTC: BitwiseCopyable, Sendable {
    public var cmosData = InlineArray<14, UInt8>(repeating: 0)
    public var cmosIndex: UInt8 = 0
    public var pad0: UInt8 = 0
    public var rtcOffset: Int64 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_hpet, timers.
@frozen public struct HVMSavedHPETTimer: BitwiseCopyable, Sendable {
    public var config: UInt64 = 0
    public var cmp: UInt64 = 0
    public var fsb: UInt64 = 0
    public var res4: UInt64 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_hpet.
@frozen public struct HVMSavedHPET: BitwiseCopyable, Sendable {
    public var capability: UInt64 = 0
    public var res0: UInt64 = 0
    public var config: UInt64 = 0
    public var res1: UInt64 = 0
    public var isr: UInt64 = 0
    public var res2 = InlineArray<25, UInt64>(repeating: 0)
    public var mc64: UInt64 = 0
    public var res3: UInt64 = 0
    public var timers = InlineArray<3, HVMSavedHPETTimer>(repeating: HVMSavedHPETTimer())
    public var res5 = InlineArray<84, UInt64>(repeating: 0)
    public var period = InlineArray<3, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_pmtimer.
@frozen public struct HVMSavedPMTimer: BitwiseCopyable, Sendable {
    public var tmrVal: UInt32 = 0
    public var pm1aSts: UInt16 = 0
    public var pm1aEn: UInt16 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_mtrr.
@frozen public struct HVMSavedMTRR: BitwiseCopyable, Sendable {
    public var msrPatCr: UInt64 = 0
    public var msrMtrrVar = InlineArray<16, UInt64>(repeating: 0)
    public var msrMtrrFixed = InlineArray<11, UInt64>(repeating: 0)
    public var msrMtrrCap: UInt64 = 0
    public var msrMtrrDefType: UInt64 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_cpu_xsave_hdr.
@frozen public struct HVMSavedXsaveHeader: BitwiseCopyable, Sendable {
    public var xstateBv: UInt64 = 0
    public var xcompBv: UInt64 = 0
    public var reserved = InlineArray<6, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_hw_cpu_xsave.
/// The extended components follow.
@frozen public struct HVMSavedXsave: BitwiseCopyable, Sendable {
    public var xfeatureMask: UInt64 = 0
    public var xcr0: UInt64 = 0
    public var xcr0Accum: UInt64 = 0
    public var legacy = InlineArray<512, UInt8>(repeating: 0)
    public var header = HVMSavedXsaveHeader()
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_viridian_domain_context.
@frozen public struct HVMSavedViridianDomain: BitwiseCopyable, Sendable {
    public var hypercallGpa: UInt64 = 0
    public var guestOsId: UInt64 = 0
    public var timeRefCount: UInt64 = 0
    public var referenceTsc: UInt64 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_viridian_vcpu_context.
@frozen public struct HVMSavedViridianVCPU: BitwiseCopyable, Sendable {
    public var vpAssistMsr: UInt64 = 0
    public var apicAssistPending: UInt8 = 0
    public var pad = InlineArray<7, UInt8>(repeating: 0)
    public var simpMsr: UInt64 = 0
    public var sintMsr = InlineArray<16, UInt64>(repeating: 0)
    public var stimerConfigMsr = InlineArray<4, UInt64>(repeating: 0)
    public var stimerCountMsr = InlineArray<4, UInt64>(repeating: 0)
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_vmce_vcpu.
@frozen public struct HVMSavedMachineCheck: BitwiseCopyable, Sendable {
    public var caps: UInt64 = 0
    public var mciCtl2Bank0: UInt64 = 0
    public var mciCtl2Bank1: UInt64 = 0
    public var mcgExtCtl: UInt64 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_tsc_adjust.
@frozen public struct HVMSavedTSCAdjust: BitwiseCopyable, Sendable {
    public var tscAdjust: UInt64 = 0
    @inlinable public init() {}
}

/// arch-x86/hvm/save.h: struct hvm_one_msr.
/// As many follow a count of 32 bits (struct hvm_msr).
@frozen public struct HVMSavedMSR<Caller: CallerABI>: BitwiseCopyable, Sendable {
    public var index: UInt32 = 0
    public var rsvd: UInt32 = 0
    public var val: Caller.Quad = .zero
    @inlinable public init() {}
}
