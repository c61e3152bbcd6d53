// SPDX-License-Identifier: Apache-2.0

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

/// The CRC-64 of ECMA-182.
struct CRC64 {
    private var table = InlineArray<256, UInt64>(repeating: 0)

    init() {
        for index in 0..<256 {
            var value = UInt64(index)
            for _ in 0..<8 { value = value & 1 != 0 ? value >> 1 ^ 0xc96c_5795_d787_0f42 : value >> 1 }
            table[index] = value
        }
    }

    func checksum(_ bytes: Span<UInt8>) -> UInt64 {
        let table = table.span
        var value: UInt64 = .max
        for index in bytes.indices {
            value = value >> 8 ^ table[Int(truncatingIfNeeded: (value ^ UInt64(bytes[index])) & 0xff)]
        }
        return ~value
    }
}

/// RFC 1950's, of zlib and lzop.
enum Adler32 {
    static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
        var (low, high): (UInt32, UInt32) = (1, 0)
        var index = 0
        while index < bytes.count {
            // So many bytes that no sum wraps.
            let end = min(index + 5552, bytes.count)
            while index < end {
                low &+= UInt32(bytes[index])
                high &+= low
                index &+= 1
            }
            low %= 65_521
            high %= 65_521
        }
        return high << 16 | low
    }
}

/// XXH64 with seed 0 (xxHash specification 0.1.1), whose lower half Zstandard's frames end with.
enum XXH64 {
    private static var prime1: UInt64 { 0x9e37_79b1_85eb_ca87 }
    private static var prime2: UInt64 { 0xc2b2_ae3d_27d4_eb4f }
    private static var prime3: UInt64 { 0x1656_67b1_9e37_79f9 }
    private static var prime4: UInt64 { 0x85eb_ca77_c2b2_ae63 }
    private static var prime5: UInt64 { 0x27d4_eb2f_1656_67c5 }

    static func checksum(_ bytes: Span<UInt8>) -> UInt64 {
        var index = 0
        var hash = prime5
        if bytes.count >= 32 {
            var (a, b, c, d) = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
            while index <= bytes.count - 32 {
                a = round(a, word(bytes, index))
                b = round(b, word(bytes, index &+ 8))
                c = round(c, word(bytes, index &+ 16))
                d = round(d, word(bytes, index &+ 24))
                index &+= 32
            }
            hash = turn(a, 1) &+ turn(b, 7) &+ turn(c, 12) &+ turn(d, 18)
            hash = merge(merge(merge(merge(hash, a), b), c), d)
        }
        hash &+= UInt64(bytes.count)
        while index <= bytes.count - 8 {
            hash = turn(hash ^ round(0, word(bytes, index)), 27) &* prime1 &+ prime4
            index += 8
        }
        if let half = bytes.little(index, bytes: 4) {
            hash = turn(hash ^ half &* prime1, 23) &* prime2 &+ prime3
            index += 4
        }
        while index < bytes.count {
            hash = turn(hash ^ UInt64(bytes[index]) &* prime5, 11) &* prime1
            index += 1
        }
        hash = (hash ^ hash >> 33) &* prime2
        hash = (hash ^ hash >> 29) &* prime3
        return hash ^ hash >> 32
    }

    @inline(__always) private static func turn(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value &<< bits | value &>> (64 &- bits)
    }

    @inline(__always) private static func round(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        turn(sum &+ word &* prime2, 31) &* prime1
    }

    @inline(__always) private static func merge(_ hash: UInt64, _ sum: UInt64) -> UInt64 {
        (hash ^ round(0, sum)) &* prime1 &+ prime4
    }

    @inline(__always) private static func word(_ bytes: Span<UInt8>, _ index: Int) -> UInt64 {
        var value: UInt64 = 0
        for offset in 0..<8 { value |= UInt64(bytes[index &+ offset]) &<< UInt64(truncatingIfNeeded: offset &* 8) }
        return value
    }
}
