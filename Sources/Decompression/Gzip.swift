// SPDX-License-Identifier: Apache-2.0

/// RFC 1952: a header, Deflate, a check and the size. The first member alone; what follows it is not looked at.
enum Gzip {
    static var magic: InlineArray<3, UInt8> { [0x1f, 0x8b, 8] }
    static var workspaceCount: Int { Deflate.workspaceCount }

    private enum Flag {
        static var headerCheck: UInt8 { 2 }
        static var extra: UInt8 { 4 }
        static var name: UInt8 { 8 }
        static var comment: UInt8 { 16 }
        static var reserved: UInt8 { 0xe0 }
    }

    static func decompress(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        guard input.starts(with: magic) else { throw .notThisFormat }
        let crc = CRC32()
        var position = try headerSize(input, crc)
        let size = try Deflate().decode(input, from: &position, into: &output, &workspace)
        guard let check = input.little(position, bytes: 4), let length = input.little(position + 4, bytes: 4) else {
            throw .truncated
        }
        guard length == UInt64(size) & 0xffff_ffff, check == crc.checksum(output.span.extracting(..<size)) else {
            throw .corrupt
        }
        return size
    }

    /// 2.3: ten bytes, and what the flags say.
    private static func headerSize(_ input: Span<UInt8>, _ crc: CRC32) throws(DecompressionError) -> Int {
        guard input.count >= 10 else { throw .truncated }
        let flags = input[3]
        guard flags & Flag.reserved == 0 else { throw .unsupported }
        var position = 10
        if flags & Flag.extra != 0 {
            guard let length = input.little(position, bytes: 2) else { throw .truncated }
            position += 2 + Int(length)
        }
        if flags & Flag.name != 0 { skipText(input, &position) }
        if flags & Flag.comment != 0 { skipText(input, &position) }
        if flags & Flag.headerCheck != 0 {
            guard let check = input.little(position, bytes: 2) else { throw .truncated }
            guard check == UInt64(crc.checksum(input.extracting(..<position)) & 0xffff) else { throw .corrupt }
            position += 2
        }
        return position
    }

    private static func skipText(_ input: Span<UInt8>, _ position: inout Int) {
        while position < input.count, input[position] != 0 { position += 1 }
        position += 1
    }
}
