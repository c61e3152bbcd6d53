// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import X86

@Suite struct GuestMSRTests {
    /// What the host has, and its guests have not, is refused: each as an advisory was about it.
    @Test func whatIsTheHosts() {
        for number in [
            0x1a0,  // MISC_ENABLE (333)
            0x606, 0x611, 0x639, 0xc001_0299, 0xc001_029a,  // energy counters (351)
            0xc001_1019, 0xc001_101a, 0xc001_101b, 0xc001_1027,  // masks of breakpoints (444)
            0x48, 0x49, 0xc001_1020,  // SPEC_CTRL, PRED_CMD, LS_CFG (254, 263, 431)
            0xda0, 0xc000_0103, 0xc001_0114, 0xc001_0117,  // XSS, TSC_AUX, VM_CR, VM_HSAVE_PA
        ] as [UInt32] {
            #expect(GuestMSR.constant(number) == nil, "\(String(number, radix: 16))")
            let direct = GuestMSR.direct
            #expect(!direct.indices.contains { direct[$0].number == number })
            #expect(GuestMSR.addressField(number) == nil && MemoryTypeRegister.index(number) == nil)
        }
        // DEBUGCTL (269) keeps nothing; the same for what is known and off.
        for number in [0x1d9, 0xc001_0010, 0xc001_0015] as [UInt32] {
            #expect(GuestMSR.constant(number).map { $0.value == 0 && $0.ignoresWrites } == true)
        }
    }
}
