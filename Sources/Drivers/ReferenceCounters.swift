// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// The timer of ACPI's power management (ACPI 6.5, 4.8.3.3): one register of 24 or 32 bits.
public struct ACPITimer<Registers: Bus>: ReferenceCounter {
    let register: Registers
    public let mask: UInt64

    /// `register`: at the timer's own place.
    public init(_ register: Registers, is32Bits: Bool) {
        self.register = register
        mask = is32Bits ? 0xffff_ffff : 0xff_ffff
    }

    public var frequency: UInt64 { 3_579_545 }
    public func read() -> UInt64 { UInt64(register.read32(0)) & mask }
}

/// The main counter of a High Precision Event Timer (IA-PC HPET 1.0a, 2.3), of which the lower 32 bits.
public struct EventTimerCounter<Registers: Bus>: ReferenceCounter {
    let registers: Registers
    public let frequency: UInt64
    public var mask: UInt64 { 0xffff_ffff }

    /// Starts the counter. Nil where there is none: its period would be 0, or above the 100 ns that are allowed.
    public init?(_ registers: Registers) {
        let period = registers.read32(0x004)  // femtoseconds
        guard period > 0, period <= 100_000_000 else { return nil }
        self.registers = registers
        frequency = 1_000_000_000_000_000 / UInt64(period)
        registers.write32(0x010, registers.read32(0x010) | 1)
    }

    public func read() -> UInt64 { UInt64(registers.read32(0x0f0)) }
}

/// Channel 2 of the 8254 (Intel 231164-005), whose output goes to the PC's speaker and whose gate is a bit of port 0x61.
/// Wraps after 54 ms.
public struct IntervalTimer<Registers: Bus>: ReferenceCounter {
    let timer: Registers
    public var frequency: UInt64 { 1_193_182 }
    public var mask: UInt64 { 0xffff }

    private static var command: UInt64 { 3 }
    private static var channel: UInt64 { 2 }

    /// Lets the channel count down from the top; `timer`: ports 0x40 to 0x43, `control`: port 0x61.
    public init(timer: Registers, control: Registers) {
        self.timer = timer
        control.write8(0, control.read8(0) & ~2 | 1)  // gate on, speaker off
        timer.write8(Self.command, 0xb0)  // channel 2, two bytes, mode 0
        timer.write8(Self.channel, 0xff)
        timer.write8(Self.channel, 0xff)
    }

    public func read() -> UInt64 {
        timer.write8(Self.command, 0x80)  // latch channel 2
        let low = UInt64(timer.read8(Self.channel))
        return 0xffff - (low | UInt64(timer.read8(Self.channel)) << 8)
    }
}
