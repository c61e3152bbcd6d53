// SPDX-License-Identifier: Apache-2.0

public import Base

/// Total readers of bytes that somebody else wrote, and comparisons of texts.
extension Span where Element == UInt8 {
    /// The byte at `offset`; nil outside.
    @inlinable @inline(__always)
    public func byte(at offset: Int) -> UInt8? {
        offset >= 0 && offset < count ? self[offset] : nil
    }

    /// The big-endian 32-bit word at `offset`, aligned or not; nil where it is not wholly inside.
    @inlinable
    public func bigEndian32(at offset: Int) -> UInt32? {
        guard offset >= 0, offset <= count - 4 else { return nil }
        return UInt32(self[offset]) << 24 | UInt32(self[offset + 1]) << 16 | UInt32(self[offset + 2]) << 8
            | UInt32(self[offset + 3])
    }

    /// The big-endian 64-bit word at `offset`, aligned or not; nil where it is not wholly inside.
    @inlinable
    public func bigEndian64(at offset: Int) -> UInt64? {
        guard offset <= count - 8, let high = bigEndian32(at: offset), let low = bigEndian32(at: offset + 4) else {
            return nil
        }
        return UInt64(high) << 32 | UInt64(low)
    }

    /// The little-endian 32-bit word at `offset`, aligned or not; nil where it is not wholly inside.
    @inlinable
    public func littleEndian32(at offset: Int) -> UInt32? { bigEndian32(at: offset)?.byteSwapped }

    /// The little-endian 64-bit word at `offset`, aligned or not; nil where it is not wholly inside.
    @inlinable
    public func littleEndian64(at offset: Int) -> UInt64? { bigEndian64(at: offset)?.byteSwapped }

    /// `length` bytes from `start` on, cut to what there is.
    @inlinable @_lifetime(copy self)
    public func slice(from start: Int, count length: Int = .max) -> Span<UInt8> {
        let first = Swift.min(Swift.max(start, 0), count)
        let taken = Swift.min(Swift.max(length, 0), count - first)
        return extracting(first..<first + taken)
    }

    /// The bytes from `start` to the first NUL or the end.
    @inlinable @_lifetime(copy self)
    public func text(from start: Int) -> Span<UInt8> {
        let rest = slice(from: start)
        return rest.slice(from: 0, count: rest.firstIndex(of: 0) ?? rest.count)
    }

    /// Whether the text from `start` to the first NUL or the end is `text`, which has no NUL.
    @inlinable
    public func hasText(_ text: Span<UInt8>, at start: Int) -> Bool {
        let end = start + text.count
        // Where it ends tells most texts apart, and is looked at first.
        guard start >= 0, end <= count, end == count || self[end] == 0 else { return false }
        var index = 0
        while index < text.count {
            guard self[start + index] == text[index] else { return false }
            index += 1
        }
        return true
    }

    /// Where `byte` first stands at or after `start`.
    @inlinable
    public func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        var index = Swift.max(start, 0)
        while index < count {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

    /// Where `byte` last stands.
    @inlinable
    public func lastIndex(of byte: UInt8) -> Int? {
        var index = count
        while index > 0 {
            index -= 1
            if self[index] == byte { return index }
        }
        return nil
    }

    /// Whether the texts are the same, byte for byte.
    @inlinable
    public func equals(_ other: Span<UInt8>) -> Bool { count == other.count && hasPrefix(other) }

    @inlinable
    public func equals(_ other: StaticString) -> Bool { equals(other.bytes) }

    @inlinable
    public func hasPrefix(_ prefix: Span<UInt8>) -> Bool {
        guard prefix.count <= count else { return false }
        var index = 0
        while index < prefix.count {
            guard self[index] == prefix[index] else { return false }
            index += 1
        }
        return true
    }

    @inlinable
    public func hasPrefix(_ prefix: StaticString) -> Bool { hasPrefix(prefix.bytes) }
}
