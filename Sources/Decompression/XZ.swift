// SPDX-License-Identifier: Apache-2.0

/// The .xz format (specification 1.1.0) as far as boot files use it: one stream of any number of blocks, LZMA2 alone or after the
/// filter of an instruction set, check by CRC-32, CRC-64 or none.
enum XZ {
    static var workspaceCount: Int { LZMA.slots }

    /// How a stream starts.
    static var magic: InlineArray<6, UInt8> { [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] }

    /// 2.1.1.2: what follows each block.
    private enum Check {
        case none, crc32, crc64

        init?(_ number: UInt8) {
            switch number {
            case 0: self = .none
            case 1: self = .crc32
            case 4: self = .crc64
            default: return nil
            }
        }
    }

    /// Unpacks the stream at the start of `input`; what follows its blocks is not looked at. Returns how many bytes it was.
    static func decompress(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        guard input.starts(with: magic) else { throw .notThisFormat }
        let crc = CRC32()
        guard let headerCheck = input.little(8, bytes: 4) else { throw .truncated }
        guard headerCheck == UInt64(crc.checksum(input.extracting(6..<8))) else { throw .corrupt }
        guard input[6] == 0, let check = Check(input[7]) else { throw .unsupported }
        var position = 12
        var size = 0
        // Blocks follow each other until the index, which starts with a zero byte.
        while position < input.count, input[position] != 0 {
            let start = size
            let header = try BlockHeader(input, at: position, crc)
            var stream = LZMA2(input: position + header.size, dictionary: start)
            try stream.decode(input, into: &output, at: &size, &workspace)
            switch header.filter {
            case .none: break
            case .x86: X86Branches.restore(&output, from: start, to: size)
            case .arm: ARMBranches.restoreARM(&output, from: start, to: size)
            case .thumb: ARMBranches.restoreThumb(&output, from: start, to: size)
            case .arm64: ARMBranches.restoreARM64(&output, from: start, to: size)
            }
            position = (stream.position + 3) & ~3
            try verify(check, input, &position, output.span.extracting(start..<size), crc)
        }
        guard position < input.count else { throw .truncated }
        return size
    }

    private static func verify(
        _ check: Check, _ input: Span<UInt8>, _ position: inout Int, _ block: Span<UInt8>, _ crc: CRC32
    ) throws(DecompressionError) {
        let bytes = check == .none ? 0 : check == .crc32 ? 4 : 8
        guard let said = input.little(position, bytes: bytes) else { throw .truncated }
        position += bytes
        switch check {
        case .none: break
        case .crc32: guard said == UInt64(crc.checksum(block)) else { throw .corrupt }
        case .crc64: guard said == CRC64().checksum(block) else { throw .corrupt }
        }
    }
}

/// 3.1 of the specification: sizes, and up to four filters.
struct BlockHeader {
    /// Filters of instruction sets, by their numbers (5.3.2).
    enum Filter: UInt64 {
        case none = 0
        case x86 = 4
        case arm = 7
        case thumb = 8
        case arm64 = 10
    }

    let size: Int
    private(set) var filter = Filter.none

    init(_ input: Span<UInt8>, at start: Int, _ crc: CRC32) throws(DecompressionError) {
        size = (Int(input[start]) + 1) * 4
        guard let check = input.little(start + size - 4, bytes: 4) else { throw .truncated }
        let header = input.extracting(start..<start + size - 4)
        guard check == UInt64(crc.checksum(header)) else { throw .corrupt }
        let flags = header[1]
        var position = 2
        // Sizes of the packed and the unpacked block, where they are said.
        if flags & 0x40 != 0 { _ = try Self.number(header, &position) }
        if flags & 0x80 != 0 { _ = try Self.number(header, &position) }
        let count = Int(flags & 3) + 1
        for index in 0..<count {
            let number = try Self.number(header, &position)
            let properties = try Self.number(header, &position)
            if index == count - 1 {
                guard number == 0x21, properties == 1 else { throw .unsupported }
                position += 1
            } else {
                guard properties == 0, filter == .none, let known = Filter(rawValue: number), known != .none else {
                    throw .unsupported
                }
                filter = known
            }
        }
        guard position <= header.count else { throw .corrupt }
    }

    /// Seven bits a byte, the lowest first; the numbers that matter here have at most four.
    private static func number(_ header: Span<UInt8>, _ position: inout Int) throws(DecompressionError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift <= 56 {
            guard position < header.count else { throw .corrupt }
            let byte = header[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        throw .corrupt
    }
}
