// SPDX-License-Identifier: Apache-2.0

import ARM
import Testing

@Suite struct ProcessorErrataTests {
    static let early = ProcessorErrata.earlyInvalidation, hang = ProcessorErrata.hangsByGuests
    static let rows: [(midr: UInt64, errata: ProcessorErrata)] = [
        (midr(0xd08, 0, 3), []), (midr(0xd03), []), (midr(0xd07, 1, 2), hang), (midr(0xd07, 1, 3), []),
        (midr(0xd0d, 1, 0), [.translationResult, hang, early]), (midr(0xd0d, 1, 1), early), (midr(0xd0b, 4, 1), early),
        (midr(0xd0c), early), (midr(0xd4f), early), (midr(0xd90), early), (midr(0xd0b, maker: 0x51), []), (midr(0xd46), []),
        (midr(0xd81), []),
    ]

    @Test(arguments: rows.indices) func table(index: Int) {
        #expect(ProcessorErrata(midr: Self.rows[index].midr) == Self.rows[index].errata)
    }

    /// Those that Arm names in CVE-2025-10263, and no other of its parts.
    @Test func repeatedInvalidation() {
        let named: Set<UInt64> = [
            0xd0b, 0xd0c, 0xd0d, 0xd0e, 0xd40, 0xd41, 0xd42, 0xd44, 0xd47, 0xd48, 0xd49, 0xd4b, 0xd4c, 0xd4e, 0xd4f, 0xd82, 0xd83,
            0xd84, 0xd85, 0xd8c, 0xd90,
        ]
        for part in UInt64(0)..<0x1000 {
            #expect(ProcessorErrata(midr: midr(part)).contains(.earlyInvalidation) == named.contains(part), "\(String(part, radix: 16))")
        }
    }
}
