// SPDX-License-Identifier: Apache-2.0

/// The bzip2 format: blocks of up to 900,000 bytes, each sorted (Burrows and Wheeler), moved to front, run lengths and Huffman
/// codes of up to six tables that take turns. The first stream alone; what follows it is not looked at.
struct Bzip2 {
    static var magic: InlineArray<3, UInt8> { [0x42, 0x5a, 0x68] }

    /// Regions of the workspace, in words.
    private enum Region {
        /// The symbols that a block has, by their number.
        static var symbols: Int { 0 }
        static var lengths: Int { 256 }
        static var counts: Int { lengths + 258 }
        static var codes: Int { counts + 256 }
        static var selectors: Int { codes + 6 * codeSize }
        /// The table of the check.
        static var check: Int { selectors + selectorCount }
        /// The block: in the lowest byte what was sorted, above it where the next byte stands.
        static var block: Int { check + 256 }
        static var end: Int { block + 900_000 }
        static var codeSize: Int { PrefixCode.count(symbols: 258, shortBits: shortBits) }
        static var selectorCount: Int { 18_002 }
        static var shortBits: Int { 10 }
    }
    static var workspaceCount: Int { Region.end }
    private static var longest: Int { 20 }
    /// Symbols of one table before the next's turn.
    private static var turn: Int { 50 }

    private static var blockMagic: UInt64 { 0x3141_5926_5359 }
    private static var endMagic: UInt64 { 0x1772_4538_5090 }

    private var blockSize = 0
    private var size = 0
    /// How many symbols of a block's alphabet are bytes.
    private var used = 0
    private var selectorCount = 0
    private var combined: UInt32 = 0

    static func decompress(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        guard input.starts(with: magic) else { throw .notThisFormat }
        guard let level = input.little(3, bytes: 1) else { throw .truncated }
        guard level >= 0x31, level <= 0x39 else { throw .corrupt }
        var decoder = Bzip2()
        decoder.blockSize = Int(level - 0x30) * 100_000
        makeCheckTable(&workspace)
        var bits = HighFirstBits(input, from: 4)
        while true {
            let magic = UInt64(bits.next(24)) << 24 | UInt64(bits.next(24))
            let check = UInt32(truncatingIfNeeded: bits.next(32))
            if bits.isOverrun { throw .truncated }
            if magic == endMagic {
                guard check == decoder.combined else { throw .corrupt }
                return decoder.size
            }
            guard magic == blockMagic else { throw .corrupt }
            try decoder.block(&bits, check, &output, &workspace)
        }
    }

    private mutating func block(
        _ bits: inout HighFirstBits, _ check: UInt32, _ output: inout MutableSpan<UInt8>, _ words: inout MutableSpan<UInt32>
    ) throws(DecompressionError) {
        // Blocks that were made random are of versions before 1.0.
        guard bits.next(1) == 0 else { throw .unsupported }
        let origin = bits.next(24)
        try readSymbols(&bits, &words)
        let tables = bits.next(3)
        guard tables >= 2, tables <= 6 else { throw .corrupt }
        try readSelectors(&bits, tables, &words)
        for table in 0..<tables { try readCode(&bits, table, &words) }
        let count = try readBlock(&bits, &words)
        guard origin < count else { throw .corrupt }
        let sum = try write(&output, &words, count, origin)
        guard sum == check else { throw .corrupt }
        combined = (combined << 1 | combined >> 31) ^ check
    }

    /// Two levels of bits say which bytes occur.
    private mutating func readSymbols(_ bits: inout HighFirstBits, _ words: inout MutableSpan<UInt32>)
        throws(DecompressionError)
    {
        let groups = bits.next(16)
        used = 0
        for group in 0..<16 where groups >> (15 - group) & 1 == 1 {
            let members = bits.next(16)
            for member in 0..<16 where members >> (15 - member) & 1 == 1 {
                words[Region.symbols + used] = UInt32(group * 16 + member)
                used += 1
            }
        }
        guard used > 0 else { throw bits.isOverrun ? .truncated : .corrupt }
    }

    /// Which table has its turn when, moved to front. More than can be needed are read and forgotten.
    private mutating func readSelectors(
        _ bits: inout HighFirstBits, _ tables: Int, _ words: inout MutableSpan<UInt32>
    ) throws(DecompressionError) {
        let count = bits.next(15)
        guard count > 0 else { throw bits.isOverrun ? .truncated : .corrupt }
        selectorCount = min(count, Region.selectorCount)
        // Six numbers of four bits, the foremost lowest.
        var order = 0x543210
        for index in 0..<count {
            var place = 0
            while bits.next(1) == 1 {
                place += 1
                guard place < tables else { throw .corrupt }
            }
            if bits.isOverrun { throw .truncated }
            let table = order >> (place * 4) & 0xf
            let before = order & (1 << (place * 4) - 1)
            let behind = order & ~(1 << (place * 4 + 4) - 1)
            order = behind | before << 4 | table
            if index < Region.selectorCount { words[Region.selectors + index] = UInt32(table) }
        }
    }

    private func code(_ table: Int) -> PrefixCode {
        PrefixCode(at: Region.codes &+ table &* Region.codeSize, shortBits: Region.shortBits)
    }

    /// The lengths of one code, each as its difference from the one before.
    private func readCode(
        _ bits: inout HighFirstBits, _ table: Int, _ words: inout MutableSpan<UInt32>
    ) throws(DecompressionError) {
        var length = bits.next(5)
        for symbol in 0..<used + 2 {
            while true {
                guard length >= 1, length <= Self.longest else { throw .corrupt }
                if bits.next(1) == 0 { break }
                length += bits.next(1) == 0 ? 1 : -1
                if bits.isOverrun { throw .truncated }
            }
            words[Region.lengths + symbol] = UInt32(length)
        }
        if bits.isOverrun { throw .truncated }
        let left = code(table).build(
            &words, lengths: Region.lengths, symbols: used + 2, longest: Self.longest, isReversed: false)
        guard left != nil else { throw .corrupt }
    }

    /// Undoes Huffman's codes, run lengths and the move to front. Returns how many bytes the block has.
    private func readBlock(
        _ bits: inout HighFirstBits, _ words: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        for symbol in 0..<256 { words[Region.counts + symbol] = 0 }
        var count = 0
        var run = 0
        var weight = 1
        for selector in 0..<selectorCount {
            let code = code(Int(words[Region.selectors + selector]))
            for _ in 0..<Self.turn {
                bits.refill()
                let symbol = code.symbol(words, &bits, longest: Self.longest)
                guard symbol >= 0, !bits.isOverrun else { throw bits.isOverrun ? .truncated : .corrupt }
                if symbol <= 1 {
                    // A run of the foremost byte, its length in digits 1 and 2.
                    guard weight <= 1 << 20 else { throw .corrupt }
                    run += weight << symbol
                    weight <<= 1
                    continue
                }
                if run > 0 {
                    guard run <= blockSize - count else { throw .corrupt }
                    append(&words, words[Region.symbols], run, &count)
                    run = 0
                    weight = 1
                }
                if symbol == used + 1 { return count }
                guard count < blockSize else { throw .corrupt }
                let byte = words[Region.symbols + symbol - 1]
                for place in stride(from: Region.symbols + symbol - 1, to: Region.symbols, by: -1) {
                    words[place] = words[place - 1]
                }
                words[Region.symbols] = byte
                append(&words, byte, 1, &count)
            }
        }
        throw .corrupt
    }

    @inline(__always)
    private func append(_ words: inout MutableSpan<UInt32>, _ byte: UInt32, _ times: Int, _ count: inout Int) {
        words[Region.counts &+ Int(truncatingIfNeeded: byte)] &+= UInt32(truncatingIfNeeded: times)
        for index in Region.block &+ count..<Region.block &+ count &+ times { words[index] = byte }
        count &+= times
    }

    /// Undoes the sorting, then the runs of the very first step: four alike and a number of further ones. Returns the check.
    private mutating func write(
        _ output: inout MutableSpan<UInt8>, _ words: inout MutableSpan<UInt32>, _ count: Int, _ origin: Int
    ) throws(DecompressionError) -> UInt32 {
        var sum: UInt32 = 0
        for symbol in 0..<256 {
            let number = words[Region.counts + symbol]
            words[Region.counts + symbol] = sum
            sum += number
        }
        for index in 0..<count {
            let place = Region.counts + Int(words[Region.block + index] & 0xff)
            words[Region.block + Int(words[place])] |= UInt32(index) << 8
            words[place] += 1
        }
        var check: UInt32 = .max
        var next = Int(words[Region.block + origin] >> 8)
        var last: UInt32 = 256
        var alike = 0
        var position = size
        for _ in 0..<count {
            let word = words[Region.block &+ next]
            next = Int(word >> 8)
            let byte = word & 0xff
            var times = 1
            if alike == 4 {
                times = Int(byte)
                alike = 0
            } else {
                alike = byte == last ? alike &+ 1 : 1
                last = byte
            }
            guard times <= output.count &- position else { throw .tooLarge }
            for _ in 0..<times {
                output[position] = UInt8(truncatingIfNeeded: last)
                position &+= 1
                check = check << 8 ^ words[Region.check &+ Int(truncatingIfNeeded: check >> 24 ^ last)]
            }
        }
        size = position
        return ~check
    }

    /// CRC-32 with the highest bit first.
    private static func makeCheckTable(_ words: inout MutableSpan<UInt32>) {
        for index in 0..<256 {
            var value = UInt32(index) << 24
            for _ in 0..<8 { value = value >> 31 != 0 ? value << 1 ^ 0x04c1_1db7 : value << 1 }
            words[Region.check + index] = value
        }
    }
}
