// SPDX-License-Identifier: Apache-2.0

/// RFC 1951: blocks of bytes as they are, or of literals and matches in a Huffman code that is fixed or comes along.
struct Deflate {
    /// Regions of the workspace, in words.
    private enum Region {
        static var lengths: Int { 0 }
        static var lengthExtras: Int { 320 }
        static var distanceExtras: Int { 352 }
        static var literals: Int { 384 }
        static var distances: Int { literals + PrefixCode.count(symbols: 288, shortBits: literalBits) }
        static var meta: Int { distances + PrefixCode.count(symbols: 32, shortBits: distanceBits) }
        static var end: Int { meta + PrefixCode.count(symbols: 19, shortBits: 7) }
        static var literalBits: Int { 10 }
        static var distanceBits: Int { 8 }
    }
    static var workspaceCount: Int { Region.end }
    /// 3.2.7: the order in which the lengths of the code of lengths come.
    private static var metaOrder: InlineArray<19, Int> {
        [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    }

    private let literals = PrefixCode(at: Region.literals, shortBits: Region.literalBits)
    private let distances = PrefixCode(at: Region.distances, shortBits: Region.distanceBits)
    private let meta = PrefixCode(at: Region.meta, shortBits: 7)

    /// Unpacks from `position` on, and moves it behind the last block. Returns the number of bytes.
    func decode(
        _ input: Span<UInt8>, from position: inout Int, into output: inout MutableSpan<UInt8>,
        _ words: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        ExtraBits.write(&words, at: Region.lengthExtras, from: 3, [(8, 0), (4, 1), (4, 2), (4, 3), (4, 4), (4, 5)])
        // The last length stands for itself, and is not the next one after the others.
        words[Region.lengthExtras + 28] = 258 << 8
        ExtraBits.write(
            &words, at: Region.distanceExtras, from: 1,
            [
                (4, 0), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (2, 6), (2, 7), (2, 8), (2, 9), (2, 10), (2, 11), (2, 12),
                (2, 13),
            ])
        var bits = LowFirstBits(input, from: position)
        var size = 0
        while true {
            bits.refill()
            let isLast = bits.take(1) == 1
            switch bits.take(2) {
            case 0: try copy(input, &bits, &output, &size)
            case 1:
                try setFixed(&words)
                try block(&bits, &output, &size, words)
            case 2:
                try readCodes(&bits, &words)
                try block(&bits, &output, &size, words)
            default: throw bits.isOverrun ? .truncated : .corrupt
            }
            if bits.isOverrun { throw .truncated }
            if isLast { break }
        }
        position = bits.align()
        return size
    }

    private func copy(
        _ input: Span<UInt8>, _ bits: inout LowFirstBits, _ output: inout MutableSpan<UInt8>, _ size: inout Int
    ) throws(DecompressionError) {
        if bits.isOverrun { throw .truncated }
        let start = bits.align()
        guard let length = input.little(start, bytes: 2), let complement = input.little(start + 2, bytes: 2) else {
            throw .truncated
        }
        guard length ^ complement == 0xffff else { throw .corrupt }
        let there = min(Int(length), input.count - start - 4)
        try output.append(input, from: start + 4, count: there, at: &size)
        guard there == Int(length) else { throw .truncated }
        bits.seek(start + 4 + there)
    }

    private func setFixed(_ words: inout MutableSpan<UInt32>) throws(DecompressionError) {
        for symbol in 0..<288 {
            words[Region.lengths + symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8
        }
        guard literals.build(&words, lengths: Region.lengths, symbols: 288, longest: 15, isReversed: true) != nil else {
            throw .corrupt
        }
        for symbol in 0..<32 { words[Region.lengths + symbol] = 5 }
        guard distances.build(&words, lengths: Region.lengths, symbols: 32, longest: 15, isReversed: true) != nil else {
            throw .corrupt
        }
    }

    /// 3.2.7: the two codes of a block, their lengths being packed themselves.
    private func readCodes(_ bits: inout LowFirstBits, _ words: inout MutableSpan<UInt32>) throws(DecompressionError) {
        let literalCount = bits.take(5) + 257
        let distanceCount = bits.take(5) + 1
        let metaCount = bits.take(4) + 4
        guard literalCount <= 286, distanceCount <= 30 else { throw .corrupt }
        let order = Self.metaOrder
        for index in 0..<19 { words[Region.lengths + index] = 0 }
        for index in 0..<metaCount {
            bits.refill()
            words[Region.lengths + order[index]] = UInt32(bits.take(3))
        }
        guard meta.build(&words, lengths: Region.lengths, symbols: 19, longest: 7, isReversed: true) == 0 else {
            throw .corrupt
        }
        try readLengths(&bits, &words, count: literalCount + distanceCount)
        // Without an end no block would have one.
        guard words[Region.lengths + 256] != 0 else { throw .corrupt }
        try make(distances, &words, at: Region.lengths + literalCount, symbols: distanceCount)
        try make(literals, &words, at: Region.lengths, symbols: literalCount)
    }

    private func readLengths(
        _ bits: inout LowFirstBits, _ words: inout MutableSpan<UInt32>, count: Int
    ) throws(DecompressionError) {
        var index = 0
        while index < count {
            bits.refill()
            let symbol = meta.symbol(words, &bits, longest: 7)
            if bits.isOverrun { throw .truncated }
            var value: UInt32 = 0
            var times = 1
            switch symbol {
            case 0..<16: value = UInt32(symbol)
            case 16:
                guard index > 0 else { throw .corrupt }
                value = words[Region.lengths + index - 1]
                times = bits.take(2) + 3
            case 17: times = bits.take(3) + 3
            case 18: times = bits.take(7) + 11
            default: throw .corrupt
            }
            guard times <= count - index else { throw .corrupt }
            for _ in 0..<times {
                words[Region.lengths + index] = value
                index += 1
            }
        }
    }

    /// A code may lack codes only where it has one symbol or none, of one bit.
    private func make(_ code: PrefixCode, _ words: inout MutableSpan<UInt32>, at lengths: Int, symbols: Int)
        throws(DecompressionError)
    {
        guard let left = code.build(&words, lengths: lengths, symbols: symbols, longest: 15, isReversed: true) else {
            throw .corrupt
        }
        guard left > 0 else { return }
        for symbol in 0..<symbols where words[lengths + symbol] > 1 { throw .corrupt }
    }

    /// Literals and matches until the symbol that ends the block.
    private func block(
        _ bits: inout LowFirstBits, _ output: inout MutableSpan<UInt8>, _ size: inout Int,
        _ words: borrowing MutableSpan<UInt32>
    ) throws(DecompressionError) {
        var position = size
        defer { size = position }
        while true {
            // A length, a distance and the bits that belong to them have at most 48.
            bits.refill()
            let symbol = literals.symbol(words, &bits, longest: 15)
            if symbol < 256 {
                guard symbol >= 0 else { throw bits.isOverrun ? .truncated : .corrupt }
                guard !bits.isOverrun else { throw .truncated }
                guard position < output.count else { throw .tooLarge }
                output[position] = UInt8(truncatingIfNeeded: symbol)
                position &+= 1
                continue
            }
            if symbol == 256 { return }
            guard symbol < 286 else { throw .corrupt }
            let length = number(words[Region.lengthExtras &+ symbol &- 257], &bits)
            let slot = distances.symbol(words, &bits, longest: 15)
            guard slot >= 0, slot < 30 else { throw bits.isOverrun ? .truncated : .corrupt }
            let distance = number(words[Region.distanceExtras &+ slot], &bits)
            guard !bits.isOverrun else { throw .truncated }
            try output.again(distance: distance, length: length, start: 0, at: &position)
        }
    }

    @inline(__always) private func number(_ extra: UInt32, _ bits: inout LowFirstBits) -> Int {
        Int(truncatingIfNeeded: extra >> 8) &+ bits.take(Int(truncatingIfNeeded: extra & 0xff))
    }
}
