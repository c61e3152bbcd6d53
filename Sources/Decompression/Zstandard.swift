// SPDX-License-Identifier: Apache-2.0

/// Zstandard (RFC 8878): one frame, without a dictionary. The window is whatever was unpacked so far.
struct Zstandard {
    static var magic: InlineArray<4, UInt8> { [0x28, 0xb5, 0x2f, 0xfd] }
    static var workspaceCount: Int { ZstandardRegion.end }
    /// No block unpacks to more, in bytes.
    static var blockSize: Int { 128 << 10 }

    private var literalCode = LiteralCode()
    private var literalLengths = SequenceTable(.literalLengths)
    private var offsets = SequenceTable(.offsets)
    private var matchLengths = SequenceTable(.matchLengths)
    /// The last three distances.
    private var recent = (1, 4, 8)

    /// Unpacks the frame at the start of `input`, after frames to skip; what follows it is not looked at.
    static func decompress(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        let frame = try Frame(input)
        writeExtras(&workspace)
        var decoder = Zstandard()
        var position = frame.headerEnd
        var size = 0
        while true {
            guard let header = input.little(position, bytes: 3) else { throw .truncated }
            position += 3
            let length = Int(header >> 3)
            guard length <= Self.blockSize else { throw .corrupt }
            let bytes = header >> 1 & 3 == 1 ? 1 : length
            let there = min(bytes, input.count - position)
            switch header >> 1 & 3 {
            case 0: try output.append(input, from: position, count: there, at: &size)
            case 1 where there == 1: try output.fill(input[position], count: length, at: &size)
            case 2 where there == bytes:
                try decoder.block(input.extracting(position..<position + length), &output, &size, &workspace)
            case 3: throw .corrupt
            default: break
            }
            guard there == bytes else { throw .truncated }
            position += bytes
            if header & 1 == 1 { break }
        }
        if let said = frame.size, said != UInt64(size) { throw .corrupt }
        if frame.hasCheck {
            guard let check = input.little(position, bytes: 4) else { throw .truncated }
            guard check == XXH64.checksum(output.span.extracting(..<size)) & 0xffff_ffff else { throw .corrupt }
        }
        return size
    }

    /// What the frame's header says.
    static func statedSize(of input: Span<UInt8>) -> UInt64? {
        do throws(DecompressionError) {
            return try Frame(input).size
        } catch {
            return nil
        }
    }

    /// 3.1.1.3.2.1.1: lengths are a base and further bits.
    private static func writeExtras(_ words: inout MutableSpan<UInt32>) {
        ExtraBits.write(
            &words, at: ZstandardRegion.literalExtras, from: 0,
            [
                (16, 0), (4, 1), (2, 2), (2, 3), (1, 4), (1, 6), (1, 7), (1, 8), (1, 9), (1, 10), (1, 11), (1, 12), (1, 13),
                (1, 14), (1, 15), (1, 16),
            ])
        ExtraBits.write(
            &words, at: ZstandardRegion.matchExtras, from: 3,
            [
                (32, 0), (4, 1), (2, 2), (2, 3), (2, 4), (1, 5), (1, 7), (1, 8), (1, 9), (1, 10), (1, 11), (1, 12), (1, 13),
                (1, 14), (1, 15), (1, 16),
            ])
    }

    /// 3.1.1.3: literals, and sequences of some of them and a match.
    private mutating func block(
        _ input: Span<UInt8>, _ output: inout MutableSpan<UInt8>, _ size: inout Int, _ words: inout MutableSpan<UInt32>
    ) throws(DecompressionError) {
        let end = size + Self.blockSize
        var position = 0
        var literals = try Literals(input, &position, &literalCode, &words)
        let count = try sequenceCount(input, &position)
        if count > 0 {
            guard let modes = input.little(position, bytes: 1), modes & 3 == 0 else { throw .corrupt }
            position += 1
            try literalLengths.prepare(mode: modes >> 6 & 3, &words, input, &position)
            try offsets.prepare(mode: modes >> 4 & 3, &words, input, &position)
            try matchLengths.prepare(mode: modes >> 2 & 3, &words, input, &position)
            guard let bits = HighFirstBits(input, downFrom: input.count, to: position) else { throw .corrupt }
            try sequences(count, bits, &literals, &output, &size, end, words)
        } else {
            guard position == input.count else { throw .corrupt }
        }
        guard literals.left <= end - size else { throw .corrupt }
        try literals.copy(words, into: &output, at: &size, count: literals.left)
        try literals.finish()
    }

    /// 3.1.1.3.2.1: one to three bytes.
    private func sequenceCount(_ input: Span<UInt8>, _ position: inout Int) throws(DecompressionError) -> Int {
        guard let first = input.little(position, bytes: 1) else { throw .corrupt }
        position += 1
        guard first >= 128 else { return Int(first) }
        let bytes = first == 255 ? 2 : 1
        guard let rest = input.little(position, bytes: bytes) else { throw .corrupt }
        position += bytes
        return first == 255 ? Int(rest) + 0x7f00 : Int(first - 128) << 8 + Int(rest)
    }

    private mutating func sequences(
        _ count: Int, _ stream: consuming HighFirstBits, _ literals: inout Literals, _ output: inout MutableSpan<UInt8>,
        _ size: inout Int, _ end: Int, _ words: borrowing MutableSpan<UInt32>
    ) throws(DecompressionError) {
        var bits = stream
        let (lengths, distances, matches) = (literalLengths.table, offsets.table, matchLengths.table)
        var state = (lengths.start(&bits), distances.start(&bits), matches.start(&bits))
        for sequence in 1...count {
            let code = distances.symbol(words, state.1)
            bits.refill()
            let value = 1 &<< code &+ bits.take(code)
            bits.refill()
            let match = number(words[ZstandardRegion.matchExtras &+ matches.symbol(words, state.2)], &bits)
            let length = number(words[ZstandardRegion.literalExtras &+ lengths.symbol(words, state.0)], &bits)
            guard length <= end &- size else { throw .corrupt }
            try literals.copy(words, into: &output, at: &size, count: length)
            let distance = self.distance(value, isAfterNone: length == 0)
            guard match <= end &- size else { throw .corrupt }
            try output.again(distance: distance, length: match, start: 0, at: &size)
            guard sequence < count else { break }
            bits.refill()
            state.0 = lengths.next(words, state.0, &bits)
            state.2 = matches.next(words, state.2, &bits)
            state.1 = distances.next(words, state.1, &bits)
        }
        guard bits.isFinished else { throw .corrupt }
    }

    @inline(__always) private func number(_ extra: UInt32, _ bits: inout HighFirstBits) -> Int {
        Int(truncatingIfNeeded: extra >> 8) &+ bits.take(Int(truncatingIfNeeded: extra & 0xff))
    }

    /// 3.1.1.5: 1 to 3 stand for distances that there were, counted from the second after a match that follows at once.
    @inline(__always)
    private mutating func distance(_ value: Int, isAfterNone: Bool) -> Int {
        guard value <= 3 else {
            recent = (value &- 3, recent.0, recent.1)
            return recent.0
        }
        switch value &- (isAfterNone ? 0 : 1) {
        case 0: break
        case 1: recent = (recent.1, recent.0, recent.2)
        case 2: recent = (recent.2, recent.0, recent.1)
        default: recent = (recent.0 &- 1, recent.0, recent.1)
        }
        return recent.0
    }
}

/// 3.1.1.1: what stands before the blocks.
private struct Frame {
    /// Bytes of the whole, where it is said.
    let size: UInt64?
    let hasCheck: Bool
    let headerEnd: Int

    init(_ input: Span<UInt8>) throws(DecompressionError) {
        var position = 0
        // 3.1.2: frames of somebody else's data.
        while let magic = input.little(position, bytes: 4), magic & 0xffff_fff0 == 0x184d_2a50 {
            guard let length = input.little(position + 4, bytes: 4), length <= UInt64(input.count - position - 8) else {
                throw .truncated
            }
            position += 8 + Int(length)
        }
        guard input.little(position, bytes: 4) == 0xfd2f_b528 else { throw .notThisFormat }
        guard let descriptor = input.little(position + 4, bytes: 1) else { throw .truncated }
        guard descriptor & 8 == 0 else { throw .unsupported }
        let isSingle = descriptor & 0x20 != 0
        hasCheck = descriptor & 4 != 0
        position += isSingle ? 5 : 6
        let dictionary = (1 << Int(descriptor & 3)) >> 1
        guard let number = input.little(position, bytes: dictionary) else { throw .truncated }
        guard number == 0 else { throw .unsupported }
        position += dictionary
        let form = Int(descriptor >> 6)
        let bytes = form == 0 ? (isSingle ? 1 : 0) : 1 << form
        guard let said = input.little(position, bytes: bytes) else { throw .truncated }
        size = bytes == 0 ? nil : bytes == 2 ? said + 256 : said
        headerEnd = position + bytes
    }
}

/// The table of one of a sequence's three numbers, which may be kept from block to block (3.1.1.3.2.1.2).
struct SequenceTable {
    enum Kind { case literalLengths, offsets, matchLengths }

    private let kind: Kind
    private(set) var table: FSETable
    private var isThere = false

    init(_ kind: Kind) {
        self.kind = kind
        switch kind {
        case .literalLengths: table = FSETable(at: ZstandardRegion.literalLengths)
        case .offsets: table = FSETable(at: ZstandardRegion.offsets)
        case .matchLengths: table = FSETable(at: ZstandardRegion.matchLengths)
        }
    }

    /// Codes that there are, and log2 of the most states. No distance above 2^31 has a code.
    private var limits: (symbols: Int, log: Int) {
        switch kind {
        case .literalLengths: (36, 9)
        case .offsets: (32, 8)
        case .matchLengths: (53, 9)
        }
    }

    mutating func prepare(
        mode: UInt64, _ words: inout MutableSpan<UInt32>, _ input: Span<UInt8>, _ position: inout Int
    ) throws(DecompressionError) {
        let limits = limits
        switch mode {
        case 0:
            guard setDefault(&words) else { throw .corrupt }
        case 1:
            guard let symbol = input.little(position, bytes: 1), symbol < UInt64(limits.symbols) else { throw .corrupt }
            position += 1
            table.setSingle(&words, UInt8(symbol))
        case 2:
            try table.read(
                &words, input, &position, counts: ZstandardRegion.counts, most: limits.symbols, largest: limits.log)
        default:
            guard isThere else { throw .corrupt }
        }
        isThere = true
    }

    /// 3.1.1.3.2.2: the distributions that need not come along.
    private mutating func setDefault(_ words: inout MutableSpan<UInt32>) -> Bool {
        switch kind {
        case .literalLengths:
            set(
                &words, 6,
                [
                    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
                    -1, -1,
                ]
                    as InlineArray<36, Int8>)
        case .offsets:
            set(
                &words, 5,
                [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1]
                    as InlineArray<29, Int8>)
        case .matchLengths:
            set(
                &words, 6,
                [
                    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                    1, 1, 1, 1, 1,
                    1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
                ] as InlineArray<53, Int8>)
        }
    }

    private mutating func set<let size: Int>(
        _ words: inout MutableSpan<UInt32>, _ log: Int, _ distribution: InlineArray<size, Int8>
    ) -> Bool {
        for index in 0..<size { words[ZstandardRegion.counts + index] = UInt32(bitPattern: Int32(distribution[index])) }
        return table.build(&words, counts: ZstandardRegion.counts, symbols: size, log: log)
    }
}
