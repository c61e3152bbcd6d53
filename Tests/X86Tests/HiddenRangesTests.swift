// SPDX-License-Identifier: Apache-2.0

import Base
import Testing
import X86

/// A processor of one vendor and family, with so many bits of address.
private struct NamedProcessor: ProcessorIdentification {
    let vendor: (UInt32, UInt32, UInt32)
    let family: UInt32
    let bits: UInt32

    func leaf(_ leaf: UInt32, _ subleaf: UInt32) -> CPUIDResult {
        switch leaf {
        case 0: CPUIDResult(eax: 1, ebx: vendor.0, ecx: vendor.2, edx: vendor.1)
        case 1: CPUIDResult(eax: family < 0xf ? family << 8 : 0xf << 8 | (family - 0xf) << 20)
        case 0x8000_0000: CPUIDResult(eax: 0x8000_0008)
        case 0x8000_0008: CPUIDResult(eax: bits)
        default: CPUIDResult()
        }
    }
}

@Suite struct HiddenRangesTests {
    private func ranges(amd: Bool = true, family: UInt32, bits: UInt32) -> HiddenRanges {
        let vendor: (UInt32, UInt32, UInt32) =
            amd ? (0x6874_7541, 0x6974_6e65, 0x444d_4163) : (0x756e_6547, 0x4965_6e69, 0x6c65_746e)
        return HiddenRanges(ProcessorFeatures(NamedProcessor(vendor: vendor, family: family, bits: bits)))
    }

    private func isHidden(_ address: UInt64, _ ranges: HiddenRanges) -> Bool {
        ranges.overlaps(MachineRange(start: MFN(address >> 12), count: 1))
    }

    /// A store anywhere in the mebibyte is an interrupt.
    @Test func allMessages() {
        let ranges = ranges(amd: false, family: 6, bits: 46)
        for address: UInt64 in stride(from: 0xfee0_0000, to: 0xfef0_0000, by: 0x1000) { #expect(isHidden(address, ranges)) }
        #expect(!isHidden(0xfedf_f000, ranges) && !isHidden(0xfef0_0000, ranges))
        #expect(ranges.overlaps(MachineRange(start: MFN(0xfed00), count: 0x1000)))
        #expect(!isHidden(0xfd_0000_0000, ranges))
    }

    @Test func theBus() {
        for (family, bits, end) in [(0xf, 40, 40), (0x15, 48, 40), (0x17, 48, 48), (0x19, 52, 52), (0x17, 43, 43)] as [(UInt32, UInt32, UInt64)] {
            let ranges = ranges(family: family, bits: bits)
            let (first, last) = (UInt64(1) << end - 3 << 32, UInt64(1) << end - 0x1000)
            #expect(isHidden(first, ranges) && isHidden(last, ranges) && isHidden(first + 5 << 30, ranges))
            #expect(!isHidden(first - 0x1000, ranges) && !isHidden(last + 0x1000, ranges))
        }
    }
}
