// SPDX-License-Identifier: Apache-2.0

import Decompression
import Firmware
import Foundation
import Support
import Testing

@testable import DomainBuilder

/// Kernels in every wrapping that boot loaders bring them in. The packing itself is tested where it is undone.
@Suite struct KernelFileTests {
    static func gzip(_ bytes: [UInt8], _ command: String = "gzip -n") throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(bytes).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command.split(separator: " ").map(String.init) + ["-c", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let packed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return [UInt8](packed)
    }

    static func put(_ word: UInt32, _ bytes: inout [UInt8], _ offset: Int) {
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: word >> UInt32(index * 8)) }
    }

    /// An arm64 Image of 100,000 bytes that takes 0x30000 bytes of memory.
    static func image() -> [UInt8] {
        var random = SplitMix(state: 3)
        var bytes = (0..<100_000).map { _ in UInt8(truncatingIfNeeded: random.next() & 31) }
        for index in 0..<64 { bytes[index] = 0 }
        put(0x30000, &bytes, 16)
        put(10, &bytes, 24)
        put(0x644d_5241, &bytes, 0x38)
        return bytes
    }

    static func zboot(_ payload: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x1000)
        put(0x5a4d, &bytes, 0)
        put(0x676d_697a, &bytes, 4)
        put(0x1000, &bytes, 8)
        put(UInt32(payload.count), &bytes, 12)
        bytes.replaceSubrange(24..<28, with: Array("gzip".utf8))
        return bytes + payload + [1, 2, 3, 4]
    }

    static func bzImage(_ payload: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1024)
        bytes[0x1f1] = 1
        put(0x5372_6448, &bytes, 0x202)
        put(0x20f, &bytes, 0x206)
        put(0, &bytes, 0x248)
        put(UInt32(payload.count), &bytes, 0x24c)
        return bytes + payload
    }

    static func unpack(_ bytes: [UInt8], room: Int) throws(KernelFileError) -> [UInt8] {
        let file = try KernelFile(bytes.span)
        var output = [UInt8](repeating: 0, count: room)
        var workspace = [UInt32](repeating: 0, count: file.workspaceCount)
        var target = output.mutableSpan
        var words = workspace.mutableSpan
        let count = try file.unpack(into: &target, workspace: &words)
        return Array(output[..<count])
    }

    static func header(_ bytes: [UInt8]) throws(KernelFileError) -> LinuxImage {
        let file = try KernelFile(bytes.span)
        var output = [UInt8](repeating: 0, count: LinuxImage.usefulHeaderSize)
        var workspace = [UInt32](repeating: 0, count: file.workspaceCount)
        var target = output.mutableSpan
        var words = workspace.mutableSpan
        return try file.imageHeader(start: &target, workspace: &words)
    }

    static let commands = ["gzip -n", "bzip2", "xz --format=lzma", "xz", "lzop", "lz4 -l -q", "zstd -q"]

    @Test(arguments: commands) func findsTheImage(_ command: String) throws {
        let image = Self.image()
        let packed = try Self.gzip(image, command)
        for file in [packed, Self.zboot(packed)] {
            let header = try Self.header(file)
            #expect(header.kind == .arm64 && header.memorySize == 0x30000)
            #expect(try Self.unpack(file, room: 0x30000) == image)
            #expect(throws: KernelFileError.unpacking(.tooLarge)) { try Self.unpack(file, room: 99_999) }
        }
        #expect(try Self.header(image).memorySize == 0x30000)
        #expect(try Self.unpack(image, room: 100_000) == image)
    }

    /// arm32: a zImage, which would unpack itself, packed once more.
    @Test(arguments: commands) func findsTheZImage(_ command: String) throws {
        var image = Self.image()
        Self.put(0, &image, 0x38)
        Self.put(0x016f_2818, &image, 0x24)
        Self.put(0x8000, &image, 0x28)
        Self.put(0x8000 + 100_000, &image, 0x2c)
        let packed = try Self.gzip(image, command)
        let header = try Self.header(packed)
        #expect(header.kind == .arm32 && header.memorySize == 100_000 && header.linkAddress == 0x8000)
        #expect(try Self.unpack(packed, room: 100_000) == image)
    }

    /// Linux puts the size behind formats that do not have it.
    @Test(arguments: commands) func findsTheKernelOfABzImage(_ command: String) throws {
        let kernel = Array("\u{7f}ELF".utf8) + Self.image()
        var packed = try Self.gzip(kernel, command)
        if command != "gzip -n" {
            packed += [0, 0, 0, 0]
            Self.put(UInt32(kernel.count), &packed, packed.count - 4)
        }
        for bytes in [Self.bzImage(packed), packed] {
            #expect(try KernelFile(bytes.span).sizeOrAppended == UInt64(kernel.count))
            #expect(try Self.unpack(bytes, room: kernel.count) == kernel)
        }
        #expect(try Self.unpack(Self.bzImage(kernel), room: kernel.count) == kernel)
    }

    @Test func saysSizes() throws {
        let bytes = Self.image()
        for (command, isSaid) in zip(Self.commands, [true, false, false, true, false, false, true]) {
            let packed = try Self.gzip(bytes, command)
            let size = try KernelFile(packed.span).size
            #expect(size == (isSaid ? 100_000 : nil), "\(command)")
        }
        let blocks = try Self.gzip(bytes, "xz --block-size=30000")
        #expect(try KernelFile(blocks.span).size == 100_000)
    }

    @Test func refuses() throws {
        let packed = try Self.gzip(Self.image())
        #expect(throws: KernelFileError.truncated) { try Self.header(Array(Self.zboot(packed).dropLast(5))) }
        #expect(throws: KernelFileError.unknownPacking) { try Self.header(Self.zboot(Array("nothing".utf8))) }
        #expect(throws: KernelFileError.unknownPacking) { try Self.unpack(Self.bzImage(Array("nothing".utf8)), room: 9) }
        #expect(throws: KernelFileError.image(.gzip)) { try Self.header(Self.gzip(packed)) }
        #expect(throws: KernelFileError.image(.selfExtracting)) { try Self.header(Self.gzip(Self.zboot(packed))) }
        #expect(throws: KernelFileError.unpacking(.truncated)) { try Self.unpack(Array(packed.dropLast(9)), room: 0x30000) }
        #expect(throws: KernelFileError.image(.unknown(arm64: 0x2020_2020, arm32: 0x2020_2020))) {
            try Self.header(Self.gzip([UInt8](repeating: 0x20, count: 5000)))
        }
        #expect(throws: KernelFileError.image(.truncated)) { try KernelFile.verify([1, 2, 3].span) }
    }

    /// Whatever is changed, there is an answer; the seed is printed, and `XEN_MODEL_SEED` repeats it.
    @Test func answersWhateverIsInTheFile() throws {
        let seed = Randomised.seed(run: 0)
        print("mutated kernel files: seed \(seed)")
        var random = SplitMix(state: seed)
        let packed = try Self.gzip(Array(Self.image()[..<2000]))
        for file in [Self.zboot(packed), Self.bzImage(packed), packed] {
            // Where the headers are; the packed part has tests of its own.
            let places = Self.zboot(packed) == file ? 64 : min(file.count, 0x260)
            for _ in 0..<100_000 {
                var bytes = file
                for _ in 0...random.next() % 3 {
                    bytes[Int(random.next() % UInt64(places))] = [0, 0xff, 0x80, UInt8(truncatingIfNeeded: random.next())][Int(random.next() & 3)]
                }
                let length = random.next() & 7 == 0 ? Int(random.next() % UInt64(bytes.count)) : bytes.count
                guard let kernel = try? KernelFile(bytes.span.extracting(..<length)) else { continue }
                _ = kernel.sizeOrAppended
                _ = kernel.workspaceCount
            }
        }
    }
}
