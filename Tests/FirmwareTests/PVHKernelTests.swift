// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Firmware

/// An ELF file made in code, of 64 or 32 bits.
struct KernelFile {
    var bytes = [UInt8](repeating: 0, count: 0x400)
    let is64: Bool

    mutating func put<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
        for index in 0..<MemoryLayout<T>.size { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(index * 8)) }
    }

    mutating func putWord(_ value: UInt64, _ offset: Int) {
        if is64 { put(value, offset) } else { put(UInt32(truncatingIfNeeded: value), offset) }
    }

    /// Where program header `index` is, and its words `offset`, `address`, `size` and `memorySize`.
    func header(_ index: Int) -> (start: Int, offset: Int, address: Int, size: Int, memorySize: Int) {
        let base = 64 + index * (is64 ? 56 : 32)
        return is64 ? (base, base + 8, base + 24, base + 32, base + 40) : (base, base + 4, base + 12, base + 16, base + 20)
    }

    mutating func header(_ index: Int, type: UInt32, offset: UInt64, address: UInt64, size: UInt64, memorySize: UInt64) {
        let place = header(index)
        put(type, place.start)
        putWord(offset, place.offset)
        putWord(address, place.address)
        putWord(size, place.size)
        putWord(memorySize, place.memorySize)
    }

    init(is64: Bool = true) {
        self.is64 = is64
        put(0x464c_457f as UInt32, 0)
        bytes[4] = is64 ? 2 : 1
        bytes[5] = 1
        put(is64 ? 62 : 3 as UInt16, 18)
        putWord(64, is64 ? 32 : 28)
        put(is64 ? 56 : 32 as UInt16, is64 ? 54 : 42)
        put(3 as UInt16, headerCount)
        header(0, type: 1, offset: 0x200, address: 0x100_0000, size: 0x100, memorySize: 0x180)
        header(1, type: 1, offset: 0x300, address: 0x100_1000, size: 0x80, memorySize: 0x80)
        header(2, type: 4, offset: 0x110, address: 0, size: 40, memorySize: 40)
        // A note of somebody else's, then ours.
        for (index, word) in [4, 4, 18, 0x554e47, 7, 4, 4, 18, 0x6e6558, 0x100_0040].enumerated() {
            put(UInt32(word), 0x110 + index * 4)
        }
    }

    var headerCount: Int { is64 ? 56 : 44 }
}

@Suite struct PVHKernelTests {
    @Test(arguments: [true, false]) func readsSegmentsAndEntry(is64: Bool) throws {
        let file = KernelFile(is64: is64)
        let kernel = try PVHKernel(file.bytes.span)
        #expect(kernel.entry == 0x100_0040)
        #expect(kernel.start == 0x100_0000)
        #expect(kernel.end == 0x100_1080)
        #expect(kernel.segment(0) == PVHKernel.Segment(offset: 0x200, address: 0x100_0000, size: 0x100, memorySize: 0x180))
        #expect(kernel.segment(2) == nil)
    }

    static func error(_ is64: Bool, _ change: (inout KernelFile) -> Void) -> PVHKernelError? {
        var file = KernelFile(is64: is64)
        change(&file)
        do throws(PVHKernelError) {
            _ = try PVHKernel(file.bytes.span)
            return nil
        } catch { return error }
    }

    @Test(arguments: [true, false]) func saysWhatIsWrong(is64: Bool) {
        #expect(Self.error(is64) { $0.bytes[4] = is64 ? 1 : 2 } == .notELF)
        #expect(Self.error(is64) { $0.bytes[4] = 3 } == .notELF)
        #expect(Self.error(is64) { $0.put(is64 ? 3 : 62 as UInt16, 18) } == .notELF)
        #expect(Self.error(is64) { $0.bytes.removeLast(0x100) } == .truncated)
        // Past the end of 64 bits; a segment of 32 bits cannot wrap around.
        if is64 { #expect(Self.error(is64) { $0.putWord(.max, $0.header(0).address) } == .truncated) }
        #expect(Self.error(is64) { $0.putWord(.max, $0.header(0).offset) } == .truncated)
        #expect(Self.error(is64) { $0.putWord(.max, $0.header(1).size) } == .truncated)
        #expect(Self.error(is64) { $0.put(0x7fff as UInt16, $0.headerCount) } == .truncated)
        #expect(Self.error(is64) { $0.put(17 as UInt32, 0x110 + 28) } == .noEntry)
        #expect(Self.error(is64) { $0.put(UInt32.max, 0x110) } == .noEntry)
        #expect(Self.error(is64) { $0.put(UInt32.max, 0x114) } == .noEntry)
        #expect(Self.error(is64) { for index in 0..<2 { $0.put(2 as UInt32, $0.header(index).start) } } == .noSegments)
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
