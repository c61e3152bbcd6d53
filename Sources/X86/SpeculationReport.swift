// SPDX-License-Identifier: Apache-2.0

public import Machine

extension SpeculationPlan {
    /// The lines that Xen prints of what the processor has and of what is done (Xen: print_details), without those of PV guests.
    public func report(_ facts: SpeculationFacts, to print: (LogLine) -> Void) {
        print("Speculative mitigation facilities:")
        print("  Hardware hints:\(Self.hints(facts))")
        print("  Hardware features:\(Self.features(facts))")
        print("  Xen settings: SPEC_CTRL: \(settings)")
        print("  Support for HVM VMs:\(support)")
    }

    private static func hints(_ facts: SpeculationFacts) -> LogLine {
        var line = LogLine()
        let branches: InlineArray<7, (SpeculationFacts.BranchHint, StaticString)> = [
            (.noStoreBypass, " SSB_NO"), (.ibrsAlways, " IBRS_ALWAYS"), (.stibpAlways, " STIBP_ALWAYS"),
            (.ibrsFast, " IBRS_FAST"),
            (.ibrsSameMode, " IBRS_SAME_MODE"), (.noTypeConfusion, " BTC_NO"), (.ibpbReturns, " IBPB_RET"),
        ]
        for index in branches.indices where facts.has(branches[index].0) { line.append(branches[index].1) }
        let extended: InlineArray<3, (SpeculationFacts.ExtendedHint, StaticString)> = [
            (.ibpbTypes, " IBPB_BRTYPE"), (.noReturnOverflow, " SRSO_NO"), (.noUserReturnOverflow, " SRSO_US_NO"),
        ]
        for index in extended.indices where facts.has(extended[index].0) { line.append(extended[index].1) }
        if facts.has(.noStoreQueueAttack) { line.append(" TSA_SQ_NO") }
        if facts.has(.noL1Attack) { line.append(" TSA_L1_NO") }
        return line
    }

    private static func features(_ facts: SpeculationFacts) -> LogLine {
        var line = LogLine()
        let branches: InlineArray<6, (SpeculationFacts.BranchHint, StaticString)> = [
            (.ibpb, " IBPB"), (.ibrs, " IBRS"), (.stibp, " STIBP"), (.ssbd, " SSBD"), (.psfd, " PSFD"),
            (.virtualSSBD, " VIRT_SSBD"),
        ]
        for index in branches.indices where facts.has(branches[index].0) { line.append(branches[index].1) }
        if facts.has(.sbpb) { line.append(" SBPB") }
        if facts.has(.reducesPrediction) { line.append(" SRSO_MSR_FIX") }
        if facts.clearsWithVERW { line.append(" VERW_CLEAR") }
        return line
    }

    private var settings: LogLine {
        var line = LogLine()
        func state(_ bit: UInt32, _ on: StaticString, _ off: StaticString) -> StaticString {
            hostControl & bit != 0 ? on : off
        }
        line.append(hasControl ? state(SpeculationControl.ibrs, "IBRS+", "IBRS-") : "No")
        if knownControl & SpeculationControl.stibp != 0 {
            line.append(state(SpeculationControl.stibp, " STIBP+", " STIBP-"))
        }
        if knownControl & SpeculationControl.ssbd != 0 { line.append(state(SpeculationControl.ssbd, " SSBD+", " SSBD-")) }
        if knownControl & SpeculationControl.psfd != 0 { line.append(state(SpeculationControl.psfd, " PSFD+", " PSFD-")) }
        line.append(", Other:")
        let all = guards(isDom0: false)
        if barrierOnSwitch { line.append(" IBPB-ctxt") }
        if all.contains(.verw) { line.append(" VERW") }
        if all.contains(.divide) { line.append(" DIV") }
        return line
    }

    private var support: LogLine {
        var line = LogLine()
        let all = guards(isDom0: false)
        if all.isDisjoint(with: [.control, .returns, .verw, .barrier]) { line.append(" None") }
        if all.contains(.control) { line.append(" MSR_SPEC_CTRL") }
        if all.contains(.returns) { line.append(" RSB") }
        if all.contains(.verw) { line.append(" VERW") }
        if all.contains(.barrier) { line.append(" IBPB-entry") }
        return line
    }
}
