// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// A PC's real-time clock (Motorola MC146818A): ports 0x70 and 0x71.
public struct RealTimeClock<Registers: Bus>: Sendable {
    let registers: Registers

    public init(_ registers: Registers) { self.registers = registers }

    private func read(_ index: UInt8) -> UInt8 {
        // Bit 7 would mask NMIs.
        registers.write8(0, index)
        return registers.read8(1)
    }

    /// Seconds since 1970-01-01 00:00 UTC, which the clock is taken to show; nil where there is no clock, or where it shows
    /// what is no time. A bounded wait for it not to be in the middle of a change.
    public func seconds() -> UInt64? {
        for _ in 0..<100 {
            let first = fields()
            // Two readings that are the same were not torn by a change between them.
            if let first, let second = fields(), first == second { return first.seconds }
        }
        return nil
    }

    /// Nil while the clock changes (status A, bit 7).
    private func fields() -> CalendarTime? {
        var attempts = 100_000
        while read(0x0a) & 0x80 != 0, attempts > 0 { attempts -= 1 }
        guard attempts > 0 else { return nil }
        let status = read(0x0b)
        return CalendarTime(
            second: read(0), minute: read(2), hour: read(4), day: read(7), month: read(8), year: read(9), status: status)
    }
}

/// What such a clock shows, in binary.
struct CalendarTime: Equatable {
    let second, minute, hour, day, month: UInt64
    let year: UInt64

    /// `status`: register B. Bit 2 says that the fields are binary and not decimal, bit 1 that the hours are 0 to 23. Nil where
    /// a field cannot be. Two digits of a year below 70 are of this century.
    init?(second: UInt8, minute: UInt8, hour: UInt8, day: UInt8, month: UInt8, year: UInt8, status: UInt8) {
        func number(_ byte: UInt8) -> UInt64 {
            UInt64(status & 4 != 0 ? byte : (byte >> 4) * 10 + (byte & 0xf))
        }
        var hours = number(hour & 0x7f)
        if status & 2 == 0 { hours = hours % 12 + (hour & 0x80 != 0 ? 12 : 0) }
        self.second = number(second)
        self.minute = number(minute)
        self.hour = hours
        self.day = number(day)
        self.month = number(month)
        let short = number(year)
        self.year = short < 70 ? 2000 + short : 1900 + short
        guard self.second < 60, self.minute < 60, hours < 24, (1...31).contains(self.day), (1...12).contains(self.month),
            short < 100
        else { return nil }
    }

    /// Since 1970: whole days by counting years from March, so that a leap day is a year's last.
    var seconds: UInt64 {
        let shifted = month > 2 ? year : year - 1
        let fromMarch = (month + 9) % 12
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + (fromMarch * 153 + 2) / 5 + day - 1
        return ((days - 719_468) * 24 + hour) * 3600 + minute * 60 + second
    }
}
