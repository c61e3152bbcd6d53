// SPDX-License-Identifier: Apache-2.0

public import MMIO

/// A VGA's text mode: 25 lines of 80 characters, each a byte of text and one of colour (IBM VGA Technical Reference; FreeVGA).
public struct VGAText<Memory: Bus>: Sendable {
    let memory: Memory
    private var line: UInt64 = 0
    private var column: UInt64 = 0

    public static var columns: UInt64 { 80 }
    public static var lines: UInt64 { 25 }
    /// Where the text is in the machine's memory, and how much of it.
    public static var address: UInt64 { 0xb8000 }
    public static var size: UInt64 { columns * lines * 2 }

    /// `memory`: the text.
    public init(_ memory: Memory) {
        self.memory = memory
        for line in 0..<Self.lines { clear(line) }
    }

    /// Whether a VGA is there and shows text at `address`: a boot loader may have gone to graphics. `ports`: from 0x3c0 on.
    public static func isShown(_ ports: some Bus) -> Bool {
        // Graphics controller, miscellaneous register: bit 0 graphics, bits 2 and 3 where the memory is; the rest is zero.
        ports.write8(0xe, 6)
        return ports.read8(0xf) & 0xfd == 0x0c
    }

    /// The next byte of a text. Long lines go on in the next; the screen moves up when it is full.
    public mutating func put(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\n"): newLine()
        case UInt8(ascii: "\r"): column = 0
        default:
            if column == Self.columns { newLine() }
            memory.write16((line * Self.columns + column) * 2, Self.grey | UInt16(byte))
            column += 1
        }
    }

    /// Light grey on black.
    private static var grey: UInt16 { 0x0700 }

    private mutating func newLine() {
        column = 0
        guard line == Self.lines - 1 else {
            line += 1
            return
        }
        for offset in stride(from: UInt64(0), to: Self.size - Self.columns * 2, by: 8) {
            memory.write64(offset, memory.read64(offset + Self.columns * 2))
        }
        clear(line)
    }

    private func clear(_ line: UInt64) {
        let blank = UInt64(Self.grey | 0x20) &* 0x0001_0001_0001_0001
        for offset in stride(from: UInt64(0), to: Self.columns * 2, by: 8) {
            memory.write64(line * Self.columns * 2 + offset, blank)
        }
    }
}
