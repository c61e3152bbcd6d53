// SPDX-License-Identifier: Apache-2.0

import MMIO
import Testing

@testable import Drivers

/// A clock's registers behind an index.
final class FakeClock: Bus, @unchecked Sendable {
    var registers: [UInt8: UInt8]
    var index: UInt8 = 0
    init(_ registers: [UInt8: UInt8]) { self.registers = registers }
    func read8(_ offset: UInt64) -> UInt8 { offset == 1 ? registers[index] ?? 0xff : 0xff }
    func write8(_ offset: UInt64, _ value: UInt8) { if offset == 0 { index = value } }
    func read32(_ offset: UInt64) -> UInt32 { .max }
    func read64(_ offset: UInt64) -> UInt64 { .max }
    func write32(_ offset: UInt64, _ value: UInt32) {}
    func write64(_ offset: UInt64, _ value: UInt64) {}
}

@Suite struct RealTimeClockTests {
    static func seconds(
        _ second: UInt8, _ minute: UInt8, _ hour: UInt8, _ day: UInt8, _ month: UInt8, _ year: UInt8, _ status: UInt8
    ) -> UInt64? {
        RealTimeClock(FakeClock([
            0: second, 2: minute, 4: hour, 7: day, 8: month, 9: year, 0x0a: 0x26, 0x0b: status,
        ])).seconds()
    }

    @Test func readsWhatItShows() {
        // 1970-01-01, 2000-02-29 23:59:59, 2026-11-21 09:50:07, 2038-01-19 03:14:08
        #expect(Self.seconds(0, 0, 0, 0x01, 0x01, 0x70, 2) == 0)
        #expect(Self.seconds(0x59, 0x59, 0x23, 0x29, 0x02, 0x00, 2) == 951_868_799)
        #expect(Self.seconds(0x07, 0x50, 0x09, 0x21, 0x11, 0x26, 2) == 1_795_254_607)
        #expect(Self.seconds(8, 14, 3, 19, 1, 38, 6) == 2_147_483_648)
    }

    @Test func twelveHours() {
        #expect(Self.seconds(0, 0, 0x12, 0x01, 0x01, 0x70, 0) == 0, "midnight")
        #expect(Self.seconds(0, 0, 0x92, 0x01, 0x01, 0x70, 0) == 43200, "noon")
        #expect(Self.seconds(0, 0, 0x81, 0x01, 0x01, 0x70, 0) == 46800)
    }

    @Test func saysNothingWhereThereIsNone() {
        #expect(RealTimeClock(FakeClock([:])).seconds() == nil)
        #expect(Self.seconds(0x61, 0, 0, 1, 1, 0x70, 2) == nil)
        #expect(Self.seconds(0, 0, 0, 0, 1, 0x70, 2) == nil)
    }
}
