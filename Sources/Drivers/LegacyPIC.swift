// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// The two 8259A interrupt controllers of a PC (Intel 231468-003), which are only silenced here.
public struct LegacyPIC<Registers: Bus>: Sendable {
    let first: Registers
    let second: Registers

    /// Ports 0x20 and 0xa0.
    public init(first: Registers, second: Registers) {
        self.first = first
        self.second = second
    }

    /// Masks every line. A spurious interrupt comes nevertheless, so the vectors must not be those of exceptions, where
    /// the BIOS leaves them: `vector` and the fifteen after it.
    public func silence(vector: UInt8) {
        start(first, vector: vector, cascade: 1 << 2)
        start(second, vector: vector + 8, cascade: 2)
    }

    /// The four initialisation words, then the mask.
    private func start(_ pic: Registers, vector: UInt8, cascade: UInt8) {
        pic.write8(1, 0xff)
        pic.write8(0, 0x11)
        pic.write8(1, vector)
        pic.write8(1, cascade)
        pic.write8(1, 0x01)
        pic.write8(1, 0xff)
    }
}
