// SPDX-License-Identifier: Apache-2.0

/// Unpacks what boot files are packed with: `XZ`, as Debian packs its amd64 kernel.
///
/// Input, output and working memory are the caller's spans; nothing is allocated, and the output itself is the dictionary.
/// Whatever the input, a decoder ends: with the whole output, or with a `DecompressionError`.

/// Why a packed file cannot be unpacked.
public enum DecompressionError: Error, Equatable, Sendable {
    /// It does not start as this format does.
    case notThisFormat
    /// A filter or a check of this format that is not known here.
    case unsupported
    /// It ends in the middle.
    case truncated
    /// Something that cannot be, or a checksum that does not fit.
    case corrupt
    /// The output has not enough room.
    case tooLarge
}

/// The CRC-32 of IEEE 802.3.
struct CRC32 {
    private var table = InlineArray<256, UInt32>(repeating: 0)

    init() {
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 != 0 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
            table[index] = value
        }
    }

    func checksum(_ bytes: Span<UInt8>) -> UInt32 {
        let table = table.span
        var value: UInt32 = .max
        for index in bytes.indices {
            value = value >> 8 ^ table[Int(truncatingIfNeeded: (value ^ UInt32(bytes[index])) & 0xff)]
        }
        return ~value
    }
}
