// SPDX-License-Identifier: Apache-2.0

/// How urgent a log line is (Xen: XENLOG_*), for `loglvl=` and `guest_loglvl=`.
public enum LogLevel: UInt8, Comparable, Sendable {
    case error, warning, info, debug
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Where lines go. On the metal: the console and its ring. In a test: an array.
public protocol LogSink: Sendable {
    func log(_ level: LogLevel, _ line: LogLine)
}

extension LogSink {
    @inlinable public func error(_ line: LogLine) { log(.error, line) }
    @inlinable public func warning(_ line: LogLine) { log(.warning, line) }
    @inlinable public func info(_ line: LogLine) { log(.info, line) }
    @inlinable public func debug(_ line: LogLine) { log(.debug, line) }
}

/// One line of at most 240 bytes, made by string interpolation without an allocation. What does not fit is cut off.
public struct LogLine: ExpressibleByStringInterpolation, Sendable {
    public private(set) var bytes = InlineArray<240, UInt8>(repeating: 0)
    public private(set) var count = 0

    public init() {}
    public init(stringLiteral value: StaticString) { append(value) }
    public init(stringInterpolation: Interpolation) { self = stringInterpolation.line }

    public struct Interpolation: StringInterpolationProtocol {
        var line = LogLine()
        public init(literalCapacity: Int, interpolationCount: Int) {}
        public mutating func appendLiteral(_ literal: StaticString) { line.append(literal) }
        public mutating func appendInterpolation(_ text: StaticString) { line.append(text) }
        public mutating func appendInterpolation(_ line: LogLine) { self.line.append(line.bytes.span, count: line.count) }
        public mutating func appendInterpolation(_ number: some BinaryInteger) { line.append(decimal: number) }
        /// Hexadecimal, without a prefix, at least `digits` digits.
        public mutating func appendInterpolation(hex number: UInt64, digits: Int = 1) {
            line.append(hex: number, digits: digits)
        }
        /// Decimal, filled up with `fill` to `width` bytes at least.
        public mutating func appendInterpolation(_ number: UInt64, width: Int, fill: UInt8) {
            var (left, limit) = (width - 1, UInt64(10))
            while left > 0, number >= limit, limit < 1 << 60 { (left, limit) = (left - 1, limit * 10) }
            for _ in 0..<max(left, 0) { line.append(byte: fill) }
            line.append(decimal: number)
        }
        public mutating func appendInterpolation(_ text: borrowing Span<UInt8>) { line.append(text, count: text.count) }
    }

    @inline(never) public mutating func append(byte: UInt8) {
        guard count < bytes.count else { return }
        bytes[count] = byte
        count += 1
    }

    public mutating func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        // SAFETY: a StaticString of literal text has its bytes in the image for ever.
        for index in 0..<length { append(byte: unsafe text.utf8Start[index]) }
    }

    public mutating func append(_ text: borrowing Span<UInt8>, count: Int) {
        for index in 0..<min(count, text.count) { append(byte: text[index]) }
    }

    mutating func append(decimal number: some BinaryInteger) {
        if number < 0 { append(byte: UInt8(ascii: "-")) }
        append(decimal: UInt64(truncatingIfNeeded: number.magnitude))
    }

    @inline(never) mutating func append(decimal value: UInt64) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(byte: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    @inline(never) mutating func append(hex value: UInt64, digits: Int) {
        var shift = max(digits - 1, value == 0 ? 0 : (63 - value.leadingZeroBitCount) / 4) * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xf
            append(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            shift -= 4
        }
    }
}
