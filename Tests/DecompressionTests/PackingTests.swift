// SPDX-License-Identifier: Apache-2.0

import Foundation
import Support
import Testing

@testable import Decompression

@Suite struct PackingTests {
    @Test(arguments: Packer.ways, [0, 1, 5, 4096, 300_000])
    func unpacksWhatTheToolPacked(_ way: Packer.Way, _ count: Int) throws {
        for seed in UInt64(1)...2 {
            let bytes = Packer.sample(seed &* 77 &+ UInt64(count), count: count)
            let packed = try Packer.pack(bytes, way)
            #expect(Packing(of: packed.span) == way.packing)
            // Bytes after the end are nobody's, but for a format that does not say where it ends.
            let behind: [UInt8] = way.packing == .lz4 ? [] : [1, 2, 3]
            #expect(try Packer.unpack(packed + behind, room: count + 7) == bytes, "seed \(seed)")
            #expect(try Packer.unpack(packed, room: count) == bytes, "seed \(seed)")
        }
    }

    /// What cannot be packed, and what packs to next to nothing.
    @Test(arguments: Packer.ways)
    func unpacksNoiseAndNothingBut(_ way: Packer.Way) throws {
        var random = SplitMix(state: 11)
        let noise = (0..<400_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        #expect(try Packer.unpack(Packer.pack(noise, way), room: noise.count) == noise)
        for (byte, count) in [(0, 3_000_000), (0x5a, 65_536), (0xff, 259), (0, 258), (1, 255)] {
            let bytes = [UInt8](repeating: UInt8(byte), count: count)
            #expect(try Packer.unpack(Packer.pack(bytes, way), room: count) == bytes, "\(byte) \(count) times")
        }
    }

    /// Several blocks of every format, and matches that reach over more than 8 MiB where the format has such.
    @Test(arguments: [
        Packer.Way(.gzip, "gzip -6"), Packer.Way(.bzip2, "bzip2 -9"), Packer.Way(.lzma, "xz --format=lzma --lzma1=preset=1,dict=32MiB"),
        Packer.Way(.xz, "xz --check=crc32 --lzma2=preset=1,dict=32MiB"), Packer.Way(.lzo, "lzop -1"), Packer.Way(.lz4, "lz4 -l -1"),
        Packer.Way(.zstd, "zstd -3 --long=27"),
    ])
    func unpacksLargeFiles(_ way: Packer.Way) throws {
        let part = Packer.sample(21, count: 3_000_000)
        let noise = Packer.sample(22, count: 9_500_000)
        let bytes = part + noise + part
        let packed = try Packer.pack(bytes, way)
        // Whether the far match was found at all.
        if [.lzma, .xz, .zstd].contains(way.packing) { #expect(packed.count < bytes.count * 3 / 4) }
        #expect(try Packer.unpack(packed, room: bytes.count) == bytes)
    }

    /// The start of a file can be had with little room.
    @Test(arguments: Packer.ways)
    func saysWhenThereIsNoRoom(_ way: Packer.Way) throws {
        let bytes = Packer.sample(5, count: 200_000)
        let packed = try Packer.pack(bytes, way)
        var output = [UInt8](repeating: 0xaa, count: bytes.count + 1)
        var workspace = [UInt32](repeating: 0, count: way.packing.workspaceCount)
        var words = workspace.mutableSpan
        for room in [0, 1, 64, 4096, 199_999] {
            output.withUnsafeMutableBufferPointer { $0.update(repeating: 0xaa) }
            var all = output.mutableSpan
            var target = all.extracting(..<room)
            #expect(throws: DecompressionError.tooLarge) {
                try way.packing.unpack(packed.span, into: &target, workspace: &words)
            }
            // Filters work on what is whole.
            if way.packing != .xz, room >= 4096 { #expect(output[..<(room - 300)] == bytes[..<(room - 300)]) }
            #expect(output[room...].allSatisfy { $0 == 0xaa })
        }
        if way.packing.workspaceCount > 0 {
            var target = output.mutableSpan
            var few = words.extracting(..<(way.packing.workspaceCount - 1))
            #expect(throws: DecompressionError.tooLarge) { try way.packing.unpack(packed.span, into: &target, workspace: &few) }
        }
    }

    @Test func refusesWhatItDoesNotKnow() throws {
        let bytes = Packer.sample(5, count: 20_000)
        #expect(throws: DecompressionError.notThisFormat) { try Packer.unpack(bytes, room: 20_000) }
        for way in [
            Packer.Way(.xz, "xz --check=sha256"), Packer.Way(.xz, "xz --check=crc32 --delta --lzma2"),
        ] {
            let packed = try Packer.pack(bytes, way)
            #expect(throws: DecompressionError.unsupported) { try Packer.unpack(packed, room: 20_000) }
        }
        for packing in Packing.allCases {
            var workspace = [UInt32](repeating: 0, count: packing.workspaceCount)
            var words = workspace.mutableSpan
            var output = [UInt8](repeating: 0, count: 100)
            var target = output.mutableSpan
            #expect(throws: DecompressionError.notThisFormat) { try packing.unpack(bytes.span, into: &target, workspace: &words) }
        }
    }

    /// What a stream of an ARM64 filter looks like, by the specification's example code: the packer of Debian 12 has none.
    @Test func undoesTheARM64Filter() {
        // BL at 0x1000 to 0x100 before it, and ADRP at 0x2000 of the page after the next, packed to be absolute.
        var bytes = [UInt8](repeating: 0, count: 0x2004)
        func put(_ word: UInt32, _ index: Int) { for byte in 0..<4 { bytes[index + byte] = UInt8(truncatingIfNeeded: word >> UInt32(byte * 8)) } }
        put(0x9400_0000 | (0x1000 - 0x100) / 4, 0x1000)
        put(0x9000_0003 | 1 << 5, 0x2000)
        var span = bytes.mutableSpan
        ARMBranches.restoreARM64(&span, from: 0, to: 0x2004)
        func word(_ index: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32($1 * 8) } }
        #expect(word(0x1000) == 0x9400_0000 | 0x3ff_ffff & ~0x3f)
        #expect(word(0x2000) == 0x9000_0003 | 2 << 29)
    }

    @Test func knowsItsChecks() {
        let text = Array("123456789".utf8)
        #expect(CRC32().checksum(text.span) == 0xcbf4_3926)
        #expect(CRC64().checksum(text.span) == 0x995d_c9bb_df19_39fa)
        #expect(Adler32.checksum(text.span) == 0x091e_01de)
        #expect(XXH64.checksum([UInt8]().span) == 0xef46_db37_51d8_e999)
        #expect(XXH64.checksum(Array("abc".utf8).span) == 0x44bc_2cf5_ad77_0999)
    }
}
