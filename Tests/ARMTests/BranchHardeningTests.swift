// SPDX-License-Identifier: Apache-2.0

import ARM
import Testing

/// MIDR_EL1 of Arm's part `part`, r<variant>p<revision>.
func midr(_ part: UInt64, _ variant: UInt64 = 0, _ revision: UInt64 = 0, maker: UInt64 = 0x41) -> UInt64 {
    maker << 24 | variant << 20 | 0xf << 16 | part << 4 | revision
}

/// What a processor does on exceptions from guests, from what it says of itself and what its firmware says.
@Suite struct BranchHardeningTests {
    struct Row: Sendable {
        let midr: UInt64
        var separation: UInt64 = 0
        var hides = false
        var clears = false
        var first = WorkaroundAnswer.missing
        var third = WorkaroundAnswer.missing
        let expected: BranchHardening
    }

    static let call1 = BranchHardening.firmware(0x8000_8000), call3 = BranchHardening.firmware(0x8000_3fff)
    static let (a53, a57, a72, a73, a76, a78, n2): (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
        (0xd03, 0xd07, 0xd08, 0xd09, 0xd0b, 0xd41, 0xd49)

    static let rows = [
        // Targets alone.
        Row(midr: midr(a57, 1, 2), expected: .missing), Row(midr: midr(a57), first: .required, expected: call1),
        Row(midr: midr(a57), first: .unaffected, expected: .none), Row(midr: midr(a57), separation: 1, expected: .none),
        Row(midr: midr(a72, 0, 3), first: .required, third: .required, expected: call1),
        // History: a loop where that helps, whatever the firmware has.
        Row(midr: midr(a72, 1, 0), separation: 1, expected: .loop(8)), Row(midr: midr(a76, 3, 0), separation: 1, expected: .loop(24)),
        Row(midr: midr(a76), separation: 1, third: .required, expected: .loop(24)),
        Row(midr: midr(a78), separation: 1, expected: .loop(32)), Row(midr: midr(n2), separation: 2, clears: true, expected: .clear),
        Row(midr: midr(n2), separation: 2, hides: true, clears: true, expected: .none),
        Row(midr: midr(a78), separation: 3, expected: .none),
        // History by the firmware.
        Row(midr: midr(a73), expected: .missing), Row(midr: midr(a73), first: .required, expected: call1),
        Row(midr: midr(a73), first: .required, third: .required, expected: call3),
        Row(midr: midr(a73), separation: 1, first: .required, expected: .missing),
        Row(midr: midr(0xd0a), separation: 1, third: .required, expected: call3),
        Row(midr: midr(a73), separation: 1, third: .unaffected, expected: .none),
        // Not in the table.
        Row(midr: midr(a53), expected: .none), Row(midr: midr(a53), first: .unaffected, third: .unaffected, expected: .none),
        Row(midr: midr(a57, maker: 0x43), first: .required, expected: call1),
        Row(midr: midr(0x0af, maker: 0x43), separation: 1, first: .required, third: .required, expected: call3),
        Row(midr: midr(0x0af, maker: 0x43), separation: 1, first: .required, expected: .none),
        Row(midr: midr(a57, maker: 0x43), expected: .none),
    ]

    @Test(arguments: rows.indices) func whatIsDoneOnExceptions(index: Int) {
        let row = Self.rows[index]
        let processor = PredictionFeatures(
            midr: row.midr, pfr0: row.separation << 56, mmfr1: row.hides ? 1 << 60 : 0, isar2: row.clears ? 1 << 28 : 0)
        #expect(BranchHardening(processor, workaround1: row.first, workaround3: row.third) == row.expected)
    }

    /// What the vectors take apart again.
    @Test func theWordOfTheVectors() {
        #expect(BranchHardening.none.word == 0 && BranchHardening.missing.word == 0)
        #expect(BranchHardening.clear.word == 0x100_0000_0000 && BranchHardening.loop(32).word == 0x20_0000_0000)
        #expect(Self.call1.word == 0x8000_8000 && Self.call3.word == 0x8000_3fff)
    }

    @Test(arguments: [
        (0, .required), (1, .unaffected), (5, .unaffected), (.max, .missing), (0xffff_ffff, .missing), (0xffff_fffe, .notRequired),
        (1 << 32, .required), (0xffff_fff0, .missing),
    ] as [(UInt64, WorkaroundAnswer)])
    func answersAre32Bits(result: UInt64, answer: WorkaroundAnswer) { #expect(WorkaroundAnswer(result) == answer) }

    /// What the firmware has, what the command line wants: what it is told, and what guests are told.
    @Test(arguments: [
        (.missing, .runtime, .unknown, nil, -1), (.notRequired, .forceDisabled, .mitigated, nil, -2),
        (.required, .runtime, .runtime, 1, 0), (.unaffected, .runtime, .runtime, nil, 0),
        (.required, .forceDisabled, .forceDisabled, 0, -1), (.unaffected, .forceEnabled, .forceEnabled, 1, -2),
    ] as [(WorkaroundAnswer, StoreBypass, StoreBypass, UInt64?, Int64)])
    func storeBypass(answer: WorkaroundAnswer, wanted: StoreBypass, state: StoreBypass, setting: UInt64?, told: Int64) {
        let found = StoreBypass(wanted, answer)
        #expect(found == state && found.setting(answer) == setting)
        var guest = GuestWorkarounds()
        guest.add(.none, found)
        #expect(guest.storeBypass == found && guest.feature(SMCCC.workaround2) == told)
        guest.add(.none, .unknown)
        #expect(guest.storeBypass == found, "a processor that does not know changes nothing")
    }

    /// Guests are offered what is done, and nothing else: a workaround that nobody carries out would be a lie.
    @Test func whatGuestsAreOffered() {
        var guest = GuestWorkarounds()
        for hardening in [BranchHardening.none, .missing, .clear, .loop(8)] { guest.add(hardening, .unknown) }
        #expect(guest.feature(SMCCC.workaround1) == -1 && guest.feature(SMCCC.workaround3) == -1)
        guest.add(Self.call1, .runtime)
        #expect(guest.feature(SMCCC.workaround1) == 0 && guest.feature(SMCCC.workaround3) == -1)
        guest.add(Self.call3, .runtime)
        guest.add(.none, .runtime)
        #expect(GuestWorkarounds(rawValue: guest.rawValue) == guest && guest.storeBypass == .runtime)
        #expect(guest.feature(SMCCC.workaround1) == 0 && guest.feature(SMCCC.workaround3) == 0)
        for function in [SMCCC.version, SMCCC.architectureFeatures, 0x8000_0002, 0] { #expect(guest.feature(function) == -1) }
    }
}
