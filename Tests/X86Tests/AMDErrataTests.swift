// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@testable import X86

@Suite struct AMDErrataTests {
    private func settings(_ facts: SpeculationFacts, _ list: String = "psfd=0") -> [UInt32: UInt64] {
        var found: [UInt32: UInt64] = [:]
        for index in 0..<AMDErrata.count {
            if let setting = AMDErrata.setting(index, facts, words(list)) { found[setting.register, default: 0] |= setting.bits }
        }
        return found
    }

    @Test func settings() {
        var kabini = processor(0x16)
        let fenced = processor(0x19, [.stibp], [.lfenceSerialises, .automaticIBRS])
        let fixed = processor(0x17, [.stibp], microcode: 0x0830_107a)
        let table: [(String, SpeculationFacts, [UInt32: UInt64])] = [
            ("0xf", processor(0xf), [:]), ("0x10", processor(0x10), [0xc001_1029: 2]), ("0x11", processor(0x11), [:]),
            ("0x12", processor(0x12), [0xc001_1029: 0x8000_0002]), ("0x15", bulldozer, [0xc001_1029: 2]),
            ("0x16", kabini, [0xc001_1029: 2, 0xc001_1020: 0x8000]),
            ("Zen 1", zen1, [0xc001_1029: 2, 0xc001_1028: 0x200]),
            ("Hygon", processor(0x18), [0xc001_1029: 2]),
            ("Zen 2", zen2, [0xc001_1029: 0x202, 0xc001_102e: 1 << 33, 0xc001_10e3: 2]),
            ("Zen 2, new microcode", fixed, [0xc001_1029: 2, 0xc001_102e: 1 << 33, 0xc001_10e3: 2]),
            ("Zen 2, old microcode", processor(0x17, [.stibp], microcode: 0x0830_1079), [0xc001_1029: 0x202, 0xc001_102e: 1 << 33, 0xc001_10e3: 2]),
            ("Zen 3", zen3, [:]), ("Zen 4", fenced, [0xc001_102e: 1 << 5]), ("Zen 5", zen5, [0xc001_102e: 1 << 4]),
            ("emulated", emulated, [:]), ("Zen 2 below another", processor(0x17, [.stibp], virtualised: true), [:]),
            ("of another maker", SpeculationFacts(), [:]),
        ]
        for (name, facts, expected) in table { #expect(settings(facts) == expected, "\(name)") }
        kabini.model = 0x30
        #expect(settings(kabini)[0xc001_1020] == nil)
        #expect(settings(zen5, "no-bp-spec-reduce") == [:])
    }

    /// Loads wait for stores, by each family's own bit where SPEC_CTRL has none.
    @Test(arguments: [
        (0x15, [], 0xc001_1020, 1 << 54), (0x16, [], 0xc001_1020, 1 << 33 | 1 << 15), (0x17, [], 0xc001_1020, 1 << 10),
        (0x18, [], 0xc001_1020, 1 << 10), (0x17, [.virtualSSBD], 0xc001_011f, 4),
    ] as [(UInt32, [SpeculationFacts.BranchHint], UInt32, UInt64)])
    func storeBypass(family: UInt32, hints: [SpeculationFacts.BranchHint], register: UInt32, bits: UInt64) {
        #expect(settings(processor(family, hints), "ssbd")[register] == bits)
        #expect(settings(processor(family, hints), "ssbd=0")[register] != bits)
        for better: SpeculationFacts.BranchHint in [.ssbd, .noStoreBypass] {
            #expect((settings(processor(family, hints + [better]), "ssbd")[register] ?? 0) & bits & ~0x8000 == 0)
        }
        let below = settings(processor(family, hints, virtualised: true), "ssbd")
        #expect(below == (hints == [] ? [:] : [register: bits]))
    }
}
