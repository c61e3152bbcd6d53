// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@testable import X86

/// Xen's lines, with what is really the case.
@Suite struct SpeculationReportTests {
    private func lines(_ facts: SpeculationFacts, _ list: String = "psfd=0") -> [String] {
        var lines: [String] = []
        SpeculationPlan(facts, words(list)).report(facts) { line in
            lines.append(String(decoding: (0..<line.count).map { line.bytes[$0] }, as: UTF8.self))
        }
        return lines
    }

    @Test func modern() {
        #expect(lines(zen3) == [
            "Speculative mitigation facilities:", "  Hardware hints: BTC_NO IBPB_BRTYPE",
            "  Hardware features: IBPB IBRS STIBP SSBD PSFD VERW_CLEAR",
            "  Xen settings: SPEC_CTRL: IBRS+ STIBP+ SSBD- PSFD-, Other: IBPB-ctxt VERW",
            "  Support for HVM VMs: MSR_SPEC_CTRL RSB VERW IBPB-entry",
        ])
        #expect(lines(zen3, "no")[3...] == ["  Xen settings: SPEC_CTRL: IBRS- STIBP+ SSBD- PSFD-, Other:", "  Support for HVM VMs: None"])
    }

    @Test func older() {
        #expect(lines(zen1)[3...] == ["  Xen settings: SPEC_CTRL: No, Other: IBPB-ctxt DIV", "  Support for HVM VMs: RSB IBPB-entry"])
    }

    @Test func nothingThere() {
        #expect(lines(emulated) == [
            "Speculative mitigation facilities:", "  Hardware hints:", "  Hardware features:", "  Xen settings: SPEC_CTRL: No, Other:",
            "  Support for HVM VMs: None",
        ])
    }
}
