// SPDX-License-Identifier: Apache-2.0

/// LZ4 in the legacy frame (LZ4 frame format 1.6.1, "Legacy frame"), which has no checks: blocks that unpack to 8 MiB each, the last
/// one to less, until the input ends, or the size follows that Linux puts behind. One block's matches do not reach into another.
enum LZ4 {
    static var magic: InlineArray<4, UInt8> { [0x02, 0x21, 0x4c, 0x18] }
    static var workspaceCount: Int { 0 }
    private static var blockSize: Int { 8 << 20 }

    /// The whole input must be the frame.
    static func decompress(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        guard input.starts(with: magic) else { throw .notThisFormat }
        var position = 4
        var size = 0
        while position < input.count {
            guard let length = input.little(position, bytes: 4) else { throw .truncated }
            position += 4
            if position == input.count, length == UInt64(size) & 0xffff_ffff { break }
            // Frames that follow each other are one.
            if length == 0x184c_2102 { continue }
            guard length <= UInt64(input.count - position) else { throw .truncated }
            guard length > 0 else { throw .corrupt }
            try block(input.extracting(position..<position + Int(length)), &output, &size)
            position += Int(length)
        }
        return size
    }

    /// LZ4 block format 1.4.5: literals and a match in turn; the last has literals only.
    private static func block(
        _ input: Span<UInt8>, _ output: inout MutableSpan<UInt8>, _ size: inout Int
    ) throws(DecompressionError) {
        let start = size
        var position = size
        defer { size = position }
        var next = 0
        while true {
            guard next < input.count else { throw .corrupt }
            let token = Int(input[next])
            next &+= 1
            let literals = token >> 4 < 15 ? token >> 4 : try long(input, &next)
            guard literals <= input.count &- next, literals <= start &+ blockSize &- position else { throw .corrupt }
            try output.append(input, from: next, count: literals, at: &position)
            next &+= literals
            if next == input.count { return }
            guard next < input.count &- 1 else { throw .corrupt }
            let distance = Int(input[next]) | Int(input[next &+ 1]) << 8
            next &+= 2
            let length = (token & 15 < 15 ? token & 15 : try long(input, &next)) &+ 4
            guard length <= start &+ blockSize &- position else { throw .corrupt }
            try output.again(distance: distance, length: length, start: start, at: &position)
        }
    }

    /// A length of 15 or more: each byte of 255 is followed by another.
    private static func long(_ input: Span<UInt8>, _ next: inout Int) throws(DecompressionError) -> Int {
        var length = 15
        while next < input.count {
            let byte = input[next]
            next &+= 1
            length += Int(byte)
            if byte != 255 { return length }
        }
        throw .corrupt
    }
}
