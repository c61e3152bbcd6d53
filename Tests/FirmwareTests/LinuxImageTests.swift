// SPDX-License-Identifier: Apache-2.0

import Firmware
import Testing

@Suite struct LinuxImageTests {
    /// A header of 64 bytes with little-endian words at the given offsets.
    static func header(_ words: [Int: UInt32]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        for (offset, word) in words {
            for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: word >> UInt32(8 * index)) }
        }
        return bytes
    }

    func read(_ bytes: [UInt8], size: UInt64 = 0x100_0000) throws(LinuxImageError) -> LinuxImage {
        try LinuxImage(header: bytes.span, fileSize: size)
    }

    @Test func arm64() throws {
        // The header of Debian 12's arm64 vmlinuz.
        let image = try read(Self.header([0: 0xfa40_5a4d, 8: 0, 0x10: 0x0201_0000, 0x18: 10, 0x38: 0x644d_5241]))
        #expect(image.kind == .arm64 && image.isPlacedAnywhere && image.pageShift == 12)
        #expect(image.memorySize == 0x0201_0000)
        #expect(image.loadAddress(in: 0x4000_0001) == 0x4020_0000)
        #expect(image.loadAddress(in: .max) == nil)
        let old = try read(Self.header([0x38: 0x644d_5241]))
        #expect(old.textOffset == 0x80000 && old.memorySize == 0x100_0000)
    }

    /// An EFI zboot image: where its payload is, and what it is packed with.
    @Test func zboot() {
        func parts(_ words: [Int: UInt32]) -> [Int]? {
            let bytes = Self.header([0: 0x5a4d, 4: 0x676d_697a, 8: 40, 12: 20, 24: 0x7069_7a67].merging(words) { $1 }) + [1, 2]
            guard let image = LinuxZBoot(bytes.span) else { return nil }
            return [image.payload.count, Int(image.payload[0]), image.packing.equals("gzip") ? 1 : 0]
        }
        #expect(parts([40: 7]) == [20, 7, 1])
        #expect(parts([8: 65, 12: 1]) == [1, 2, 1])
        #expect(parts([28: 0x20]) == [20, 0, 0])
        for refused: [Int: UInt32] in [[0: 0x5a4e], [4: 1], [12: 0], [12: 27], [8: 66, 12: 1], [8: .max], [12: .max]] {
            #expect(parts(refused) == nil, "\(refused)")
        }
    }

    /// The header of Debian 12's arm64 vmlinuz with its EFI stub: two sections, the last one ends at 32,954,880.
    @Test func cutShort() throws {
        var bytes = Self.header([0: 0xfa40_5a4d, 0x10: 0x0201_0000, 0x18: 10, 0x38: 0x644d_5241, 0x3c: 0x40])
        bytes += [UInt8](repeating: 0, count: 448)
        func put(_ word: UInt32, at offset: Int) {
            for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: word >> UInt32(8 * index)) }
        }
        put(0x4550, at: 0x40)
        put(0x2_aa64, at: 0x44)
        put(0x206_00a0, at: 0x54)
        for (section, (size, place)) in [(24_313_856, 65_536), (8_575_488, 24_379_392)].enumerated() {
            put(UInt32(size), at: 0xf8 + section * 40 + 16)
            put(UInt32(place), at: 0xf8 + section * 40 + 20)
        }
        #expect(try read(bytes, size: 32_954_880).memorySize == 0x0201_0000)
        #expect(throws: LinuxImageError.cutShort(has: 32_954_879, needs: 32_954_880)) { try read(bytes, size: 32_954_879) }
        // A section table that runs out of the header says nothing.
        #expect(try read(Array(bytes[..<0x100]), size: 1 << 20).kind == .arm64)
    }

    @Test func arm32() throws {
        let image = try read(Self.header([0x24: 0x016f_2818, 0x28: 0, 0x2c: 0x50_0000]))
        #expect(image.kind == .arm32 && image.linkAddress == 0)
        #expect(throws: LinuxImageError.badSize) { try read(Self.header([0x24: 0x016f_2818, 0x2c: 0x200_0000])) }
        #expect(throws: LinuxImageError.badSize) { try read(Self.header([0x24: 0x016f_2818, 0x28: 9, 0x2c: 8])) }
        #expect(throws: LinuxImageError.bigEndian) { try read(Self.header([0x24: 0x1828_6f01])) }
    }

    @Test func refusals() {
        #expect(throws: LinuxImageError.truncated) { try read([0x1f, 0x8b]) }
        #expect(throws: LinuxImageError.truncated) { try read(Self.header([:]), size: 63) }
        #expect(throws: LinuxImageError.gzip) { try read(Self.header([0: 0x0008_8b1f])) }
        #expect(throws: LinuxImageError.selfExtracting) { try read(Self.header([0: 0x5a4d, 4: 0x676d_697a])) }
        #expect(throws: LinuxImageError.unknown(arm64: 3, arm32: 5)) { try read(Self.header([0x38: 3, 0x24: 5])) }
        #expect(throws: LinuxImageError.bigEndian) { try read(Self.header([0x10: 1, 0x18: 1, 0x38: 0x644d_5241])) }
        #expect(throws: LinuxImageError.badSize) { try read(Self.header([0x14: 1, 0x38: 0x644d_5241])) }
    }
}
