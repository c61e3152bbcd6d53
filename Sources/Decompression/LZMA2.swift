// SPDX-License-Identifier: Apache-2.0

/// LZMA2: chunks of LZMA, or of bytes as they are (specification of .xz 1.1.0, 5.3.1, and its reference implementation).
struct LZMA2 {
    /// Index in the input of the next byte.
    private(set) var position: Int
    private var model = LZMA()
    /// Index in the output of the dictionary's first byte.
    private var dictionary = 0
    private var needsDictionary = true
    private var needsProperties = true

    init(input start: Int) { position = start }

    /// Returns how many bytes were written.
    mutating func decode(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, _ table: inout MutableSpan<UInt16>
    ) throws(DecompressionError) -> Int {
        var size = 0
        while true {
            let control = try next(input)
            if control == 0 { return size }
            if control == 1 || control >= 0xe0 {
                dictionary = size
                needsDictionary = false
            }
            guard !needsDictionary else { throw .corrupt }
            if control < 0x80 {
                guard control <= 2 else { throw .corrupt }
                size += try copy(input, into: &output, at: size)
            } else {
                size += try unpack(control, input, into: &output, at: size, &table)
            }
        }
    }

    private mutating func copy(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, at start: Int
    ) throws(DecompressionError) -> Int {
        let count = try Int(next16(input)) + 1
        guard count <= input.count - position else { throw .truncated }
        guard count <= output.count - start else { throw .tooLarge }
        for index in 0..<count { output[start + index] = input[position + index] }
        position += count
        return count
    }

    private mutating func unpack(
        _ control: UInt8, _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, at start: Int,
        _ table: inout MutableSpan<UInt16>
    ) throws(DecompressionError) -> Int {
        let count = try Int(control & 0x1f) << 16 + Int(next16(input)) + 1
        let packed = try Int(next16(input)) + 1
        if control >= 0xc0 {
            guard try model.setProperties(next(input)) else { throw .corrupt }
            needsProperties = false
        }
        guard !needsProperties else { throw .corrupt }
        if control >= 0xa0 { model.reset(&table) }
        guard packed <= input.count - position else { throw .truncated }
        guard count <= output.count - start else { throw .tooLarge }
        var decoder = RangeDecoder(input, from: position, to: position + packed)
        try model.decode(
            input, &decoder, &table, into: &output, from: start, to: start + count, dictionary: dictionary)
        guard decoder.finish(input) else { throw .corrupt }
        position += packed
        return count
    }

    private mutating func next(_ input: Span<UInt8>) throws(DecompressionError) -> UInt8 {
        guard let byte = XZ.byte(input, position) else { throw .truncated }
        position += 1
        return byte
    }

    private mutating func next16(_ input: Span<UInt8>) throws(DecompressionError) -> UInt16 {
        try UInt16(next(input)) << 8 | UInt16(next(input))
    }
}
