// SPDX-License-Identifier: Apache-2.0

/// A canonical Huffman code in the caller's workspace: a table for short codes, and for longer ones how many there are of each
/// length and the symbols in the code's order.
struct PrefixCode {
    /// The table's first word, and log2 of its size.
    private let base: Int
    private let shortBits: Int
    private static var lengths: Int { 32 }

    /// Words that a code of `symbols` symbols takes.
    static func count(symbols: Int, shortBits: Int) -> Int { 1 << shortBits + lengths + symbols }

    init(at base: Int, shortBits: Int) {
        self.base = base
        self.shortBits = shortBits
    }

    private var counts: Int { base &+ 1 &<< shortBits }
    private var symbols: Int { counts &+ Self.lengths }

    /// Makes the code out of the lengths of its symbols, which are 0 (not used) to `longest`.
    ///
    /// Returns how many codes of the longest length are without a symbol: 0 where the code is complete. Nil where the lengths
    /// are no code.
    /// - Parameter isReversed: the stream has a code's first bit lowest.
    func build(
        _ words: inout MutableSpan<UInt32>, lengths: Int, symbols symbolCount: Int, longest: Int, isReversed: Bool
    ) -> Int? {
        for length in 0...longest { words[counts + length] = 0 }
        for symbol in 0..<symbolCount { words[counts + Int(words[lengths + symbol])] += 1 }
        words[counts] = 0
        var left = 1
        var offsets = InlineArray<32, Int>(repeating: 0)
        var codes = InlineArray<32, Int>(repeating: 0)
        for length in 1...longest {
            left = left << 1 - Int(words[counts + length])
            guard left >= 0 else { return nil }
            offsets[length] = length == 1 ? 0 : offsets[length - 1] + Int(words[counts + length - 1])
            codes[length] = length == 1 ? 0 : (codes[length - 1] + Int(words[counts + length - 1])) << 1
        }
        for index in 0..<1 << shortBits { words[base + index] = 0 }
        for symbol in 0..<symbolCount {
            let length = Int(words[lengths + symbol])
            guard length > 0 else { continue }
            words[symbols + offsets[length]] = UInt32(symbol)
            offsets[length] += 1
            let code = codes[length]
            codes[length] += 1
            if length <= shortBits { enter(&words, symbol, length, code, isReversed) }
        }
        return left
    }

    /// Every index of the table that begins with this code: the symbol, and its length in the lowest byte.
    private func enter(_ words: inout MutableSpan<UInt32>, _ symbol: Int, _ length: Int, _ code: Int, _ isReversed: Bool) {
        let entry = UInt32(truncatingIfNeeded: symbol << 8 | length)
        guard isReversed else {
            let first = base + code << (shortBits - length)
            for index in first..<first + 1 << (shortBits - length) { words[index] = entry }
            return
        }
        var reversed = 0
        for bit in 0..<length { reversed |= (code >> bit & 1) << (length - 1 - bit) }
        for index in stride(from: base + reversed, to: base + 1 << shortBits, by: 1 << length) { words[index] = entry }
    }

    /// The next symbol, -1 for a code that has none. Codes have at most `longest` bits, which are ready.
    @inline(__always)
    func symbol(_ words: borrowing MutableSpan<UInt32>, _ bits: inout LowFirstBits, longest: Int) -> Int {
        let entry = words[base &+ bits.peek(shortBits)]
        guard entry == 0 else {
            bits.drop(Int(truncatingIfNeeded: entry & 0xff))
            return Int(truncatingIfNeeded: entry >> 8)
        }
        let ahead = bits.peek(longest)
        let (symbol, length) = longSymbol(words, longest: longest) { ahead &>> ($0 &- 1) & 1 }
        bits.drop(length)
        return symbol
    }

    @inline(__always)
    func symbol(_ words: borrowing MutableSpan<UInt32>, _ bits: inout HighFirstBits, longest: Int) -> Int {
        let entry = words[base &+ bits.peek(shortBits)]
        guard entry == 0 else {
            bits.drop(Int(truncatingIfNeeded: entry & 0xff))
            return Int(truncatingIfNeeded: entry >> 8)
        }
        let ahead = bits.peek(longest)
        let (symbol, length) = longSymbol(words, longest: longest) { ahead &>> (longest &- $0) & 1 }
        bits.drop(length)
        return symbol
    }

    /// Bit by bit, the first being number 1. Among codes of one length the symbols follow each other.
    @inline(__always)
    private func longSymbol(
        _ words: borrowing MutableSpan<UInt32>, longest: Int, _ bit: (Int) -> Int
    ) -> (symbol: Int, length: Int) {
        var code = 0
        var first = 0
        var index = 0
        for length in 1...longest {
            code |= bit(length)
            let count = Int(words[counts &+ length])
            if code &- count < first { return (Int(words[symbols &+ index &+ (code &- first)]), length) }
            index &+= count
            first = (first &+ count) &<< 1
            code &<<= 1
        }
        return (-1, longest)
    }
}

/// Numbers that are a base and some bits more, each base following the last one's range (Deflate, Zstandard).
///
/// In the workspace a word is base << 8 | bits.
enum ExtraBits {
    /// - Parameter runs: how many codes in turn have how many bits.
    static func write<let size: Int>(
        _ words: inout MutableSpan<UInt32>, at start: Int, from first: UInt32,
        _ runs: InlineArray<size, (codes: Int, bits: Int)>
    ) {
        var base = first
        var index = start
        for run in runs.indices {
            for _ in 0..<runs[run].codes {
                words[index] = base << 8 | UInt32(runs[run].bits)
                base += 1 << UInt32(runs[run].bits)
                index += 1
            }
        }
    }
}
