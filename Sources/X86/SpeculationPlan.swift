// SPDX-License-Identifier: Apache-2.0

public import Firmware

/// SPEC_CTRL (AMD APM 2, 3.2.9; the same bits as Intel's).
public enum SpeculationControl {
    public static var ibrs: UInt32 { 1 << 0 }
    public static var stibp: UInt32 { 1 << 1 }
    public static var ssbd: UInt32 { 1 << 2 }
    public static var psfd: UInt32 { 1 << 7 }
}

/// What the world switch does around a guest, one bit each; arch/x86/world_switch.S knows them. 0: nothing, which costs nothing.
public struct SwitchGuard: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// SPEC_CTRL is the guest's in the guest, and the host's afterwards.
    public static var control: Self { Self(rawValue: 1 << 0) }
    /// A division, so that the divider holds none of the hypervisor's, nor of another guest's (XSA-439).
    public static var divide: Self { Self(rawValue: 1 << 1) }
    /// VERW before the guest is entered (XSA-471).
    public static var verw: Self { Self(rawValue: 1 << 2) }
    /// The return stack is overwritten after the guest (XSA-254, 422, 426).
    public static var returns: Self { Self(rawValue: 1 << 3) }
    /// IBPB after the guest (XSA-407, 434, 455).
    public static var barrier: Self { Self(rawValue: 1 << 4) }
}

/// What is done about speculation: decided once, by what the processor says and what the command line wants (Xen:
/// init_speculation_mitigations, for HVM guests on AMD).
public struct SpeculationPlan: Equatable, Sendable, BitwiseCopyable {
    /// The processor has SPEC_CTRL.
    public let hasControl: Bool
    /// Bits of SPEC_CTRL that it knows.
    public let knownControl: UInt32
    /// SPEC_CTRL while the hypervisor runs.
    public let hostControl: UInt32
    /// What stays set while guests run, whatever they want.
    public let forcedControl: UInt32
    /// Guests have a SPEC_CTRL of their own.
    public let offersControl: Bool
    /// The processor keeps the guest's in the control block (CPUID 0x8000000a, EDX bit 20); else it is exchanged by hand.
    public let virtualisesControl: Bool
    /// IBPB before another vCPU runs on the processor.
    public let barrierOnSwitch: Bool
    /// That leaves the return stack (XSA-422), which has to be overwritten where exits do not.
    public let fillsReturnsOnSwitch: Bool
    /// VERW before a processor sleeps: its threads share what it clears.
    public let clearsBuffersOnIdle: Bool
    private let guards: SwitchGuard
    private let guardsDom0: SwitchGuard

    /// What is done around a guest. dom0 is trusted not to mistrain the hypervisor unless `ibpb-entry` says otherwise.
    public func guards(isDom0: Bool) -> SwitchGuard { isDom0 ? guardsDom0 : guards }

    public init(_ facts: SpeculationFacts, _ words: SpeculationWords) {
        let isKnown = facts.isAMD
        hasControl = isKnown && facts.has(.ibrs)
        let bits: InlineArray<4, (SpeculationFacts.BranchHint, UInt32)> = [
            (.ibrs, SpeculationControl.ibrs), (.stibp, SpeculationControl.stibp), (.ssbd, SpeculationControl.ssbd),
            (.psfd, SpeculationControl.psfd),
        ]
        var known: UInt32 = 0
        if hasControl { for index in bits.indices where facts.has(bits[index].0) { known |= bits[index].1 } }
        knownControl = known
        // Without thunks for indirect branches IBRS is what there is; STIBP wherever it is, for type confusion on Zen 2.
        var host: UInt32 = 0
        if words.ibrs ?? true { host |= SpeculationControl.ibrs }
        if words.stibp ?? true { host |= SpeculationControl.stibp }
        if words.ssbd { host |= SpeculationControl.ssbd }
        if words.psfd ?? words.ssbd { host |= SpeculationControl.psfd }
        hostControl = host & known
        forcedControl = words.ssbd ? SpeculationControl.ssbd & known : 0
        offersControl = hasControl && words.offersControl
        virtualisesControl = offersControl && facts.virtualisation >> 20 & 1 != 0

        let hasBarrier = isKnown && facts.has(.ibpb)
        barrierOnSwitch = hasBarrier && words.barrierOnSwitch ?? true
        // Whoever is below overwrites it on its way from our guest to us.
        let fills = isKnown && words.fillsReturns ?? !facts.isVirtualised
        fillsReturnsOnSwitch = barrierOnSwitch && !fills && !facts.has(.ibpbReturns)
        let clears = words.clearsBuffers ?? facts.clearsWithVERW
        clearsBuffersOnIdle = clears && facts.hasThreads && !facts.has(.noStoreQueueAttack)
        // One thread alone cannot do it on the first two generations (AMD-SB-7005); IBPB has to forget the types of branches to help.
        let isAlone = (facts.family == 0x17 || facts.family == 0x18) && !facts.hasThreads
        let overflows = !facts.has(.noReturnOverflow) && !isAlone && (facts.has(.ibpbTypes) || facts.family < 0x19)
        let isReduced = facts.has(.reducesPrediction) && words.reducesPrediction
        let needsBarrier = facts.confusesTypes || overflows && !isReduced
        let divides = words.scrubsDivider ?? (facts.isZen1 && !facts.isVirtualised)

        var guards = SwitchGuard()
        if offersControl { guards.insert(.control) }
        if divides { guards.insert(.divide) }
        if clears { guards.insert(.verw) }
        if fills { guards.insert(.returns) }
        guardsDom0 = hasBarrier && words.barrierOnDom0Exit ? guards.union(.barrier) : guards
        if hasBarrier, words.barrierOnExit ?? needsBarrier { guards.insert(.barrier) }
        self.guards = guards
    }

    /// Whether a guest may write `value` to its SPEC_CTRL: bits that `offered` has no feature for are reserved.
    public func allowsControl(_ value: UInt64, offered: CPUFeatureSet) -> Bool {
        var bits: UInt32 = 0
        if offered.has(.ibrs) { bits |= SpeculationControl.ibrs }
        if offered.has(.amdStibp) { bits |= SpeculationControl.stibp }
        if offered.has(.amdSsbd) { bits |= SpeculationControl.ssbd }
        if offered.has(.psfd) { bits |= SpeculationControl.psfd }
        return offersControl && value & ~UInt64(bits & knownControl) == 0
    }
}
