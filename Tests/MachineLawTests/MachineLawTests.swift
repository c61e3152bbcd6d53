// SPDX-License-Identifier: Apache-2.0

import ARM
import P2M
import Testing
import X86

/// The law, on every format of stage 2 and what belongs to it.
@Suite struct MachineLawTests {
    @Test func stage2OfARM() { hold(LawRun("ARM", Stage2Format(addressBits: 40), isX86: false)) }
    @Test func nestedPaging() { hold(LawRun("AMD", NestedFormat(hasHugePages: true), isX86: true)) }
    @Test func extendedPaging() { hold(LawRun("Intel", ExtendedFormat(hasHugePages: true), isX86: true)) }

    private func hold<Format: EntryFormat>(_ run: LawRun<Format>) {
        if let text = run.disagreement() { Issue.record("\(text)") }
    }
}
