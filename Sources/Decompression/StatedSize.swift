// SPDX-License-Identifier: Apache-2.0

extension Packing {
    /// How many bytes the file says it unpacks to. Nil where it does not say: bzip2, lz4, and others that were packed from a pipe.
    ///
    /// With gzip these are the last four bytes, and the size modulo 2^32.
    public func statedSize(of input: Span<UInt8>) -> UInt64? {
        switch self {
        case .gzip: input.little(input.count - 4, bytes: 4)
        case .lzma: input.little(5, bytes: 8).flatMap { $0 == .max ? nil : $0 }
        case .zstd: Zstandard.statedSize(of: input)
        case .xz: XZ.statedSize(of: input, to: input.count) ?? XZ.statedSize(of: input, to: input.count - 4)
        case .bzip2, .lzo, .lz4: nil
        }
    }
}

extension XZ {
    /// 2.1.2 and 4: before the stream's end stands an index with the size of each block. The end may be followed by four bytes.
    fileprivate static func statedSize(of input: Span<UInt8>, to end: Int) -> UInt64? {
        guard input.little(end - 2, bytes: 2) == 0x5a59, let size = input.little(end - 8, bytes: 4),
            size < UInt64(input.count / 4)
        else { return nil }
        let start = end - 12 - (Int(size) + 1) * 4
        guard start >= 12, input[start] == 0 else { return nil }
        var position = start + 1
        guard let blocks = number(input, &position) else { return nil }
        var sum: UInt64 = 0
        for _ in 0..<min(blocks, size * 4) {
            guard number(input, &position) != nil, let block = number(input, &position), block < 1 << 48 else { return nil }
            sum += block
        }
        return sum
    }

    /// Seven bits a byte, the lowest first.
    private static func number(_ input: Span<UInt8>, _ position: inout Int) -> UInt64? {
        var value: UInt64 = 0
        for shift in 0..<8 {
            guard let byte = input.little(position, bytes: 1) else { return nil }
            position += 1
            value |= (byte & 0x7f) << UInt64(shift * 7)
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}
