// SPDX-License-Identifier: Apache-2.0

/// LZMA's arithmetic decoder: bits whose probabilities adapt, each in a word of the caller's table (11 bits used).
///
/// Reads zeros past the end of its input and says so in `isExhausted`, so that the inner loop has no error to throw.
struct RangeDecoder {
    private var range: UInt32 = .max
    private var code: UInt32 = 0
    /// Index in the input of the next byte, and one past the last that is this chunk's.
    private(set) var position: Int
    private let end: Int
    private(set) var isExhausted = false

    /// Every probability starts even.
    static var even: UInt32 { 1024 }

    /// A chunk starts with a zero byte and four of code.
    init(_ input: Span<UInt8>, from start: Int, to end: Int) {
        position = start
        self.end = min(end, input.count)
        for _ in 0..<5 { code = code << 8 | UInt32(next(input)) }
    }

    /// Whether the chunk was used up exactly. The packer has normalised once more after its last bit.
    mutating func finish(_ input: Span<UInt8>) -> Bool {
        normalise(input)
        return position == end && code == 0 && !isExhausted
    }

    /// Whether a stream may end here that has no mark of its end.
    mutating func isAtRest(_ input: Span<UInt8>) -> Bool {
        normalise(input)
        return code == 0
    }

    @inline(__always) private mutating func next(_ input: Span<UInt8>) -> UInt8 {
        guard position < end else {
            isExhausted = true
            return 0
        }
        let byte = input[position]
        position &+= 1
        return byte
    }

    @inline(__always) private mutating func normalise(_ input: Span<UInt8>) {
        if range < 1 << 24 {
            range <<= 8
            code = code << 8 | UInt32(next(input))
        }
    }

    @inline(__always)
    mutating func bit(_ input: Span<UInt8>, _ table: inout MutableSpan<UInt32>, _ slot: Int) -> Bool {
        normalise(input)
        let probability = table[slot]
        let bound = (range >> 11) &* probability
        if code < bound {
            range = bound
            table[slot] = probability &+ (2048 &- probability) >> 5
            return false
        }
        range &-= bound
        code &-= bound
        table[slot] = probability &- probability >> 5
        return true
    }

    /// `bits` bits, most significant first, by a tree of 2^`bits` slots.
    @inline(__always)
    mutating func tree(_ input: Span<UInt8>, _ table: inout MutableSpan<UInt32>, _ slot: Int, bits: Int) -> Int {
        var symbol = 1
        for _ in 0..<bits { symbol = symbol << 1 | (bit(input, &table, slot &+ symbol) ? 1 : 0) }
        return symbol &- 1 << bits
    }

    /// `bits` bits, least significant first.
    mutating func reverseTree(_ input: Span<UInt8>, _ table: inout MutableSpan<UInt32>, _ slot: Int, bits: Int) -> Int {
        var symbol = 1
        var value = 0
        for index in 0..<bits {
            let one = bit(input, &table, slot &+ symbol) ? 1 : 0
            symbol = symbol << 1 | one
            value |= one << index
        }
        return value
    }

    /// `bits` bits of even probability, most significant first.
    mutating func direct(_ input: Span<UInt8>, bits: Int) -> Int {
        var value = 0
        for _ in 0..<bits {
            normalise(input)
            range >>= 1
            let one = code >= range
            if one { code &-= range }
            value = value << 1 | (one ? 1 : 0)
        }
        return value
    }
}
