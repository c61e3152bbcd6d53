// SPDX-License-Identifier: Apache-2.0

/// What VMRUN refuses to enter (AMD APM 2, 15.5.1, "canonicalization and consistency checks"), where it comes from outside: of
/// the rest, SVME, intercepts and the address space's tag are ours, and an event is looked at by itself.
public enum EntryCheck: Sendable {
    case cacheModeThatIsNone, cr0Upper, cr3Reserved, cr4Reserved, featuresReserved, debugStatusUpper, debugControlUpper
    case longModeWithoutExtension, longModeWithoutProtection, longCodeThatIsWide
    /// No state of a processor's, though VMRUN takes it: LMA where LME and paging do not make it.
    case longModeThatIsNone
    /// Likewise: paging without protected mode.
    case pagingWithoutProtection

    /// In the order of the manual.
    private static var all: InlineArray<12, Self> {
        [
            .cacheModeThatIsNone, .cr0Upper, .cr3Reserved, .cr4Reserved, .debugStatusUpper, .debugControlUpper,
            .featuresReserved, .longModeWithoutExtension, .longModeWithoutProtection, .longCodeThatIsWide,
            .longModeThatIsNone, .pagingWithoutProtection,
        ]
    }

    /// Why a guest cannot be entered; nil where it can.
    public static func failure(of state: EntryState, _ rules: ControlRules) -> Self? {
        let all = all
        for index in all.indices where all[index].fails(state, rules) { return all[index] }
        return nil
    }

    private func fails(_ state: EntryState, _ rules: ControlRules) -> Bool {
        let control = state.control
        let isLong = control.efer & EFER.longEnable != 0 && control.isPaging
        return switch self {
        case .cacheModeThatIsNone: control.cr0 & (CR0.cacheDisable | CR0.notWriteThrough) == CR0.notWriteThrough
        case .cr0Upper: control.cr0 >> 32 != 0
        case .cr3Reserved: control.cr3 >> rules.addressBits != 0
        case .cr4Reserved: control.cr4 & ~rules.cr4 != 0
        case .debugStatusUpper: state.debugStatus >> 32 != 0
        case .debugControlUpper: state.debugControl >> 32 != 0
        case .featuresReserved: control.efer & ~rules.features != 0
        case .longModeWithoutExtension: isLong && control.cr4 & CR4.addressExtension == 0
        case .longModeWithoutProtection: isLong && control.cr0 & CR0.protection == 0
        case .longCodeThatIsWide: isLong && control.isLongCode && control.code & SegmentAttributes.isWide != 0
        case .longModeThatIsNone: control.isLongActive && !isLong
        case .pagingWithoutProtection: control.isPaging && control.cr0 & CR0.protection == 0
        }
    }
}

/// Registers of a guest that is about to be entered for the first time.
public struct EntryState: Sendable, BitwiseCopyable {
    public var control: ControlState
    public var debugStatus: UInt64
    public var debugControl: UInt64

    public init(_ control: ControlState, debugStatus: UInt64 = 0xffff_0ff0, debugControl: UInt64 = 0x400) {
        self.control = control
        self.debugStatus = debugStatus
        self.debugControl = debugControl
    }
}
