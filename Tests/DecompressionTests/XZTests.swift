// SPDX-License-Identifier: Apache-2.0

import Foundation
import Support
import Testing

@testable import Decompression

/// Packs with the real xz, and unpacks with ours.
@Suite struct XZTests {
    static func pack(_ bytes: [UInt8], _ arguments: [String]) throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(bytes).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/xz")
        process.arguments = ["--stdout", "--compress"] + arguments + [file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let packed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return [UInt8](packed)
    }

    static func unpack(_ packed: [UInt8], room: Int) throws -> [UInt8] {
        var output = [UInt8](repeating: 0xaa, count: room)
        var workspace = [UInt16](repeating: 0xffff, count: XZ.workspaceCount)
        var target = output.mutableSpan
        var table = workspace.mutableSpan
        let size = try XZ.decompress(packed.span, into: &target, workspace: &table)
        return Array(output[..<size])
    }

    /// Bytes with repeats near and far, runs, noise, and what looks like calls.
    static func sample(_ seed: UInt64, count: Int) -> [UInt8] {
        var random = SplitMix(state: seed)
        var bytes: [UInt8] = []
        while bytes.count < count {
            let length = Int(random.next() % 200) + 1
            switch random.next() % 5 {
            case 0: bytes += (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            case 1: bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: length)
            case 2 where !bytes.isEmpty:
                let start = Int(random.next() % UInt64(bytes.count))
                for index in 0..<length { bytes.append(bytes[start + index]) }
            case 3:
                let operand: [UInt8] = [0xe8, 0xe9, 0x00, 0xff, 0x01, 0x7f]
                bytes += (0..<length).map { _ in operand[Int(random.next() % UInt64(operand.count))] }
            default:
                bytes += [0xe8, UInt8(truncatingIfNeeded: random.next()), UInt8(truncatingIfNeeded: random.next()), 0, 0]
            }
        }
        return Array(bytes[..<count])
    }

    static let options: [[String]] = [
        ["--check=crc32"], ["--check=none"], ["--check=crc32", "--x86", "--lzma2=dict=32MiB"],
        ["--check=crc32", "--lzma2=preset=0,lc=0,lp=4,pb=0"], ["--check=crc32", "--lzma2=preset=9,lc=4,lp=0,pb=4"],
    ]

    @Test(arguments: options, [0, 1, 5, 4096, 300_000])
    func unpacksWhatXZPacked(_ arguments: [String], _ count: Int) throws {
        for seed in UInt64(1)...3 {
            let bytes = Self.sample(seed &* 77 &+ UInt64(count), count: count)
            let packed = try Self.pack(bytes, arguments)
            // More than one chunk or none, and bytes after the end.
            #expect(try Self.unpack(packed + [1, 2, 3], room: count + 7) == bytes, "seed \(seed), \(arguments)")
        }
    }

    @Test func refusesWhatItCannotUnpack() throws {
        let bytes = Self.sample(5, count: 20_000)
        let packed = try Self.pack(bytes, ["--check=crc32"])
        #expect(throws: DecompressionError.tooLarge) { try Self.unpack(packed, room: 19_999) }
        #expect(throws: DecompressionError.truncated) { try Self.unpack(Array(packed[..<(packed.count / 2)]), room: 20_000) }
        #expect(throws: DecompressionError.notThisFormat) { try Self.unpack(bytes, room: 20_000) }
        let sha = try Self.pack(bytes, ["--check=sha256"])
        #expect(throws: DecompressionError.unsupported) { try Self.unpack(sha, room: 20_000) }
        let delta = try Self.pack(bytes, ["--check=crc32", "--delta", "--lzma2"])
        #expect(throws: DecompressionError.unsupported) { try Self.unpack(delta, room: 20_000) }
    }

    /// One byte changed: an error, or at least an end.
    @Test func endsWhateverTheInput() throws {
        let bytes = Self.sample(9, count: 3000)
        let packed = try Self.pack(bytes, ["--check=crc32", "--x86", "--lzma2"])
        var random = SplitMix(state: 4)
        var refused = 0
        for _ in 0..<2000 {
            var changed = packed
            let place = Int(random.next() % UInt64(packed.count))
            changed[place] ^= UInt8(truncatingIfNeeded: random.next() % 255) + 1
            do {
                let result = try Self.unpack(changed, room: 4000)
                #expect(result == bytes)
            } catch { refused += 1 }
        }
        #expect(refused > 1000)
    }
}
