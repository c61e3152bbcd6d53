// SPDX-License-Identifier: Apache-2.0

import Base
import Testing

@Suite struct AddressTests {
    @Test func framesAndOffsets() {
        let address = MachineAddress(0x4000_1234)
        #expect(address.frame == MFN(0x40001))
        #expect(address.offset == 0x234)
        #expect(address.frame.address == MachineAddress(0x4000_1000))
    }

    @Test(arguments: [
        (0x1000, 0x1000, 1, 1), (0x1001, 0x1000, 2, 0), (0x0fff, 0x1001, 1, 1), (0x0fff, 0x1002, 1, 1), (0, 0, 0, 0),
    ] as [(UInt64, UInt64, UInt64, UInt64)])
    func wholeFrames(address: UInt64, bytes: UInt64, first: UInt64, count: UInt64) {
        let range = MachineRange(wholeFramesIn: MachineAddress(address), bytes: bytes)
        #expect(range.count == count)
        if count > 0 { #expect(range.start == MFN(first)) }
    }

    @Test func wholeFramesNearTheEndOfTheAddressSpace() {
        let range = MachineRange(wholeFramesIn: MachineAddress(UInt64.max - 10), bytes: 100)
        #expect(range.isEmpty)
    }

    @Test func overlap() {
        let a = MachineRange(start: MFN(10), count: 5)
        #expect(a.overlaps(MachineRange(start: MFN(14), count: 1)))
        #expect(!a.overlaps(MachineRange(start: MFN(15), count: 1)))
        #expect(!a.overlaps(MachineRange(start: MFN(12), count: 0)))
    }
}
