// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Firmware

/// An ELF file made in code, of 64 or 32 bits.
struct KernelFile {
    var bytes = [UInt8](repeating: 0, count: 0x400)
    let is64: Bool
    var notes = 0x110

    mutating func put<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
        for index in 0..<MemoryLayout<T>.size { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> T(index * 8)) }
    }

    mutating func putWord(_ value: UInt64, _ offset: Int) {
        if is64 { put(value, offset) } else { put(UInt32(truncatingIfNeeded: value), offset) }
    }

    /// Where program header `index` is, and its words.
    func header(_ index: Int) -> (start: Int, flags: Int, offset: Int, address: Int, size: Int, memorySize: Int, alignment: Int) {
        let base = 64 + index * (is64 ? 56 : 32)
        return is64
            ? (base, base + 4, base + 8, base + 24, base + 32, base + 40, base + 48)
            : (base, base + 24, base + 4, base + 12, base + 16, base + 20, base + 28)
    }

    mutating func header(_ index: Int, type: UInt32, offset: UInt64, address: UInt64, size: UInt64, memorySize: UInt64) {
        let place = header(index)
        put(type, place.start)
        put(type == 1 ? 5 : 4 as UInt32, place.flags)
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
        notes = 0x110 + 40
    }

    /// One more note of Xen's.
    mutating func note(_ type: UInt32, _ value: [UInt32], size: Int? = nil) {
        for (index, word) in ([4, UInt32(size ?? value.count * 4), type, 0x6e6558] + value).enumerated() {
            put(word, notes + index * 4)
        }
        notes += 16 + value.count * 4
        putWord(UInt64(notes - 0x110), header(2).size)
    }

    /// The notes are a section's, not a segment's.
    mutating func useSection() {
        put(0 as UInt32, header(2).start)
        let table = 0x380
        putWord(UInt64(table), is64 ? 40 : 32)
        put(is64 ? 64 : 40 as UInt16, is64 ? 58 : 46)
        put(1 as UInt16, is64 ? 60 : 48)
        put(7 as UInt32, table + 4)
        putWord(0x110, table + (is64 ? 24 : 16))
        putWord(UInt64(notes - 0x110), table + (is64 ? 32 : 20))
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
        #expect(kernel.relocation == nil)
        #expect(kernel.segment(0) == PVHKernel.Segment(offset: 0x200, address: 0x100_0000, size: 0x100, memorySize: 0x180))
        #expect(kernel.segment(2) == nil)
    }

    /// Class and machine are each their own matter: `objcopy -O elf32-x86-64` makes files of class 32 for x86-64.
    @Test(arguments: [true, false], [3, 6, 62] as [UInt16]) func takesEveryX86(is64: Bool, machine: UInt16) throws {
        var file = KernelFile(is64: is64)
        file.put(machine, 18)
        #expect(try PVHKernel(file.bytes.span).entry == 0x100_0040)
    }

    @Test(arguments: [true, false]) func readsNotes(is64: Bool) throws {
        var file = KernelFile(is64: is64)
        file.note(19, [])
        #expect(try PVHKernel(file.bytes.span).relocation == .init(alignment: nil))
        file.note(19, [0x20_0000])
        #expect(try PVHKernel(file.bytes.span).relocation == .init(alignment: 0x20_0000))
        file.note(19, [0x1000, 0x100_0000])
        #expect(try PVHKernel(file.bytes.span).relocation == .init(alignment: 0x1000, minimum: 0x100_0000))
        file.note(19, [0x1000, 0x100_0000, 0x3fff_ffff])
        #expect(
            try PVHKernel(file.bytes.span).relocation == .init(alignment: 0x1000, minimum: 0x100_0000, maximum: 0x3fff_ffff))
        // The last one counts; of 8 bytes too. A name with more zeros is the same name.
        file.note(18, [0x100_0010, 0], size: 8)
        #expect(try PVHKernel(file.bytes.span).entry == 0x100_0010)
        file.useSection()
        #expect(try PVHKernel(file.bytes.span).entry == 0x100_0010)
    }

    @Test(arguments: [true, false]) func passesOverWhatIsNotLoaded(is64: Bool) throws {
        var file = KernelFile(is64: is64)
        let flags = file.header(1).flags
        file.put(0 as UInt32, flags)
        let alignment = file.header(0).alignment
        file.putWord(0x1000, alignment)
        let kernel = try PVHKernel(file.bytes.span)
        #expect(kernel.end == 0x100_0180)
        #expect(kernel.segment(1) == nil)
        #expect(kernel.alignment == 0x1000)
        // A segment of notes that is nowhere.
        #expect(Self.error(is64) { $0.putWord(0, $0.header(2).offset) } == .noEntry)
    }

    static func error(_ is64: Bool, _ change: (inout KernelFile) -> Void) -> PVHKernelError? {
        var file = KernelFile(is64: is64)
        change(&file)
        do throws(PVHKernelError) {
            _ = try PVHKernel(file.bytes.span)
            return nil
        } catch { return error }
    }

    @Test(arguments: [true, false]) func namesTheField(is64: Bool) {
        let all: UInt64 = is64 ? .max : UInt64(UInt32.max)
        #expect(Self.error(is64) { $0.bytes[0] = 0x7e } == .wrong(.magic, 0x464c_457e, header: nil))
        #expect(Self.error(is64) { $0.bytes = [0x7f, 0x45] } == .wrong(.magic, 0, header: nil))
        #expect(Self.error(is64) { $0.bytes[4] = 3 } == .wrong(.fileClass, 3, header: nil))
        #expect(Self.error(is64) { $0.bytes[5] = 2 } == .wrong(.encoding, 2, header: nil))
        #expect(Self.error(is64) { $0.put(183 as UInt16, 18) } == .wrong(.machine, 183, header: nil))
        #expect(Self.error(is64) { $0.bytes.removeLast(0x3e0) } == .outside(.headers, 0, header: nil))
        #expect(Self.error(is64) { $0.put(31 as UInt16, is64 ? 54 : 42) } == .wrong(.headerSize, 31, header: nil))
        #expect(Self.error(is64) { $0.put(0x7fff as UInt16, $0.headerCount) } == .outside(.headers, 64, header: nil))
        #expect(Self.error(is64) { $0.putWord(all, is64 ? 32 : 28) } == .outside(.headers, all, header: nil))
        #expect(Self.error(is64) { $0.bytes.removeLast(0x100) } == .outside(.offset, 0x300, header: 1))
        // Past the end of 64 bits; a segment of 32 bits cannot wrap around.
        if is64 { #expect(Self.error(is64) { $0.putWord(.max, $0.header(0).address) } == .wrong(.address, .max, header: 0)) }
        #expect(Self.error(is64) { $0.putWord(all, $0.header(0).offset) } == .outside(.offset, all, header: 0))
        #expect(Self.error(is64) { $0.putWord(all, $0.header(1).size) } == .wrong(.fileSize, all, header: 1))
        #expect(Self.error(is64) { $0.putWord(0x3f0, $0.header(2).offset) } == .outside(.offset, 0x3f0, header: 2))
        #expect(
            Self.error(is64) {
                $0.useSection()
                $0.putWord(0x3f0, is64 ? 40 : 32)
            } == .outside(.sections, 0x3f0, header: nil))
        #expect(
            Self.error(is64) {
                $0.useSection()
                $0.put(1 as UInt16, is64 ? 58 : 46)
            } == .wrong(.sectionSize, 1, header: nil))
    }

    @Test(arguments: [true, false]) func namesTheNote(is64: Bool) {
        #expect(Self.error(is64) { $0.put(17 as UInt32, 0x110 + 28) } == .noEntry)
        #expect(Self.error(is64) { $0.put(UInt32.max, 0x110) } == .noEntry)
        #expect(Self.error(is64) { $0.put(UInt32.max, 0x114) } == .noEntry)
        #expect(Self.error(is64) { for index in 0..<2 { $0.put(2 as UInt32, $0.header(index).start) } } == .noSegments)
        for entry in [0xff_ffff, 0x100_1081] as [UInt32] {
            #expect(Self.error(is64) { $0.note(18, [entry]) } == .wrong(.entryNote, UInt64(entry), header: nil))
        }
        // The end itself is taken, as by Xen.
        #expect(Self.error(is64) { $0.note(18, [0x100_1080]) } == nil)
        #expect(Self.error(is64) { $0.note(18, [0x100_0000, 0, 0]) } == .wrong(.entryNote, 0, header: nil))
        #expect(Self.error(is64) { $0.note(4, [0x10]) } == .wrong(.physicalOffsetNote, 0x10, header: nil))
        #expect(
            Self.error(is64) {
                $0.note(4, [0x10])
                $0.note(3, [0])
            } == nil)
        for alignment in [0, 3, 0x30_0000] as [UInt32] {
            #expect(Self.error(is64) { $0.note(19, [alignment]) } == .wrong(.relocationNote, UInt64(alignment), header: nil))
        }
        #expect(Self.error(is64) { $0.note(19, [0x1000, 0], size: 5) } == .wrong(.relocationNote, 0, header: nil))
    }

    /// Segments over each other, but no more of that than Xen takes.
    @Test func segmentsOverEachOther() {
        func same(_ file: inout KernelFile, _ count: Int) {
            for index in 0..<count {
                file.header(index, type: 1, offset: 0x200, address: 0x100_0000, size: 0x100, memorySize: 0x180)
            }
            file.put(UInt16(count + 1), file.headerCount)
            file.header(count, type: 4, offset: 0x3d0, address: 0, size: 20, memorySize: 20)
            for (index, word) in [4, 4, 18, 0x6e6558, 0x100_0040].enumerated() { file.put(UInt32(word), 0x3d0 + index * 4) }
        }
        #expect(Self.error(true) { same(&$0, 2) } == nil)
        #expect(Self.error(true) { same(&$0, 3) } == .wrong(.memorySize, 0x480, header: nil))
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
