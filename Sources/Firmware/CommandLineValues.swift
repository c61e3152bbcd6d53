// SPDX-License-Identifier: Apache-2.0

import Base

/// Why the value of an option cannot be read.
public enum OptionError: Error, Equatable, Sendable {
    /// Not one of the words or forms that the option takes.
    case invalid
    /// A number that does not fit in 64 bits.
    case overflow
}

/// Reads the pieces of an option's value from left to right.
///
///     var rest = OptionText(line.text("com1", default: .literal("")))
///     let baud = try rest.number()
///     while rest.skip(",") { let part = rest.piece(",") ... }
public struct OptionText: ~Escapable {
    let text: Span<UInt8>
    var position = 0

    @_lifetime(copy text)
    public init(_ text: Span<UInt8>) { self.text = text }

    public var isAtEnd: Bool { position >= text.count }
    /// The next byte; nil at the end.
    public var next: UInt8? { text.byte(at: position) }

    /// Goes past `prefix` if it is what follows.
    @_lifetime(self: copy self)
    public mutating func skip(_ prefix: StaticString) -> Bool {
        guard text.slice(from: position).hasPrefix(prefix) else { return false }
        position += prefix.utf8CodeUnitCount
        return true
    }

    /// What stands before the next `separator` or the end; goes up to it.
    @_lifetime(copy self)
    public mutating func piece(_ separator: Unicode.Scalar) -> Span<UInt8> {
        let start = position
        position = text.firstIndex(of: UInt8(ascii: separator), from: start) ?? text.count
        return text.slice(from: start, count: position - start)
    }

    /// An unsigned number, decimal, `0x` hexadecimal or `0` octal.
    @_lifetime(self: copy self)
    public mutating func number() throws(OptionError) -> UInt64 {
        var radix: UInt64 = 10
        if skip("0x") || skip("0X") {
            radix = 16
        } else if next == UInt8(ascii: "0") {
            radix = 8
        }
        guard let first = digit, first < radix else { throw .invalid }
        var value: UInt64 = 0
        while let digit, digit < radix {
            let (product, tooLarge) = value.multipliedReportingOverflow(by: radix)
            let (sum, overflow) = product.addingReportingOverflow(digit)
            guard !tooLarge, !overflow else { throw .overflow }
            value = sum
            position += 1
        }
        return value
    }

    /// A size in bytes (Xen: parse_size_and_unit); a number that a `%` follows is returned without a unit.
    @_lifetime(self: copy self)
    public mutating func size() throws(OptionError) -> UInt64 {
        let number = try number()
        var shift: UInt64 = 10
        switch next.map({ $0 | 0x20 }) {
        case UInt8(ascii: "t"): shift = 40
        case UInt8(ascii: "g"): shift = 30
        case UInt8(ascii: "m"): shift = 20
        case UInt8(ascii: "k"): shift = 10
        case UInt8(ascii: "b"): shift = 0
        case UInt8(ascii: "%"): return number
        default: position -= 1
        }
        position += 1
        guard number.leadingZeroBitCount >= Int(shift) || number == 0 else { throw .overflow }
        return number << shift
    }

    private var digit: UInt64? {
        guard let next else { return nil }
        switch next {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return UInt64(next - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): return UInt64(next - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): return UInt64(next - UInt8(ascii: "A")) + 10
        default: return nil
        }
    }

    /// `name`, `no-name` or `name=<boolean>`, as a part of a list; nil for any other (Xen: parse_boolean).
    public static func boolean(_ text: Span<UInt8>, named name: StaticString) -> Bool? {
        if text.equals(name) { return true }
        if text.hasPrefix("no-") { return text.slice(from: 3).equals(name) ? false : nil }
        let length = name.utf8CodeUnitCount
        guard text.hasPrefix(name), text.byte(at: length) == UInt8(ascii: "=") else { return nil }
        return boolean(text.slice(from: length + 1))
    }

    /// The words of a boolean (Xen: parse_bool); nil for any other.
    public static func boolean(_ text: Span<UInt8>) -> Bool? {
        let words: InlineArray<5, (StaticString, StaticString)> = [
            ("yes", "no"), ("on", "off"), ("true", "false"), ("enable", "disable"), ("1", "0"),
        ]
        for index in words.indices {
            if text.equals(words[index].0) { return true }
            if text.equals(words[index].1) { return false }
        }
        return nil
    }
}
