// SPDX-License-Identifier: Apache-2.0

/// PC firmware and loaders leave structures that point to each other by machine address. Readers of those take `memory`,
/// a span whose index is the machine address: all that may be read, from address 0 on.
extension Span where Element == UInt8 {
    /// `count` bytes at `address`; nil where not all of them may be read.
    @inlinable @_lifetime(copy self)
    public func bytes(at address: UInt64, count: UInt64) -> Span<UInt8>? {
        let limit = UInt64(self.count)
        guard address <= limit, count <= limit - address else { return nil }
        return extracting(Int(address)..<Int(address + count))
    }

    /// The text at `address`, which ends with a NUL; without one in the next 64 KiB, or outside, it is empty.
    @inlinable @_lifetime(copy self)
    public func text(at address: UInt64) -> Span<UInt8> {
        guard address > 0, address < UInt64(count) else { return slice(from: 0, count: 0) }
        let rest = slice(from: Int(address), count: 65536)
        guard let end = rest.firstIndex(of: 0) else { return slice(from: 0, count: 0) }
        return rest.slice(from: 0, count: end)
    }

    /// The little-endian 16-bit word at `offset`; nil where it is not wholly inside.
    @inlinable
    public func littleEndian16(at offset: Int) -> UInt16? {
        guard let low = byte(at: offset), let high = byte(at: offset + 1) else { return nil }
        return UInt16(low) | UInt16(high) << 8
    }

    /// The sum of all bytes, modulo 256: 0 where an ACPI table's checksum is right.
    @inlinable
    public var byteSum: UInt8 {
        var sum: UInt8 = 0
        for index in indices { sum &+= self[index] }
        return sum
    }
}
