// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import X86

/// What a processor must hand to the hypervisor, word by word, and why. QEMU does not show what happens where one is missing.
@Suite struct InterceptTests {
    struct Row: Sendable {
        let name: String
        let bit: Int
        let why: String
        init(_ name: String, _ bit: Int, _ why: String) { (self.name, self.bit, self.why) = (name, bit, why) }
    }

    static let control = [
        Row("write of CR0", 16, "paging and caches are checked"), Row("write of CR4", 20, "only what CPUID offers"),
        Row("write of DR4", 52, "is DR6 or #UD"), Row("write of DR5", 53, "is DR7 or #UD"),
        Row("write of DR6", 54, "the upper half is checked"), Row("write of DR7", 55, "the upper half is checked"),
    ]
    static let exceptions = [
        Row("#DB", 1, "XSA-156: raised by its own delivery, without an end"),
        Row("#AC", 17, "XSA-156: raised by its own delivery, without an end"), Row("#MC", 18, "the host's"),
    ]
    static let first = [
        Row("INTR", 0, "the host's"), Row("NMI", 1, "the host's"), Row("SMI", 2, "the host's"), Row("INIT", 3, "the host's"),
        Row("RDPMC", 15, "the host's counters"), Row("CPUID", 18, "virtual"), Row("INVD", 22, "would lose others' stores"),
        Row("HLT", 24, "gives the pCPU to others"), Row("INVLPGA", 26, "other guests' translations"),
        Row("ports", 27, "the map says which"), Row("MSRs", 28, "the map says which"), Row("shutdown", 31, "would reset the host"),
    ]
    static let second = [
        Row("VMRUN", 0, "no nested guests"), Row("VMMCALL", 1, "hypercalls"), Row("VMLOAD", 2, "physical addresses"),
        Row("VMSAVE", 3, "physical addresses"), Row("STGI", 4, "the host's interrupts"), Row("CLGI", 5, "the host's interrupts"),
        Row("SKINIT", 6, "resets the machine"), Row("ICEBP", 8, "#DB that its own intercept does not see"),
        Row("WBINVD", 9, "holds the machine up"), Row("MONITOR", 10, "not offered"), Row("MWAIT", 11, "holds the pCPU"),
        Row("MWAIT where armed", 12, "holds the pCPU"), Row("XSETBV", 13, "only what CPUID offers"),
        Row("RDPRU", 14, "the host's rates"),
    ]

    private func check(_ word: UInt64, _ rows: [Row]) {
        var rest = word
        for row in rows {
            #expect(word >> UInt64(row.bit) & 1 == 1, "\(row.name) is not intercepted: \(row.why)")
            rest &= ~(1 << UInt64(row.bit))
        }
        #expect(rest == 0, "bits without a reason: \(String(rest, radix: 16))")
    }

    @Test func everyBitHasItsReason() {
        check(Intercept.control, Self.control)
        check(UInt64(Intercept.exceptions), Self.exceptions)
        check(UInt64(Intercept.first), Self.first)
        check(UInt64(Intercept.second), Self.second)
    }

    /// Every exception and instruction that is intercepted is known where the exit is decoded.
    @Test func everyInterceptIsDecoded() {
        for (word, base) in [(Intercept.exceptions, 0x40), (Intercept.first, 0x60), (Intercept.second, 0x80)] as [(UInt32, UInt64)] {
            for bit: UInt64 in 0..<32 where word >> bit & 1 != 0 {
                let exit = SVMExit(code: base + bit, info1: 0, info2: 0)
                if case .unexpected = exit { Issue.record("exit 0x\(String(base + bit, radix: 16)) is not decoded") }
            }
        }
    }

    /// Those that are intercepted only so that they end are the guest's again; a machine check is not.
    @Test func whatIsReflected() {
        #expect(InjectedEvent.reflected(1, error: 0) == .exception(1))
        #expect(InjectedEvent.reflected(17, error: 0) == .exception(17, error: 0))
        #expect(InjectedEvent.reflected(18, error: 0) == nil)
        for vector: UInt8 in 0..<32 where Intercept.exceptions >> UInt32(vector) & 1 != 0 && vector != 18 {
            #expect(InjectedEvent.reflected(vector, error: 0)?.vector == vector)
        }
    }
}
