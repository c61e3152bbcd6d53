// SPDX-License-Identifier: Apache-2.0

/// The value of `com1=` and `com2=` (Xen: docs/misc/xen-command-line.pandoc):
/// `<baud>[/<clock>][,[<DPS>][,[<io-base>|pci|amt][,[<irq>|msi][,<port>[,<bridge>]]]]]`, then parts `name=value`. D is the number
/// of data bits, P the parity (n, o, e, m or s) and S the number of stop bits. The baud rate `auto` is the one that the firmware
/// set.
public struct SerialOptions: Hashable, Sendable {
    /// Where to look for a port that is on a PCI card.
    public enum Card: Hashable, Sendable { case any, anyWithAMT }

    /// Bits per second; nil: as it is.
    public private(set) var baud: UInt32?
    /// Bits per second at divisor 1.
    public private(set) var clock: UInt32 = 115_200
    public private(set) var dataBits: UInt8 = 8
    public private(set) var parity = UInt8(ascii: "n")
    public private(set) var stopBits: UInt8 = 1
    /// I/O port.
    public var port: UInt16
    public private(set) var card: Card?
    /// The ISA line by which it interrupts: 0 none; nil: the port's usual one.
    public private(set) var line: UInt8?
    /// Registers are 2^`shift` bytes apart.
    public private(set) var shift: UInt8 = 0

    /// What holds where nothing is said, at the I/O port `port`.
    public init(port: UInt16) { self.port = port }

    /// Reads a value. Throws at the part that cannot be read; those before it count.
    public mutating func read(_ text: Span<UInt8>) throws(OptionError) {
        guard !text.isEmpty else { return }
        var rest = OptionText(text)
        var position = 0
        repeat {
            let part = rest.piece(",")
            if part.firstIndex(of: UInt8(ascii: "=")) != nil {
                try readNamed(part)
                position = .max
            } else if !part.isEmpty {
                try read(part, at: position)
            }
            if position < .max { position += 1 }
        } while rest.skip(",")
    }

    private mutating func read(_ part: Span<UInt8>, at position: Int) throws(OptionError) {
        switch position {
        case 0: try readSpeed(part)
        case 1: try readFormat(part)
        case 2: try readPlace(part)
        case 3: line = part.equals("msi") ? 0 : UInt8(try Self.number(part, 0...255))
        // Where the card is: found by looking.
        case 4, 5: return
        default: throw .invalid
        }
    }

    private mutating func readSpeed(_ text: Span<UInt8>) throws(OptionError) {
        var rest = OptionText(text)
        let rate = rest.piece("/")
        baud = rate.equals("auto") ? nil : UInt32(try Self.number(rate, 1...4_000_000))
        if rest.skip("/") { clock = UInt32(try Self.number(rest.piece("/"), 16...1 << 32) >> 4) }
        guard rest.isAtEnd else { throw .invalid }
    }

    private mutating func readPlace(_ text: Span<UInt8>) throws(OptionError) {
        if text.equals("pci") {
            card = .any
        } else if text.equals("amt") {
            card = .anyWithAMT
        } else {
            port = UInt16(try Self.number(text, 1...0xfff8))
            card = nil
        }
    }

    private mutating func readNamed(_ part: Span<UInt8>) throws(OptionError) {
        var rest = OptionText(part)
        let name = rest.piece("=")
        _ = rest.skip("=")
        let value = part.slice(from: name.count + 1)
        if name.equals("baud") {
            baud = value.equals("auto") ? nil : UInt32(try Self.number(value, 1...4_000_000))
        } else if name.equals("clock-hz") {
            clock = UInt32(try Self.number(value, 16...1 << 32) >> 4)
        } else if name.equals("data-bits") {
            dataBits = UInt8(try Self.number(value, 5...8))
        } else if name.equals("stop-bits") {
            stopBits = UInt8(try Self.number(value, 1...2))
        } else if name.equals("parity") {
            guard value.count == 1, let letter = value.byte(at: 0), Self.parityBits(letter) != nil else { throw .invalid }
            parity = letter
        } else {
            try readPlace(named: name, value)
        }
    }

    private mutating func readPlace(named name: Span<UInt8>, _ value: Span<UInt8>) throws(OptionError) {
        if name.equals("io-base") {
            port = UInt16(try Self.number(value, 1...0xfff8))
        } else if name.equals("irq") {
            line = UInt8(try Self.number(value, 0...255))
        } else if name.equals("reg-shift") {
            shift = UInt8(try Self.number(value, 0...4))
        } else if name.equals("reg-width") {
            guard try Self.number(value, 1...4) == 1 else { throw .invalid }
        } else if name.equals("dev") {
            guard value.equals("pci") || value.equals("amt") else { throw .invalid }
            try readPlace(value)
        } else if !name.equals("port"), !name.equals("bridge") {
            throw .invalid
        }
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

    private static func number(_ text: Span<UInt8>, _ range: ClosedRange<UInt64>) throws(OptionError) -> UInt64 {
        var rest = OptionText(text)
        let value = try rest.number()
        guard rest.isAtEnd, range.contains(value) else { throw .invalid }
        return value
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
