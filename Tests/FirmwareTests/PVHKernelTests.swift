// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Firmware

/// An ELF file made in code.
struct KernelFile {
    var bytes = [UInt8](repeating: 0, count: 0x400)

    mutating func put<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
        for index in 0..<MemoryLayout<T>.size { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(index * 8)) }
    }

    mutating func header(_ index: Int, type: UInt32, offset: UInt64, address: UInt64, size: UInt64, memorySize: UInt64) {
        let base = 64 + index * 56
        put(type, base)
        put(offset, base + 8)
        put(address, base + 24)
        put(size, base + 32)
        put(memorySize, base + 40)
    }

    init() {
        put(0x464c_457f as UInt32, 0)
        bytes[4] = 2
        bytes[5] = 1
        put(62 as UInt16, 18)
        put(64 as UInt64, 32)
        put(56 as UInt16, 54)
        put(3 as UInt16, 56)
        header(0, type: 1, offset: 0x200, address: 0x100_0000, size: 0x100, memorySize: 0x180)
        header(1, type: 1, offset: 0x300, address: 0x100_1000, size: 0x80, memorySize: 0x80)
        header(2, type: 4, offset: 0x110, address: 0, size: 40, memorySize: 40)
        // A note of somebody else's, then ours.
        for (index, word) in [4, 4, 18, 0x554e47, 7, 4, 4, 18, 0x6e6558, 0x100_0040].enumerated() {
            put(UInt32(word), 0x110 + index * 4)
        }
    }
}

@Suite struct PVHKernelTests {
    @Test func readsSegmentsAndEntry() throws {
        let file = KernelFile()
        let kernel = try PVHKernel(file.bytes.span)
        #expect(kernel.entry == 0x100_0040)
        #expect(kernel.start == 0x100_0000)
        #expect(kernel.end == 0x100_1080)
        #expect(kernel.segment(0) == PVHKernel.Segment(offset: 0x200, address: 0x100_0000, size: 0x100, memorySize: 0x180))
        #expect(kernel.segment(2) == nil)
    }

    static func error(_ change: (inout KernelFile) -> Void) -> PVHKernelError? {
        var file = KernelFile()
        change(&file)
        do throws(PVHKernelError) {
            _ = try PVHKernel(file.bytes.span)
            return nil
        } catch { return error }
    }

    @Test func saysWhatIsWrong() {
        #expect(Self.error { $0.bytes[4] = 1 } == .notELF)
        #expect(Self.error { $0.put(3 as UInt16, 18) } == .notELF)
        #expect(Self.error { $0.bytes.removeLast(0x100) } == .truncated)
        #expect(Self.error { $0.put(UInt64.max, 64 + 24) } == .truncated)
        #expect(Self.error { $0.put(0x7fff as UInt16, 56) } == .truncated)
        #expect(Self.error { $0.put(17 as UInt32, 0x110 + 28) } == .noEntry)
        #expect(Self.error { $0.put(UInt32.max, 0x110) } == .noEntry)
        #expect(Self.error { $0.put(UInt32.max, 0x114) } == .noEntry)
        #expect(Self.error { $0.put(2 as UInt32, 64); $0.put(2 as UInt32, 64 + 56) } == .noSegments)
    }

    @Test func findsThePayloadOfAKernelFile() {
        var file = KernelFile()
        file.bytes = [UInt8](repeating: 0, count: 4096)
        file.bytes[0x1f1] = 1
        file.put(0x5372_6448 as UInt32, 0x202)
        file.put(0x20f as UInt16, 0x206)
        file.put(0x100 as UInt32, 0x248)
        file.put(0x40 as UInt32, 0x24c)
        file.put(0xfd as UInt8, 0x500)
        file.put(123_456 as UInt32, 0x53c)
        func parts(_ bytes: [UInt8]) -> [UInt64]? {
            guard let image = LinuxBzImage(bytes.span) else { return nil }
            return [image.unpackedSize, UInt64(image.payload.count), UInt64(image.payload[0])]
        }
        #expect(parts(file.bytes) == [123_456, 0x40, 0xfd])
        file.put(0xffff_ff00 as UInt32, 0x248)
        #expect(parts(file.bytes) == nil)
        #expect(parts(KernelFile().bytes) == nil)
    }
}
