// SPDX-License-Identifier: Apache-2.0

/// The registers that say in which mode a guest's processor is.
public struct ControlState: Equatable, Sendable, BitwiseCopyable {
    public var cr0: UInt64
    public var cr3: UInt64
    public var cr4: UInt64
    /// Without SVME, which is the host's.
    public var efer: UInt64
    /// Attributes of the code segment, as a control block has them.
    public var code: UInt16

    public init(cr0: UInt64, cr3: UInt64, cr4: UInt64, efer: UInt64, code: UInt16) {
        self.cr0 = cr0
        self.cr3 = cr3
        self.cr4 = cr4
        self.efer = efer
        self.code = code
    }

    var isPaging: Bool { cr0 & CR0.paging != 0 }
    var isLongActive: Bool { efer & EFER.longActive != 0 }
    var isLongCode: Bool { code & SegmentAttributes.isLong != 0 }

    /// Whether translations that the processor keeps are no longer those of the state that it was in: of paging itself, write
    /// protection, and what of CR4 and EFER says how entries are read (AMD APM 2, 5.5.2).
    public func keepsTranslations(of old: Self) -> Bool {
        let control =
            CR4.pageSize | CR4.addressExtension | CR4.global | CR4.processContexts | CR4.noSupervisorExecution
            | CR4.noSupervisorAccess
        return (cr0 ^ old.cr0) & (CR0.paging | CR0.protection | CR0.writeProtection) == 0 && (cr4 ^ old.cr4) & control == 0
            && (efer ^ old.efer) & (EFER.noExecution | EFER.longActive) == 0
    }
}

/// Bits of CR0 (AMD APM 2, 3.1.1).
enum CR0 {
    static var protection: UInt64 { 1 << 0 }
    static var monitorCoprocessor: UInt64 { 1 << 1 }
    static var emulation: UInt64 { 1 << 2 }
    static var taskSwitched: UInt64 { 1 << 3 }
    static var extensionType: UInt64 { 1 << 4 }
    static var writeProtection: UInt64 { 1 << 16 }
    static var notWriteThrough: UInt64 { 1 << 29 }
    static var cacheDisable: UInt64 { 1 << 30 }
    static var paging: UInt64 { 1 << 31 }
    /// PE MP EM TS ET NE WP AM NW CD PG. The other lower ones are ignored.
    static var known: UInt64 { 0xe005_003f }
}

/// Bits of CR4 (AMD APM 2, 3.1.3).
enum CR4 {
    static var virtual8086: UInt64 { 3 << 0 }
    static var timeStampDisable: UInt64 { 1 << 2 }
    static var debugExtensions: UInt64 { 1 << 3 }
    static var pageSize: UInt64 { 1 << 4 }
    static var addressExtension: UInt64 { 1 << 5 }
    static var machineCheck: UInt64 { 1 << 6 }
    static var global: UInt64 { 1 << 7 }
    static var counters: UInt64 { 1 << 8 }
    static var saveVectors: UInt64 { 1 << 9 }
    static var vectorExceptions: UInt64 { 1 << 10 }
    static var userInstructionPrevention: UInt64 { 1 << 11 }
    static var segmentBases: UInt64 { 1 << 16 }
    static var processContexts: UInt64 { 1 << 17 }
    static var extendedSave: UInt64 { 1 << 18 }
    static var noSupervisorExecution: UInt64 { 1 << 20 }
    static var noSupervisorAccess: UInt64 { 1 << 21 }
    static var protectionKeys: UInt64 { 1 << 22 }
}

/// Bits of IA32_EFER (AMD APM 2, 3.1.7).
public enum EFER {
    static var systemCall: UInt64 { 1 << 0 }
    static var longEnable: UInt64 { 1 << 8 }
    static var longActive: UInt64 { 1 << 10 }
    static var noExecution: UInt64 { 1 << 11 }
    /// What VMRUN wants to see.
    public static var virtualisation: UInt64 { 1 << 12 }
    static var fastSave: UInt64 { 1 << 14 }
}

/// What a guest may write to its control registers, by what CPUID offers it (Xen: hvm_set_cr0, hvm_set_cr4, hvm_efer_valid).
///
/// Not left to the processor, which goes by its own features, and of which QEMU's (7.2) checks nearly nothing: VMRUN then refuses
/// the state, and the guest could not go on.
public struct ControlRules: Sendable, BitwiseCopyable {
    /// Bits of CR4 that may be set.
    public let cr4: UInt64
    /// Bits of EFER that may be set, and LMA.
    public let features: UInt64
    /// Bits of XCR0 that may be set; 0 without XSAVE.
    public let extendedStates: UInt64
    /// Bits of a physical address.
    public let addressBits: UInt64
    /// There are memory type range registers.
    public let hasMemoryTypes: Bool

    public init(_ offered: CPUFeatureSet, extendedStates: UInt64, addressBits: UInt64) {
        let basic: InlineArray<9, (UInt32, UInt64)> = [
            (1 << 1, CR4.virtual8086), (1 << 2, CR4.debugExtensions), (1 << 3, CR4.pageSize), (1 << 4, CR4.timeStampDisable),
            (1 << 6, CR4.addressExtension), (1 << 7 | 1 << 14, CR4.machineCheck), (1 << 13, CR4.global),
            (1 << 24, CR4.saveVectors), (1 << 25, CR4.vectorExceptions),
        ]
        var cr4 = CR4.counters
        for index in basic.indices where offered.basicEDX & basic[index].0 != 0 { cr4 |= basic[index].1 }
        if offered.has(.pcid) { cr4 |= CR4.processContexts }
        if offered.has(.xsave) { cr4 |= CR4.extendedSave }
        let structured: InlineArray<3, (UInt32, UInt64)> = [
            (1 << 0, CR4.segmentBases), (1 << 7, CR4.noSupervisorExecution), (1 << 20, CR4.noSupervisorAccess),
        ]
        for index in structured.indices where offered.structuredEBX & structured[index].0 != 0 { cr4 |= structured[index].1 }
        if offered.structuredECX >> 2 & 1 != 0 { cr4 |= CR4.userInstructionPrevention }
        if offered.has(.pku) { cr4 |= CR4.protectionKeys }
        self.cr4 = cr4
        var features: UInt64 = 0
        if offered.extendedEDX >> 11 & 1 != 0 { features |= EFER.systemCall }
        if offered.has(.lm) { features |= EFER.longEnable | EFER.longActive }
        if offered.has(.nx) { features |= EFER.noExecution }
        if offered.has(.ffxsr) { features |= EFER.fastSave }
        self.features = features
        self.extendedStates = extendedStates
        self.addressBits = addressBits
        hasMemoryTypes = offered.basicEDX >> 12 & 1 != 0
    }

    // MARK: Writes. Each returns the state that comes of it, or nil for #GP.

    public func writingCR0(_ value: UInt64, _ old: ControlState) -> ControlState? {
        guard value >> 32 == 0 else { return nil }
        var new = old
        new.cr0 = value & CR0.known | CR0.extensionType
        if new.isPaging, new.cr0 & CR0.protection == 0 { return nil }
        if new.cr0 & CR0.notWriteThrough != 0, new.cr0 & CR0.cacheDisable == 0 { return nil }
        if new.isPaging, !old.isPaging, old.efer & EFER.longEnable != 0 {
            guard old.cr4 & CR4.addressExtension != 0, !old.isLongCode else { return nil }
            new.efer |= EFER.longActive
        }
        if !new.isPaging, old.isPaging {
            // AMD's processors would shut down; what Intel's do is what Xen does.
            if old.isLongActive, old.isLongCode { return nil }
            if old.cr4 & CR4.processContexts != 0 { return nil }
            new.efer &= ~EFER.longActive
        }
        return new
    }

    /// LMSW: the lower four bits, of which the first is never cleared.
    public func writingMachineStatus(_ value: UInt64, _ old: ControlState) -> ControlState? {
        writingCR0(old.cr0 & ~0xe | value & 0xf, old)
    }

    /// CLTS.
    public func clearingTaskSwitched(_ old: ControlState) -> ControlState? { writingCR0(old.cr0 & ~CR0.taskSwitched, old) }

    /// What the processor would have to refuse, and QEMU's (7.2) makes an end of the guest.
    public func writingCR3(_ value: UInt64, _ old: ControlState) -> ControlState? {
        guard !old.isLongActive || value >> addressBits == 0 else { return nil }
        var new = old
        new.cr3 = old.isLongActive ? value : value & 0xffff_ffff
        return new
    }

    public func writingCR4(_ value: UInt64, _ old: ControlState) -> ControlState? {
        guard value & ~cr4 == 0 else { return nil }
        if value & CR4.addressExtension == 0, old.isLongActive { return nil }
        if value & ~old.cr4 & CR4.processContexts != 0, !old.isLongActive || old.cr3 & 0xfff != 0 { return nil }
        var new = old
        new.cr4 = value
        return new
    }

    /// LMA is the processor's own: what is written there is ignored.
    public func writingEFER(_ value: UInt64, _ old: ControlState) -> ControlState? {
        guard value & ~(features | EFER.longActive) == 0 else { return nil }
        // Long mode is turned on and off with paging off.
        if (value ^ old.efer) & EFER.longEnable != 0, old.isPaging { return nil }
        var new = old
        new.efer = value & ~EFER.longActive | old.efer & EFER.longActive
        // Code that was loaded as 64-bit code before there was any stays 32-bit code until it is loaded anew.
        if new.efer & ~old.efer & EFER.longEnable != 0 { new.code &= ~SegmentAttributes.isLong }
        return new
    }

    /// Whether XCR0 may be that: x87 always, AVX only with SSE.
    public func allowsExtendedControl(_ value: UInt64) -> Bool {
        value & 1 != 0 && value & ~extendedStates == 0 && (value & 4 == 0 || value & 2 != 0)
    }
}

/// The debug status and control registers (AMD APM 2, 13.1.1).
public enum DebugRegister {
    /// What DR6 or DR7 keeps of a value; nil for #GP. `number` is 4 to 7, the first two being other names of the last two.
    public static func kept(_ value: UInt64, in number: Int) -> UInt64? {
        guard value >> 32 == 0 else { return nil }
        return number & 1 == 0 ? value & 0xffff_efff | 0xffff_0ff0 : value & 0xffff_2fff | 0x400
    }
}
