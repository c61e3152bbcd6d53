// SPDX-License-Identifier: Apache-2.0

import Decompression
import Foundation
import Support

/// Packs with the real tools of Debian, and unpacks with ours.
enum Packer {
    /// A way of packing: the tool with its options.
    struct Way: CustomStringConvertible, Sendable {
        let packing: Packing
        let command: [String]
        var description: String { command.joined(separator: " ") }

        init(_ packing: Packing, _ command: String) {
            self.packing = packing
            self.command = command.split(separator: " ").map(String.init)
        }
    }

    struct Failed: Error { let command: [String] }

    static let ways: [Way] = [
        Way(.gzip, "gzip -n -1"), Way(.gzip, "gzip -n -9"), Way(.gzip, "gzip -6"),
        Way(.bzip2, "bzip2 -1"), Way(.bzip2, "bzip2 -9"),
        Way(.lzma, "xz --format=lzma -0"), Way(.lzma, "xz --format=lzma -9"),
        Way(.xz, "xz --check=crc32"), Way(.xz, "xz --check=none"), Way(.xz, "xz -9"),
        Way(.xz, "xz --check=crc32 --x86 --lzma2=dict=32MiB"), Way(.xz, "xz --check=crc64 --arm --lzma2=preset=0"),
        Way(.xz, "xz --armthumb --lzma2=preset=0"), Way(.xz, "xz --block-size=70000 --x86 --lzma2=preset=1"),
        Way(.xz, "xz --check=crc32 --lzma2=preset=0,lc=0,lp=4,pb=0"), Way(.xz, "xz --check=crc32 --lzma2=preset=9,lc=4,lp=0,pb=4"),
        Way(.lzo, "lzop -1"), Way(.lzo, "lzop -9"), Way(.lzo, "lzop -3 --crc32"), Way(.lzo, "lzop -7 --no-checksum"),
        Way(.lz4, "lz4 -l -1"), Way(.lz4, "lz4 -l -9"),
        Way(.zstd, "zstd -1"), Way(.zstd, "zstd -19"), Way(.zstd, "zstd --ultra -22 --long=27"), Way(.zstd, "zstd --fast=5 --no-check"),
        Way(.zstd, "zstd -9 --no-compress-literals"), Way(.zstd, "zstd -3 --no-content-size"),
    ]

    /// What the tool makes of `bytes`. A tool that is not there is a failure.
    static func pack(_ bytes: [UInt8], _ way: Way) throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(bytes).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // From a pipe a packer cannot know the size, and from a file it says so in its header.
        process.arguments = way.command + (way.packing == .lzo ? ["-c", file.path] : ["-q", "-c", file.path])
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let packed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(command: way.command) }
        return [UInt8](packed)
    }

    /// Unpacks by what the bytes start with.
    static func unpack(_ packed: [UInt8], room: Int) throws -> [UInt8] {
        guard let packing = Packing(of: packed.span) else { throw DecompressionError.notThisFormat }
        var output = [UInt8](repeating: 0xaa, count: room)
        var workspace = [UInt32](repeating: .max, count: packing.workspaceCount)
        var target = output.mutableSpan
        var words = workspace.mutableSpan
        let size = try packing.unpack(packed.span, into: &target, workspace: &words)
        return Array(output[..<size])
    }

    /// Bytes with repeats near and far, runs, noise, and what looks like calls.
    static func sample(_ seed: UInt64, count: Int) -> [UInt8] {
        var random = SplitMix(state: seed)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 256)
        while bytes.count < count {
            let length = Int(random.next() % 200) + 1
            switch random.next() % 6 {
            case 0: for _ in 0..<length { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
            case 1: bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: length)
            case 2 where !bytes.isEmpty:
                let start = Int(random.next() % UInt64(bytes.count))
                for index in 0..<length { bytes.append(bytes[start + index]) }
            case 3:
                let operand: [UInt8] = [0xe8, 0xe9, 0x00, 0xff, 0x01, 0x7f]
                for _ in 0..<length { bytes.append(operand[Int(random.next() % UInt64(operand.count))]) }
            case 4:
                // Few bytes that are alike, as in text.
                for _ in 0..<length { bytes.append(0x60 + UInt8(truncatingIfNeeded: (random.next() & random.next()) & 15)) }
            default:
                let noise = UInt8(truncatingIfNeeded: random.next())
                bytes += [0xe8, noise, noise ^ 7, 0, 0, 0, noise, 1, noise, 0xeb, noise, 0xf0, noise, 0xf8]
            }
        }
        return Array(bytes[..<count])
    }
}
