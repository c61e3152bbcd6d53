// SPDX-License-Identifier: Apache-2.0

/// The .xz format (specification 1.1.0) as far as boot files use it: one stream, LZMA2 alone or after the x86 filter, check by
/// CRC-32 or none.
///
///     let size = try XZ.decompress(packed, into: &kernel, workspace: &table)
public enum XZ {
    /// 16-bit words of working memory that `decompress` asks for.
    public static var workspaceCount: Int { LZMA.slots }

    /// How a stream starts.
    public static var magic: InlineArray<6, UInt8> { [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] }

    public static func isXZ(_ input: Span<UInt8>) -> Bool {
        guard input.count >= 12 else { return false }
        let magic = magic
        for index in 0..<6 where input[index] != magic[index] { return false }
        return true
    }

    /// Unpacks the stream at the start of `input`; what follows it is not looked at. Returns how many bytes it was.
    ///
    /// - Parameter workspace: at least `workspaceCount` words, whatever is in them.
    public static func decompress(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt16>
    ) throws(DecompressionError) -> Int {
        guard isXZ(input) else { throw .notThisFormat }
        guard workspace.count >= workspaceCount else { throw .tooLarge }
        let crc = CRC32()
        guard word(input, 8) == crc.checksum(input.extracting(6..<8)) else { throw .corrupt }
        guard input[6] == 0, input[7] <= 1 else { throw .unsupported }
        var position = 12
        var size = 0
        // Blocks follow each other until the index, which starts with a zero byte.
        while let headerSize = byte(input, position), headerSize != 0 {
            guard size == 0 else { throw .unsupported }
            let header = try BlockHeader(input, at: position, crc)
            var stream = LZMA2(input: position + header.size)
            size = try stream.decode(input, into: &output, &workspace)
            if header.hasBranchFilter { X86Branches.restore(&output, count: size) }
            position = (stream.position + 3) & ~3
            guard input[7] == 1 else { continue }
            guard let check = word(input, position) else { throw .truncated }
            guard check == crc.checksum(output.span.extracting(..<size)) else { throw .corrupt }
            position += 4
        }
        guard position < input.count else { throw .truncated }
        return size
    }

    static func byte(_ input: Span<UInt8>, _ index: Int) -> UInt8? { index < input.count ? input[index] : nil }

    static func word(_ input: Span<UInt8>, _ index: Int) -> UInt32? {
        guard index <= input.count - 4 else { return nil }
        return UInt32(input[index]) | UInt32(input[index + 1]) << 8 | UInt32(input[index + 2]) << 16
            | UInt32(input[index + 3]) << 24
    }
}

/// 3.1 of the specification: sizes, and up to four filters.
struct BlockHeader {
    let size: Int
    private(set) var hasBranchFilter = false

    init(_ input: Span<UInt8>, at start: Int, _ crc: CRC32) throws(DecompressionError) {
        size = (Int(input[start]) + 1) * 4
        guard let check = XZ.word(input, start + size - 4) else { throw .truncated }
        let header = input.extracting(start..<start + size - 4)
        guard check == crc.checksum(header) else { throw .corrupt }
        let flags = header[1]
        var position = 2
        // Sizes of the packed and the unpacked block, where they are said.
        if flags & 0x40 != 0 { _ = try Self.number(header, &position) }
        if flags & 0x80 != 0 { _ = try Self.number(header, &position) }
        let count = Int(flags & 3) + 1
        for index in 0..<count {
            let filter = try Self.number(header, &position)
            let properties = try Self.number(header, &position)
            let isLast = index == count - 1
            switch filter {
            case 0x04 where !isLast && properties == 0 && !hasBranchFilter: hasBranchFilter = true
            case 0x21 where isLast && properties == 1: break
            default: throw .unsupported
            }
            position += properties
        }
        guard position <= header.count else { throw .corrupt }
    }

    /// Seven bits a byte, the lowest first; the numbers that matter here have at most four.
    private static func number(_ header: Span<UInt8>, _ position: inout Int) throws(DecompressionError) -> Int {
        var value = 0
        var shift = 0
        while shift <= 56 {
            guard let byte = XZ.byte(header, position) else { throw .corrupt }
            position += 1
            value |= Int(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        throw .corrupt
    }
}
