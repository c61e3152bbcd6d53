// SPDX-License-Identifier: Apache-2.0

/// The value of `com1=` and `com2=`: `<baud>[/<clock>][,[<DPS>][,[<io-base>][,[<irq>]]]]`, where D is the number of data bits,
/// P the parity (n, o, e, m or s) and S the number of stop bits. The baud rate `auto` is the one that the firmware set.
public struct SerialOptions: Hashable, Sendable, BitwiseCopyable {
    /// Bits per second; nil: as it is.
    public private(set) var baud: UInt32?
    /// Bits per second at divisor 1.
    public private(set) var clock: UInt32 = 115_200
    public private(set) var dataBits: UInt8 = 8
    public private(set) var parity = UInt8(ascii: "n")
    public private(set) var stopBits: UInt8 = 1
    public private(set) var port: UInt16

    /// What holds where nothing is said, at the I/O port `port`.
    public init(port: UInt16) { self.port = port }

    public init(_ text: Span<UInt8>, port: UInt16) throws(OptionError) {
        self.port = port
        var rest = OptionText(text)
        guard !rest.isAtEnd else { return }
        if !rest.skip("auto") {
            let rate = try rest.number()
            guard rate >= 1, rate <= 4_000_000 else { throw .invalid }
            baud = UInt32(rate)
        }
        if rest.skip("/") {
            let hertz = try rest.number()
            guard hertz >= 16, hertz <= 1 << 32 else { throw .invalid }
            clock = UInt32(hertz >> 4)
        }
        if rest.skip(","), rest.next != UInt8(ascii: ","), !rest.isAtEnd { try readFormat(rest.piece(",")) }
        if rest.skip(","), rest.next != UInt8(ascii: ","), !rest.isAtEnd {
            let number = try rest.number()
            guard number > 0, number <= 0xfff8 else { throw .invalid }
            self.port = UInt16(number)
        }
        // The port is polled: an interrupt is read over.
        if rest.skip(",") { _ = rest.piece(",") }
        guard rest.isAtEnd else { throw .invalid }
    }

    private mutating func readFormat(_ text: Span<UInt8>) throws(OptionError) {
        guard text.count == 3, let data = text.byte(at: 0), let parity = text.byte(at: 1), let stop = text.byte(at: 2),
            data >= UInt8(ascii: "5"), data <= UInt8(ascii: "8"), stop == UInt8(ascii: "1") || stop == UInt8(ascii: "2"),
            Self.parityBits(parity) != nil
        else { throw .invalid }
        dataBits = data - UInt8(ascii: "0")
        stopBits = stop - UInt8(ascii: "0")
        self.parity = parity
    }

    /// Bits 3-5 of a 16550's line control register (PC16550D, 8.6).
    private static func parityBits(_ letter: UInt8) -> UInt8? {
        let bits: InlineArray<5, (letter: UInt8, bits: UInt8)> = [
            (UInt8(ascii: "n"), 0), (UInt8(ascii: "o"), 1), (UInt8(ascii: "e"), 3), (UInt8(ascii: "m"), 5),
            (UInt8(ascii: "s"), 7),
        ]
        for index in bits.indices where bits[index].letter == letter { return bits[index].bits << 3 }
        return nil
    }

    /// A 16550's line control register.
    public var lineControl: UInt8 { (dataBits - 5) | (stopBits - 1) << 2 | (Self.parityBits(parity) ?? 0) }

    /// A 16550's divisor latch; nil: as it is.
    public var divisor: UInt16? {
        guard let baud else { return nil }
        return UInt16(clamping: max(1, clock / baud))
    }
}
