// SPDX-License-Identifier: Apache-2.0

/// LZMA2: chunks of LZMA, or of bytes as they are (specification of .xz 1.1.0, 5.3.1, and its reference implementation).
struct LZMA2 {
    /// Index in the input of the next byte.
    private(set) var position: Int
    private var model = LZMA()
    /// Index in the output of the dictionary's first byte.
    private var dictionary: Int
    private var needsDictionary = true
    private var needsProperties = true

    init(input start: Int, dictionary: Int) {
        position = start
        self.dictionary = dictionary
    }

    /// Writes from `size` on, and moves it behind what was written.
    mutating func decode(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, at size: inout Int, _ table: inout MutableSpan<UInt32>
    ) throws(DecompressionError) {
        while true {
            let control = try next(input)
            if control == 0 { return }
            if control == 1 || control >= 0xe0 {
                dictionary = size
                needsDictionary = false
            }
            guard !needsDictionary else { throw .corrupt }
            if control < 0x80 {
                guard control <= 2 else { throw .corrupt }
                try copy(input, into: &output, at: &size)
            } else {
                try unpack(control, input, into: &output, at: &size, &table)
            }
        }
    }

    private mutating func copy(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, at size: inout Int
    ) throws(DecompressionError) {
        let count = try Int(next16(input)) + 1
        guard count <= input.count - position else { throw .truncated }
        try output.append(input, from: position, count: count, at: &size)
        position += count
    }

    private mutating func unpack(
        _ control: UInt8, _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, at size: inout Int,
        _ table: inout MutableSpan<UInt32>
    ) throws(DecompressionError) {
        let count = try Int(control & 0x1f) << 16 + Int(next16(input)) + 1
        let packed = try Int(next16(input)) + 1
        if control >= 0xc0 {
            guard try model.setProperties(next(input)) else { throw .corrupt }
            needsProperties = false
        }
        guard !needsProperties else { throw .corrupt }
        if control >= 0xa0 { model.reset(&table) }
        guard packed <= input.count - position else { throw .truncated }
        var decoder = RangeDecoder(input, from: position, to: position + packed)
        let room = min(count, output.count - size)
        size = try model.decode(
            input, &decoder, &table, into: &output, from: size, to: size + room, dictionary: dictionary, isCut: room < count)
        guard room == count else { throw .tooLarge }
        guard decoder.finish(input) else { throw .corrupt }
        position += packed
    }

    private mutating func next(_ input: Span<UInt8>) throws(DecompressionError) -> UInt8 {
        guard position < input.count else { throw .truncated }
        position += 1
        return input[position - 1]
    }

    private mutating func next16(_ input: Span<UInt8>) throws(DecompressionError) -> UInt16 {
        try UInt16(next(input)) << 8 | UInt16(next(input))
    }
}
