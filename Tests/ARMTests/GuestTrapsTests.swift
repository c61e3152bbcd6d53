// SPDX-License-Identifier: Apache-2.0

import ARM
import Testing

/// What EL2 keeps from guests, bit by bit, and why.
@Suite struct GuestTrapsTests {
    struct Row: Sendable {
        let name: String
        let bits: UInt64
        let why: String
        init(_ name: String, _ bits: UInt64, _ why: String) { (self.name, self.bits, self.why) = (name, bits, why) }
    }

    static let hypervisor = [
        Row("VM", 1 << 0, "stage 2"), Row("SWIO", 1 << 1, "invalidation by set and way cleans"), Row("PTW", 1 << 2, "no tables in devices"),
        Row("FMO, IMO, AMO", 7 << 3, "the host's interrupts"), Row("FB", 1 << 9, "invalidations reach where it ran before"),
        Row("BSU", 1 << 10, "barriers too"), Row("TWI", 1 << 13, "gives the pCPU to others"), Row("TID3", 1 << 18, "features are hidden"),
        Row("TSC", 1 << 19, "the firmware is the host's"), Row("TIDCP", 1 << 20, "nobody knows what they do"),
        Row("TACR", 1 << 21, "the host's"), Row("RW", 1 << 31, "EL1 is 64-bit"),
    ]
    static let feature = [
        Row("ones", 0x32ff, "RES1"), Row("TZ", 1 << 8, "SVE is not switched"), Row("TTA", 1 << 20, "trace registers"),
        Row("TAM", 1 << 30, "activity monitors count what others do"),
    ]
    static let debug = [
        Row("TPMCR", 1 << 5, "counters"), Row("TPM", 1 << 6, "counters"), Row("TDA", 1 << 9, "breakpoints are not switched"),
        Row("TDOSA", 1 << 10, "the OS lock is not either"), Row("TDRA", 1 << 11, "where the debug ROM is"),
    ]

    private func check(_ word: UInt64, _ rows: [Row]) {
        for row in rows { #expect(word & row.bits == row.bits, "\(row.name) is not set: \(row.why)") }
        let rest = word & ~rows.reduce(0) { $0 | $1.bits }
        #expect(rest == 0, "bits without a reason: \(String(rest, radix: 16))")
    }

    @Test func everyBitHasItsReason() {
        check(GuestTraps.hypervisor, Self.hypervisor)
        check(GuestTraps.always, Self.feature)
        check(GuestTraps.debug, Self.debug)
        #expect(GuestTraps.floatingPoint == GuestTraps.always | 1 << 10)
        #expect(GuestTraps.coprocessors == 1 << 15)
    }

    /// A virtual SError belongs to the vCPU for which it came: the word of the next one is without it.
    @Test func aSystemErrorIsOneVCPUs() {
        let first = GuestTraps.hypervisor(hasSystemError: true)
        #expect(first == GuestTraps.hypervisor | 1 << 8)
        #expect(GuestTraps.hasSystemError(first))
        let second = GuestTraps.hypervisor(hasSystemError: false)
        #expect(!GuestTraps.hasSystemError(second))
        #expect(GuestTraps.hypervisor(hasSystemError: GuestTraps.hasSystemError(first)) == first)
    }

    /// Where the processor has the extension, a virtual SError has a syndrome, and it is ours.
    @Test func aSystemErrorSaysWhatItIs() {
        #expect(!GuestTraps.hasRAS(0x1111_1111_0111_1111) && GuestTraps.hasRAS(1 << 28) && GuestTraps.hasRAS(2 << 28))
        #expect(GuestTraps.systemErrorSyndrome == 0x100_0000, "no field of the hypervisor's last SError")
    }
}
