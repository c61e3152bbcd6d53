// SPDX-License-Identifier: Apache-2.0

public import Firmware

/// Bits that each processor of a model is given when it starts, against its faults.
public enum AMDErrata {
    public struct Setting: Equatable, Sendable, BitwiseCopyable {
        public let register: UInt32
        public let bits: UInt64
        public init(register: UInt32, bits: UInt64) {
            self.register = register
            self.bits = bits
        }
    }

    public static var count: Int { 10 }
    static var loadStore: UInt32 { 0xc001_1020 }
    static var floatingPoint: UInt32 { 0xc001_1028 }
    static var decode: UInt32 { 0xc001_1029 }
    static var branchPrediction: UInt32 { 0xc001_102e }
    static var decode2: UInt32 { 0xc001_10e3 }
    static var virtualControl: UInt32 { 0xc001_011f }

    /// The settings of a processor, one by one; nil where the `index`-th of the `count` is not for it. Below another hypervisor there is
    /// but what CPUID offers: the registers are that one's.
    public static func setting(_ index: Int, _ facts: SpeculationFacts, _ words: SpeculationWords) -> Setting? {
        guard facts.isAMD else { return nil }
        let setting: Setting? =
            switch index {
            // LFENCE waits for all before it (XSA-375, 398; AMD: Software Techniques for Managing Speculation, G-2). The families 0xf
            // and 0x11 have no such bit and wait anyway, and so do those that say that they do.
            case 0 where facts.family >= 0x10 && facts.family != 0x11 && !facts.has(.lfenceSerialises):
                Setting(register: decode, bits: 1 << 1)
            // Zenbleed (XSA-433, AMD-SB-7008), where the microcode does not know of it.
            case 1 where facts.isZen2 && !facts.hasMicrocode(of: zenbleedMicrocode): Setting(register: decode, bits: 1 << 9)
            // Erratum 665: a division may go wrong.
            case 2 where facts.family == 0x12: Setting(register: decode, bits: 1 << 31)
            // Erratum 793 (XSA-82): a locked access beside a write-combining one hangs the processor.
            case 3 where facts.family == 0x16 && facts.model <= 0xf: Setting(register: loadStore, bits: 1 << 15)
            // The floating-point divider's state (XSA-488, AMD-SB-7053).
            case 4 where facts.isZen1 && facts.family == 0x17: Setting(register: floatingPoint, bits: 1 << 9)
            // The op cache (XSA-490, AMD-SB-7052).
            case 5 where facts.isZen2: Setting(register: branchPrediction, bits: 1 << 33)
            // What is no branch is not predicted as one (XSA-407, AMD-SB-1037).
            case 6 where facts.isZen2: Setting(register: decode2, bits: 1 << 1)
            // Erratum 1485: wrong bytes of instructions without STIBP.
            case 7 where facts.isZen4: Setting(register: branchPrediction, bits: 1 << 5)
            // Loads wait for stores (XSA-263) without a bit in SPEC_CTRL for that.
            case 8: words.ssbd && !facts.has(.virtualSSBD) ? ownStoreBypass(facts) : nil
            default: nil
            }
        if let setting, !facts.isVirtualised { return setting }
        switch index {
        case 8 where words.ssbd && facts.has(.virtualSSBD) && !facts.has(.ssbd) && !facts.has(.noStoreBypass):
            return Setting(register: virtualControl, bits: UInt64(SpeculationControl.ssbd))
        // Return predictions of guests are not followed (XSA-434), so that no IBPB is needed after each.
        case 9 where facts.has(.reducesPrediction) && words.reducesPrediction:
            return Setting(register: branchPrediction, bits: 1 << 4)
        default: return nil
        }
    }

    private static func ownStoreBypass(_ facts: SpeculationFacts) -> Setting? {
        guard !facts.has(.ssbd), !facts.has(.noStoreBypass) else { return nil }
        return switch facts.family {
        case 0x15: Setting(register: loadStore, bits: 1 << 54)
        case 0x16: Setting(register: loadStore, bits: 1 << 33)
        case 0x17, 0x18: Setting(register: loadStore, bits: 1 << 10)
        default: nil
        }
    }

    /// The first revisions of microcode against it, by processor (AMD-SB-7008).
    private static var zenbleedMicrocode: InlineArray<5, UInt32> {
        [0x0830_107a, 0x0860_010b, 0x0860_8105, 0x0870_1032, 0x08a0_0008]
    }
}
