// SPDX-License-Identifier: Apache-2.0

/// LZMA's model: which literal or match comes next, given those before (LZMA specification, I. Pavlov).
struct LZMA {
    /// Offsets of the groups of probabilities in the caller's table.
    private enum Slot {
        static var isMatch: Int { 0 }
        static var isRepeat: Int { 192 }
        static var isFirst: Int { 204 }
        static var isSecond: Int { 216 }
        static var isThird: Int { 228 }
        static var isLong: Int { 240 }
        static var distance: Int { 432 }
        static var special: Int { 688 }
        static var align: Int { 816 }
        static var matchLength: Int { 832 }
        static var repeatLength: Int { 832 + 514 }
        static var literals: Int { 832 + 1028 }
    }
    /// Slots that are needed at most: four bits of literal context and position together.
    static var slots: Int { Slot.literals + 0x300 << 4 }

    /// Which of the last symbols were literals, matches and repeats: 0-6 after a literal.
    private var state = 0
    /// The last four distances, less one.
    private var recent: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
    private var contextBits = 0
    private var literalPositionMask = 0
    private var positionMask = 0

    /// Takes the byte of properties: (pb * 5 + lp) * 9 + lc. False where that cannot be.
    mutating func setProperties(_ byte: UInt8) -> Bool {
        guard byte < 9 * 5 * 5 else { return false }
        let rest = Int(byte) / 9
        contextBits = Int(byte) % 9
        literalPositionMask = 1 << (rest % 5) - 1
        positionMask = 1 << (rest / 5) - 1
        return contextBits + rest % 5 <= 4
    }

    mutating func reset(_ table: inout MutableSpan<UInt32>) {
        state = 0
        recent = (0, 0, 0, 0)
        for index in table.indices { table[index] = RangeDecoder.even }
    }

    /// Decodes until `output` is filled from `start` to `end`. The dictionary begins at `dictionary`.
    ///
    /// - Parameters:
    ///   - hasEnd: goes on until the mark of the end; what does not fit before that is too large.
    ///   - isCut: there is more than fits before `end`.
    /// - Returns: where it ended.
    mutating func decode(
        _ input: Span<UInt8>, _ decoder: inout RangeDecoder, _ table: inout MutableSpan<UInt32>,
        into output: inout MutableSpan<UInt8>, from start: Int, to end: Int, dictionary: Int, hasEnd: Bool = false,
        isCut: Bool = false
    ) throws(DecompressionError) -> Int {
        var position = start
        while position < end || hasEnd {
            if decoder.isExhausted { throw .truncated }
            let phase = (position - dictionary) & positionMask
            if !decoder.bit(input, &table, Slot.isMatch + state << 4 + phase) {
                guard position < end else { throw decoder.isExhausted ? .truncated : .tooLarge }
                literal(input, &decoder, &table, &output, position, dictionary)
                position += 1
                continue
            }
            let length = match(input, &decoder, &table, phase)
            if hasEnd, recent.0 == .max {
                guard !decoder.isExhausted else { throw .truncated }
                return position
            }
            guard recent.0 < UInt32(truncatingIfNeeded: position - dictionary) else { throw .corrupt }
            let distance = Int(truncatingIfNeeded: recent.0) + 1
            let taken = min(length, end - position)
            for index in position..<position + taken { output[index] = output[index &- distance] }
            position += taken
            guard taken == length else { throw hasEnd || isCut ? .tooLarge : .corrupt }
        }
        return position
    }

    @inline(__always)
    private mutating func literal(
        _ input: Span<UInt8>, _ decoder: inout RangeDecoder, _ table: inout MutableSpan<UInt32>,
        _ output: inout MutableSpan<UInt8>, _ position: Int, _ dictionary: Int
    ) {
        let previous = position > dictionary ? Int(output[position - 1]) : 0
        let context = ((position - dictionary) & literalPositionMask) << contextBits + previous >> (8 - contextBits)
        let base = Slot.literals + context * 0x300
        var symbol = 1
        // After a match the byte that the match would have gone on with is a hint.
        if state >= 7, recent.0 < UInt32(truncatingIfNeeded: position - dictionary) {
            var hint = Int(output[position - Int(truncatingIfNeeded: recent.0) - 1])
            var offset = 0x100
            while symbol < 0x100 {
                hint <<= 1
                let expected = hint & offset
                if decoder.bit(input, &table, base + offset + expected + symbol) {
                    symbol = symbol << 1 | 1
                    offset = expected
                } else {
                    symbol <<= 1
                    offset &= ~expected
                }
            }
        } else {
            while symbol < 0x100 { symbol = symbol << 1 | (decoder.bit(input, &table, base + symbol) ? 1 : 0) }
        }
        output[position] = UInt8(truncatingIfNeeded: symbol)
        state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6
    }

    /// Length of the match that comes now; its distance is then the first of `recent`.
    private mutating func match(
        _ input: Span<UInt8>, _ decoder: inout RangeDecoder, _ table: inout MutableSpan<UInt32>, _ phase: Int
    ) -> Int {
        guard decoder.bit(input, &table, Slot.isRepeat + state) else {
            let length = length(input, &decoder, &table, Slot.matchLength, phase)
            state = state < 7 ? 7 : 10
            recent = (distance(input, &decoder, &table, length), recent.0, recent.1, recent.2)
            return length
        }
        if !decoder.bit(input, &table, Slot.isFirst + state) {
            if !decoder.bit(input, &table, Slot.isLong + state << 4 + phase) {
                state = state < 7 ? 9 : 11
                return 1
            }
        } else if !decoder.bit(input, &table, Slot.isSecond + state) {
            recent = (recent.1, recent.0, recent.2, recent.3)
        } else if !decoder.bit(input, &table, Slot.isThird + state) {
            recent = (recent.2, recent.0, recent.1, recent.3)
        } else {
            recent = (recent.3, recent.0, recent.1, recent.2)
        }
        state = state < 7 ? 8 : 11
        return length(input, &decoder, &table, Slot.repeatLength, phase)
    }

    /// 2 to 273.
    private func length(
        _ input: Span<UInt8>, _ decoder: inout RangeDecoder, _ table: inout MutableSpan<UInt32>, _ slot: Int, _ phase: Int
    ) -> Int {
        if !decoder.bit(input, &table, slot) { return 2 + decoder.tree(input, &table, slot + 2 + phase << 3, bits: 3) }
        if !decoder.bit(input, &table, slot + 1) {
            return 10 + decoder.tree(input, &table, slot + 130 + phase << 3, bits: 3)
        }
        return 18 + decoder.tree(input, &table, slot + 258, bits: 8)
    }

    /// A new distance, less one; all ones mark the end.
    private func distance(
        _ input: Span<UInt8>, _ decoder: inout RangeDecoder, _ table: inout MutableSpan<UInt32>, _ length: Int
    ) -> UInt32 {
        let group = Slot.distance + min(length - 2, 3) << 6
        let slot = decoder.tree(input, &table, group, bits: 6)
        guard slot >= 4 else { return UInt32(slot) }
        let bits = slot >> 1 - 1
        let base = UInt32(2 | slot & 1) << UInt32(bits)
        if slot < 14 {
            return base + UInt32(decoder.reverseTree(input, &table, Slot.special + Int(base) - slot, bits: bits))
        }
        return base | UInt32(decoder.direct(input, bits: bits - 4)) << 4
            | UInt32(decoder.reverseTree(input, &table, Slot.align, bits: 4))
    }
}
