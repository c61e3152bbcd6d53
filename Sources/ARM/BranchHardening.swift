// SPDX-License-Identifier: Apache-2.0

/// What of a processor says how it keeps what it learns from branches (ARM DDI 0487, D17.2).
public struct PredictionFeatures: Sendable, BitwiseCopyable {
    public let model: ProcessorModel
    /// ID_AA64PFR0_EL1.CSV2: targets learned in one context are not used in another; 3: nor is the history of branches.
    let separation: UInt64
    /// ID_AA64MMFR1_EL1.ECBHB: an exception to EL2 hides the history.
    let hidesHistory: Bool
    /// ID_AA64ISAR2_EL1.CLRBHB: there is an instruction that clears the history.
    let canClear: Bool

    public init(midr: UInt64, pfr0: UInt64, mmfr1: UInt64, isar2: UInt64) {
        model = ProcessorModel(midr: midr)
        separation = pfr0 >> 56 & 0xf
        hidesHistory = mmfr1 >> 60 & 0xf != 0
        canClear = isar2 >> 28 & 0xf != 0
    }
}

/// What a processor does as soon as a guest's exception reaches EL2, so that nothing that the guest's branches taught it steers the
/// hypervisor's, nor another guest's, who runs after that (XSA-254, XSA-398; Xen: ARM_HARDEN_BRANCH_PREDICTOR, ARM_WORKAROUND_BHB_*).
public enum BranchHardening: Equatable, Sendable {
    /// The processor sees to it.
    case none
    /// CLRBHB
    case clear
    /// So many taken branches, which fill its history.
    case loop(UInt8)
    /// A call of the firmware: `SMCCC.workaround1` or `.workaround3`.
    case firmware(UInt32)
    /// It needs one of the firmware's workarounds, and there is none.
    case missing

    public init(_ processor: PredictionFeatures, workaround1: WorkaroundAnswer, workaround3: WorkaroundAnswer) {
        if processor.separation == 3 {
            self = .none
            return
        }
        switch Self.remedy(processor.model) {
        // Of processors that are not in the table, other makers' above all, the firmware knows.
        case nil where processor.separation != 0: self = Self.call(SMCCC.workaround3, workaround3) ?? .none
        case nil: self = Self.call(SMCCC.workaround3, workaround3) ?? Self.call(SMCCC.workaround1, workaround1) ?? .none
        case .targets: self = processor.separation != 0 ? .none : Self.call(SMCCC.workaround1, workaround1) ?? .missing
        case .history where processor.hidesHistory: self = .none
        case .history where processor.canClear: self = .clear
        case .history(let count?): self = .loop(count)
        case .history(nil):
            // Without CSV2 the first is enough for both.
            let first = processor.separation == 0 ? Self.call(SMCCC.workaround1, workaround1) : nil
            self = Self.call(SMCCC.workaround3, workaround3) ?? first ?? .missing
        }
    }

    /// Nil where the firmware has none.
    private static func call(_ function: UInt32, _ answer: WorkaroundAnswer) -> Self? {
        switch answer {
        case .required: .firmware(function)
        case .unaffected, .notRequired: Self.none
        case .missing: nil
        }
    }

    private enum Remedy {
        /// It shares the targets of branches.
        case targets
        /// It shares their history: a loop of that many branches helps, or else the firmware.
        case history(UInt8?)
    }

    /// Nil for processors that share nothing, or of which nothing is known.
    private static func remedy(_ processor: ProcessorModel) -> Remedy? {
        switch processor.part {
        case ProcessorModel.a57: .targets
        case ProcessorModel.a72: processor.revision < 0x10 ? .targets : .history(8)
        case ProcessorModel.a73, ProcessorModel.a75: .history(nil)
        case ProcessorModel.a76, ProcessorModel.a77, ProcessorModel.n1: .history(24)
        case ProcessorModel.a78, ProcessorModel.a78C, ProcessorModel.x1, ProcessorModel.x2, ProcessorModel.a710,
            ProcessorModel.n2,
            ProcessorModel.v1:
            .history(32)
        default: nil
        }
    }

    /// As the exception vectors read it (arch/arm64/world_switch.S): the function in bits 0-31, the number of branches in 32-39, and
    /// bit 40 for CLRBHB.
    public var word: UInt64 {
        switch self {
        case .none, .missing: 0
        case .clear: 1 << 40
        case .loop(let count): UInt64(count) << 32
        case .firmware(let function): UInt64(function)
        }
    }
}

/// The protection against loads that overtake stores (XSA-263), where it is the firmware's to turn on and off (Xen: enum ssbd_state).
public enum StoreBypass: UInt8, Sendable, BitwiseCopyable {
    /// The firmware does not say.
    case unknown
    /// No processor does such a thing.
    case mitigated
    case forceDisabled
    /// On in the hypervisor, and in a guest until that turns it off.
    case runtime
    case forceEnabled

    /// `wanted` is `spec-ctrl=ssbd=`, one of the last three.
    public init(_ wanted: Self, _ answer: WorkaroundAnswer) {
        switch answer {
        case .missing: self = .unknown
        case .notRequired: self = .mitigated
        case .required, .unaffected: self = wanted
        }
    }

    /// What the firmware is told once, when a processor starts; nil: nothing.
    public func setting(_ answer: WorkaroundAnswer) -> UInt64? {
        switch self {
        case .unknown, .mitigated: nil
        case .forceDisabled: 0
        case .runtime: answer == .required ? 1 : nil
        case .forceEnabled: 1
        }
    }
}

/// What guests are told of the firmware's workarounds: the hypervisor is their firmware (Xen: handle_arch).
public struct GuestWorkarounds: RawRepresentable, Equatable, Sendable, BitwiseCopyable {
    /// One word, which guests' calls read without a lock.
    public private(set) var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init() { rawValue = 0 }

    private static var any: UInt32 { 1 << 8 }
    private static var third: UInt32 { 1 << 9 }
    /// Some processor calls the first or the third as soon as a guest's exception reaches EL2, so that a guest's own call has nothing
    /// left to do; and the third.
    public var callsAny: Bool { rawValue & Self.any != 0 }
    public var callsThird: Bool { rawValue & Self.third != 0 }
    public var storeBypass: StoreBypass { StoreBypass(rawValue: UInt8(truncatingIfNeeded: rawValue)) ?? .unknown }

    /// What one processor says. Of loads and stores all say the same of the machine, whatever they need themselves, or nothing.
    public mutating func add(_ hardening: BranchHardening, _ storeBypass: StoreBypass) {
        if storeBypass != .unknown { rawValue = rawValue & ~0xff | UInt32(storeBypass.rawValue) }
        guard case .firmware(let function) = hardening else { return }
        rawValue |= function == SMCCC.workaround3 ? Self.any | Self.third : Self.any
    }

    /// SMCCC_ARCH_FEATURES
    public func feature(_ function: UInt32) -> Int64 {
        switch function {
        case SMCCC.workaround1: callsAny ? SMCCC.success : SMCCC.notSupported
        case SMCCC.workaround3: callsThird ? SMCCC.success : SMCCC.notSupported
        case SMCCC.workaround2:
            switch storeBypass {
            case .unknown, .forceDisabled: SMCCC.notSupported
            case .runtime: SMCCC.success
            case .forceEnabled, .mitigated: SMCCC.notRequired
            }
        default: SMCCC.notSupported
        }
    }
}
