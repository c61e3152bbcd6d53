// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// An I/O APIC (Intel 82093AA): registers behind an index and a window.
///
/// Not locked: index and window belong together under the owner's lock.
public struct IOAPIC<Registers: Bus>: Sendable {
    let registers: Registers

    public init(_ registers: Registers) { self.registers = registers }

    private func read(_ index: UInt32) -> UInt32 {
        registers.write32(0x00, index)
        return registers.read32(0x10)
    }

    private func write(_ index: UInt32, _ value: UInt32) {
        registers.write32(0x00, index)
        registers.write32(0x10, value)
    }

    /// Interrupt lines: 1 to 256.
    public var lines: UInt32 { (read(1) >> 16 & 0xff) + 1 }

    /// Masks every line: nobody has asked for one yet.
    public func maskAll() {
        for line in 0..<lines { write(0x10 + line * 2, read(0x10 + line * 2) | 1 << 16) }
    }

    /// Sends a line's interrupts to the CPU with that ID, in physical mode. Masked first, and the mask comes off last.
    public func route(
        _ line: UInt32, vector: UInt8, to id: UInt8, isLevel: Bool, isActiveLow: Bool, isMasked: Bool
    ) {
        let low = UInt32(vector) | (isActiveLow ? 1 << 13 : 0) | (isLevel ? 1 << 15 : 0)
        write(0x10 + line * 2, low | 1 << 16)
        write(0x11 + line * 2, UInt32(id) << 24)
        if !isMasked { write(0x10 + line * 2, low) }
    }
}
