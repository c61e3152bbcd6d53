// SPDX-License-Identifier: Apache-2.0

/// The .lzo container as lzop writes it: LZO1X, in blocks that know nothing of each other.
enum LZO {
    static var magic: InlineArray<9, UInt8> { [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a] }
    static var workspaceCount: Int { 0 }

    /// Of the header.
    private enum Flag {
        static var adlerOfBytes: UInt64 { 1 }
        static var adlerOfPacked: UInt64 { 2 }
        static var extra: UInt64 { 0x40 }
        static var crcOfBytes: UInt64 { 0x100 }
        static var crcOfPacked: UInt64 { 0x200 }
        static var filter: UInt64 { 0x800 }
        static var headerCRC: UInt64 { 0x1000 }
    }
    /// The first version that names level, needed version and the time's upper half.
    private static var longVersion: UInt64 { 0x940 }
    /// No block is larger (lzop: MAX_BLOCK_SIZE), in bytes.
    private static var largestBlock: UInt64 { 64 << 20 }

    static func decompress(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        guard input.starts(with: magic) else { throw .notThisFormat }
        let crc = CRC32()
        var position = magic.count
        let flags = try header(input, &position, crc)
        var size = 0
        while true {
            let length = try number(input, &position, 4)
            if length == 0 { return size }
            let packed = try number(input, &position, 4)
            guard length <= largestBlock, packed <= length else { throw .corrupt }
            let adler = flags & Flag.adlerOfBytes != 0 ? try number(input, &position, 4) : nil
            let check = flags & Flag.crcOfBytes != 0 ? try number(input, &position, 4) : nil
            if packed < length {
                if flags & Flag.adlerOfPacked != 0 { _ = try number(input, &position, 4) }
                if flags & Flag.crcOfPacked != 0 { _ = try number(input, &position, 4) }
            }
            let start = size
            let there = min(Int(packed), input.count - position)
            if packed == length {
                try output.append(input, from: position, count: there, at: &size)
                guard there == Int(packed) else { throw .truncated }
            } else {
                guard there == Int(packed) else { throw .truncated }
                var block = LZO1X(input.extracting(position..<position + there))
                try block.decode(into: &output, at: &size, count: Int(length))
            }
            position += there
            let bytes = output.span.extracting(start..<size)
            if let adler, adler != UInt64(Adler32.checksum(bytes)) { throw .corrupt }
            if let check, check != UInt64(crc.checksum(bytes)) { throw .corrupt }
        }
    }

    /// Returns the flags.
    private static func header(
        _ input: Span<UInt8>, _ position: inout Int, _ crc: CRC32
    ) throws(DecompressionError) -> UInt64 {
        let start = position
        let version = try number(input, &position, 2)
        _ = try number(input, &position, 2)
        if version >= longVersion {
            guard try number(input, &position, 2) <= 0x1040 else { throw .unsupported }
        }
        guard case 1...3 = try number(input, &position, 1) else { throw .unsupported }
        if version >= longVersion { _ = try number(input, &position, 1) }
        let flags = try number(input, &position, 4)
        guard flags & Flag.filter == 0 else { throw .unsupported }
        // Mode and time.
        _ = try number(input, &position, 8)
        if version >= longVersion { _ = try number(input, &position, 4) }
        position += Int(try number(input, &position, 1))
        guard position <= input.count else { throw .truncated }
        let bytes = input.extracting(start..<position)
        let sum = flags & Flag.headerCRC != 0 ? crc.checksum(bytes) : Adler32.checksum(bytes)
        guard try number(input, &position, 4) == UInt64(sum) else { throw .corrupt }
        if flags & Flag.extra != 0 {
            let length = try number(input, &position, 4)
            guard length <= UInt64(input.count - position) else { throw .truncated }
            position += Int(length)
            _ = try number(input, &position, 4)
        }
        return flags
    }

    private static func number(_ input: Span<UInt8>, _ position: inout Int, _ bytes: Int) throws(DecompressionError)
        -> UInt64
    {
        guard let value = input.big(position, bytes: bytes) else { throw .truncated }
        position += bytes
        return value
    }
}

/// One block of LZO1X (Linux: Documentation/staging/lzo.rst describes the stream).
struct LZO1X: ~Escapable {
    private let input: Span<UInt8>
    private var next = 0
    /// Literals that the last instruction had after it: 0-3, or 4 for a run of its own.
    private var state = 0

    @_lifetime(copy input)
    init(_ input: Span<UInt8>) { self.input = input }

    /// Unpacks exactly `length` bytes.
    mutating func decode(
        into output: inout MutableSpan<UInt8>, at position: inout Int, count length: Int
    ) throws(DecompressionError) {
        let start = position
        // Matches of one instruction are as long as the packed block at most, times 255.
        let end = start &+ length
        if next < input.count, input[next] > 17 {
            let literals = Int(input[next]) - 17
            next += 1
            try copy(literals, &output, &position, end)
            state = min(literals, 4)
        }
        while true {
            let code = try Int(byte())
            if code < 16, state == 0 {
                try copy(code == 0 ? long(15) + 3 : code + 3, &output, &position, end)
                state = 4
                continue
            }
            var distance: Int
            var count: Int
            if code >= 64 {
                distance = code >> 2 & 7 + Int(try byte()) << 3 + 1
                count = code >> 5 + 1
                state = code & 3
            } else if code >= 16 {
                let isNear = code >= 32
                let mask = isNear ? 31 : 7
                count = (code & mask == 0 ? try long(mask) : code & mask) + 2
                let word = try Int(byte()) | Int(byte()) << 8
                distance = word >> 2 + 1
                state = word & 3
                if !isNear {
                    distance += (code & 8) << 11 - 1
                    if distance == 0 { break }
                    distance += 0x4000
                }
            } else {
                // Two bytes nearby after literals that were few, three farther off after a run.
                distance = code >> 2 + Int(try byte()) << 2 + (state == 4 ? 0x801 : 1)
                count = state == 4 ? 3 : 2
                state = code & 3
            }
            guard count <= end &- position else { throw .corrupt }
            try output.again(distance: distance, length: count, start: start, at: &position)
            try copy(state, &output, &position, end)
        }
        guard next == input.count, position == end else { throw .corrupt }
    }

    @inline(__always) private mutating func byte() throws(DecompressionError) -> UInt8 {
        guard next < input.count else { throw .corrupt }
        next &+= 1
        return input[next &- 1]
    }

    /// A length that did not fit: each zero byte is 255 more.
    private mutating func long(_ base: Int) throws(DecompressionError) -> Int {
        var length = base
        while true {
            let byte = try byte()
            if byte != 0 { return length + Int(byte) }
            length += 255
        }
    }

    @inline(__always)
    private mutating func copy(
        _ count: Int, _ output: inout MutableSpan<UInt8>, _ position: inout Int, _ end: Int
    ) throws(DecompressionError) {
        guard count <= input.count &- next, count <= end &- position else { throw .corrupt }
        try output.append(input, from: next, count: count, at: &position)
        next &+= count
    }
}
