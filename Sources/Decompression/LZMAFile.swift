// SPDX-License-Identifier: Apache-2.0

/// The .lzma format of before .xz ("LZMA alone"): properties, the dictionary's size, the size, one stream, no check.
enum LZMAFile {
    static var headerSize: Int { 13 }
    static var workspaceCount: Int { LZMA.slots }

    /// There is no magic number: these are the packer's properties, a dictionary of a multiple of 64 KiB, and a size that is not
    /// said, or below 2^40.
    static func isLZMA(_ input: Span<UInt8>) -> Bool {
        guard input.count >= headerSize, input[0] == 0x5d, input[1] == 0, input[2] == 0,
            let size = input.little(5, bytes: 8)
        else { return false }
        return size == .max || size < 1 << 40
    }

    static func decompress(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        guard isLZMA(input), let size = input.little(5, bytes: 8) else { throw .notThisFormat }
        var model = LZMA()
        guard model.setProperties(input[0]) else { throw .corrupt }
        model.reset(&workspace)
        var decoder = RangeDecoder(input, from: headerSize, to: input.count)
        let isSaid = size != .max
        let end = isSaid && size < UInt64(output.count) ? Int(size) : output.count
        let ended = try model.decode(
            input, &decoder, &workspace, into: &output, from: 0, to: end, dictionary: 0, hasEnd: !isSaid,
            isCut: size > UInt64(end))
        guard isSaid else { return ended }
        guard size == UInt64(ended) else { throw ended < end ? .corrupt : .tooLarge }
        // An end may be marked even so.
        if !decoder.isAtRest(input) {
            _ = try model.decode(
                input, &decoder, &workspace, into: &output, from: ended, to: ended, dictionary: 0, hasEnd: true)
        }
        return ended
    }
}
