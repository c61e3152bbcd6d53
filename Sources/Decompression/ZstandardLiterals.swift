// SPDX-License-Identifier: Apache-2.0

/// Where the regions of Zstandard's workspace begin, in words.
enum ZstandardRegion {
    static var literalLengths: Int { 0 }
    static var offsets: Int { literalLengths + 512 }
    static var matchLengths: Int { offsets + 256 }
    static var literalExtras: Int { matchLengths + 512 }
    static var matchExtras: Int { literalExtras + 36 }
    static var counts: Int { matchExtras + 53 }
    /// Weights of Huffman's code, and its table: symbol << 8 | bits.
    static var weights: Int { counts + 256 }
    static var weightStates: Int { weights + 256 }
    static var huffman: Int { weightStates + 64 }
    static var end: Int { huffman + 1 << 11 }
}

/// RFC 8878, 4.2.1: the Huffman code of literals.
struct LiteralCode {
    /// Bits of the longest code; 0 where there is no code yet.
    private(set) var bits = 0

    /// Reads the weights from `position` on, moves it behind them, and makes the table.
    mutating func read(
        _ words: inout MutableSpan<UInt32>, _ input: Span<UInt8>, _ position: inout Int
    ) throws(DecompressionError) {
        bits = 0
        guard position < input.count else { throw .corrupt }
        let header = Int(input[position])
        position += 1
        let bytes = header < 128 ? header : (header - 126) >> 1
        guard bytes <= input.count - position else { throw .corrupt }
        let count: Int
        if header < 128 {
            count = try unpackWeights(&words, input.extracting(position..<position + bytes))
        } else {
            count = header - 127
            for index in 0..<count {
                words[ZstandardRegion.weights + index] = UInt32(
                    input[position + index >> 1] >> (index & 1 == 0 ? 4 : 0) & 15)
            }
        }
        position += bytes
        try build(&words, count)
    }

    /// 4.2.1.2: two states take turns until the stream is used up. Returns how many weights there are.
    private func unpackWeights(_ words: inout MutableSpan<UInt32>, _ input: Span<UInt8>) throws(DecompressionError) -> Int {
        var table = FSETable(at: ZstandardRegion.weightStates)
        var start = 0
        try table.read(&words, input, &start, counts: ZstandardRegion.counts, most: 16, largest: 6)
        guard var bits = HighFirstBits(input, downFrom: input.count, to: start) else { throw .corrupt }
        var (now, other) = (table.start(&bits), table.start(&bits))
        if bits.isOverrun { throw .corrupt }
        var count = 0
        while true {
            guard count < 254 else { throw .corrupt }
            words[ZstandardRegion.weights + count] = UInt32(table.symbol(words, now))
            count += 1
            bits.refill()
            let next = table.next(words, now, &bits)
            if bits.isOverrun { break }
            (now, other) = (other, next)
        }
        words[ZstandardRegion.weights + count] = UInt32(table.symbol(words, other))
        return count + 1
    }

    /// 4.2.1.3: the last weight is what makes the sum a power of two.
    private mutating func build(_ words: inout MutableSpan<UInt32>, _ count: Int) throws(DecompressionError) {
        var sum = 0
        var starts = InlineArray<16, Int>(repeating: 0)
        for symbol in 0..<count {
            let weight = Int(words[ZstandardRegion.weights + symbol])
            guard weight <= 11 else { throw .corrupt }
            if weight > 0 { sum += 1 << (weight - 1) }
        }
        guard sum > 0 else { throw .corrupt }
        let longest = Int.bitWidth - sum.leadingZeroBitCount
        let rest = 1 << longest - sum
        guard longest <= 11, rest.nonzeroBitCount == 1 else { throw .corrupt }
        words[ZstandardRegion.weights + count] = UInt32(rest.trailingZeroBitCount + 1)
        for symbol in 0...count {
            let weight = Int(words[ZstandardRegion.weights + symbol])
            if weight > 0 { starts[weight + 1] += 1 << (weight - 1) }
        }
        for weight in 2..<13 { starts[weight] += starts[weight - 1] }
        for symbol in 0...count {
            let weight = Int(words[ZstandardRegion.weights + symbol])
            guard weight > 0 else { continue }
            let first = ZstandardRegion.huffman + starts[weight]
            starts[weight] += 1 << (weight - 1)
            for index in first..<first + 1 << (weight - 1) { words[index] = UInt32(symbol << 8 | longest + 1 - weight) }
        }
        bits = longest
    }
}

/// The literals of a block, unpacked as they are asked for: they come in the order in which they are used.
struct Literals: ~Escapable {
    private enum Kind { case plain, single, packed }

    private let input: Span<UInt8>
    private let kind: Kind
    private let code: LiteralCode
    /// Bytes that are still to come, of all and of the stream that is being read.
    private(set) var left: Int
    private var leftInStream: Int
    /// Index of the next byte, or of the byte; of the next stream where they are packed.
    private var position: Int
    private var bits: HighFirstBits
    /// Where the streams that come after this one end, and how many bytes each unpacks to but for the last.
    private var ends: (Int, Int, Int) = (0, 0, 0)
    private var streamsLeft = 0
    private var streamLength = 0
    private var lastLength = 0

    /// Reads the section's header from `start` on, and moves it behind the section (3.1.1.3.1).
    @_lifetime(copy input)
    init(
        _ input: Span<UInt8>, _ start: inout Int, _ code: inout LiteralCode, _ words: inout MutableSpan<UInt32>
    ) throws(DecompressionError) {
        guard let header = input.little(start, bytes: 1) else { throw .corrupt }
        let format = Int(header >> 2 & 3)
        let isPacked = header & 2 != 0
        let headerSize = isPacked ? (3 + format - min(format, 1)) : format == 1 ? 2 : format == 3 ? 3 : 1
        guard let fields = input.little(start, bytes: headerSize) else { throw .corrupt }
        start += headerSize
        self.input = input
        bits = HighFirstBits(input, from: 0)
        guard isPacked else {
            kind = header & 1 == 0 ? .plain : .single
            left = Int(headerSize == 1 ? fields >> 3 : fields >> 4)
            guard left <= Zstandard.blockSize else { throw .corrupt }
            position = start
            leftInStream = left
            self.code = code
            let bytes = kind == .plain ? left : 1
            guard bytes <= input.count - start else { throw .corrupt }
            start += bytes
            return
        }
        kind = .packed
        let width = UInt64(format < 2 ? 10 : format == 2 ? 14 : 18)
        left = Int(fields >> 4 & (1 << width - 1))
        let packed = Int(fields >> (4 + width) & (1 << width - 1))
        guard left <= Zstandard.blockSize, packed <= input.count - start else { throw .corrupt }
        let end = start + packed
        position = start
        start = end
        if header & 1 == 0 { try code.read(&words, input.extracting(..<end), &position) }
        guard code.bits > 0 else { throw .corrupt }
        self.code = code
        leftInStream = left
        try openStreams(to: end, count: format == 0 ? 1 : 4)
    }

    /// 3.1.1.3.1.6: four streams have a table of the first three's sizes.
    private mutating func openStreams(to end: Int, count: Int) throws(DecompressionError) {
        var first = end
        if count == 4 {
            guard position + 6 <= end, let a = input.little(position, bytes: 2),
                let b = input.little(position + 2, bytes: 2),
                let c = input.little(position + 4, bytes: 2)
            else { throw .corrupt }
            position += 6
            first = position + Int(a)
            ends = (first + Int(b), first + Int(b) + Int(c), end)
            streamLength = (left + 3) / 4
            streamsLeft = 3
            guard ends.1 < end, streamLength * 3 <= left else { throw .corrupt }
            lastLength = left - streamLength * 3
            leftInStream = streamLength
        }
        try open(to: first)
    }

    private mutating func open(to end: Int) throws(DecompressionError) {
        guard let bits = HighFirstBits(input, downFrom: end, to: position) else { throw .corrupt }
        self.bits = bits
        position = end
    }

    /// Writes the next `count` literals at `place`.
    @inline(__always)
    mutating func copy(
        _ words: borrowing MutableSpan<UInt32>, into output: inout MutableSpan<UInt8>, at place: inout Int, count: Int
    ) throws(DecompressionError) {
        guard count <= left else { throw .corrupt }
        left &-= count
        switch kind {
        case .plain:
            try output.append(input, from: position, count: count, at: &place)
            position &+= count
        case .single: try output.fill(input[position], count: count, at: &place)
        case .packed:
            let room = min(count, output.count &- place)
            var rest = room
            while rest > 0 {
                if leftInStream == 0 { try nextStream() }
                let part = min(rest, leftInStream)
                unpack(words, &output, place, part)
                place &+= part
                rest &-= part
                leftInStream &-= part
            }
            if room < count { throw .tooLarge }
        }
    }

    @inline(__always)
    private mutating func unpack(
        _ words: borrowing MutableSpan<UInt32>, _ output: inout MutableSpan<UInt8>, _ place: Int, _ count: Int
    ) {
        var stream = bits
        let longest = code.bits
        for index in place..<place &+ count {
            stream.refill()
            let entry = words[ZstandardRegion.huffman &+ stream.peek(longest)]
            stream.drop(Int(truncatingIfNeeded: entry & 0xff))
            output[index] = UInt8(truncatingIfNeeded: entry >> 8)
        }
        bits = stream
    }

    private mutating func nextStream() throws(DecompressionError) {
        guard bits.isFinished, streamsLeft > 0 else { throw .corrupt }
        streamsLeft -= 1
        try open(to: ends.0)
        ends = (ends.1, ends.2, 0)
        leftInStream = streamsLeft == 0 ? lastLength : streamLength
    }

    /// Whether every stream was used up exactly.
    mutating func finish() throws(DecompressionError) {
        guard kind == .packed else { return }
        while streamsLeft > 0, leftInStream == 0 { try nextStream() }
        guard bits.isFinished else { throw .corrupt }
    }
}
