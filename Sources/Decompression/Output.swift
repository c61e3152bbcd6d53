// SPDX-License-Identifier: Apache-2.0

/// Where a decoder writes. What does not fit is cut, so that the start of a file can be had with little room.
extension MutableSpan where Element == UInt8 {
    /// Writes `count` bytes of `input` from `start` on, which must be there, at `position`.
    @inline(__always)
    mutating func append(
        _ input: Span<UInt8>, from start: Int, count length: Int, at position: inout Int
    ) throws(DecompressionError) {
        let room = Swift.min(length, count &- position)
        for index in 0..<room { self[position &+ index] = input[start &+ index] }
        position &+= room
        if room < length { throw .tooLarge }
    }

    /// Writes once more `length` bytes from `distance` bytes before `position` on; the dictionary begins at `start`.
    @inline(__always)
    mutating func again(
        distance: Int, length: Int, start: Int, at position: inout Int
    ) throws(DecompressionError) {
        guard distance > 0, distance <= position &- start else { throw .corrupt }
        let room = Swift.min(length, count &- position)
        for index in position..<position &+ room { self[index] = self[index &- distance] }
        position &+= room
        if room < length { throw .tooLarge }
    }

    /// Writes one byte `length` times.
    mutating func fill(_ byte: UInt8, count length: Int, at position: inout Int) throws(DecompressionError) {
        let room = Swift.min(length, count &- position)
        for index in position..<position &+ room { self[index] = byte }
        position &+= room
        if room < length { throw .tooLarge }
    }
}

/// Numbers in packed files; nil where they are not wholly inside.
extension Span where Element == UInt8 {
    @inline(__always) func little(_ index: Int, bytes: Int) -> UInt64? {
        guard index >= 0, index <= count - bytes else { return nil }
        var value: UInt64 = 0
        for offset in 0..<bytes { value |= UInt64(self[index &+ offset]) &<< UInt64(truncatingIfNeeded: offset &* 8) }
        return value
    }

    @inline(__always) func big(_ index: Int, bytes: Int) -> UInt64? {
        guard index >= 0, index <= count - bytes else { return nil }
        var value: UInt64 = 0
        for offset in 0..<bytes { value = value << 8 | UInt64(self[index &+ offset]) }
        return value
    }

    /// Whether these bytes stand at the start.
    func starts<let size: Int>(with magic: InlineArray<size, UInt8>) -> Bool {
        guard count >= size else { return false }
        for index in 0..<size where self[index] != magic[index] { return false }
        return true
    }
}
