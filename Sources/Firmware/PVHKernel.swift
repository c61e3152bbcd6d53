// SPDX-License-Identifier: Apache-2.0

/// Why a file is not a kernel that can be started as a PVH domain.
public enum PVHKernelError: Error, Equatable, Sendable {
    /// A field has a value that cannot be; `header` is the program header's number, where it is one's.
    case wrong(ELFField, UInt64, header: Int?)
    /// What a field leads to lies outside of the file.
    case outside(ELFField, UInt64, header: Int?)
    /// No note XEN_ELFNOTE_PHYS32_ENTRY.
    case noEntry
    /// No segment to load.
    case noSegments
}

/// An ELF kernel with the note that says where a PVH domain enters it (System V ABI, chapter 5; Xen: elfnote.h). Of either class,
/// for any x86: what is entered is 32-bit code.
public struct PVHKernel: ~Escapable {
    /// What goes to guest physical memory: `size` bytes of the file from `offset` on, then zeros up to `memorySize`.
    public struct Segment: Hashable, Sendable, BitwiseCopyable {
        public let offset: UInt64
        public let address: UInt64
        public let size: UInt64
        public let memorySize: UInt64
    }

    /// Where else the kernel may be put (Xen: XEN_ELFNOTE_PHYS32_RELOC).
    public struct Relocation: Hashable, Sendable, BitwiseCopyable {
        /// Nil for that of the segments.
        public var alignment: UInt32?
        public var minimum: UInt32 = 0
        /// The last byte that may be used.
        public var maximum: UInt32 = .max

        public init(alignment: UInt32?, minimum: UInt32 = 0, maximum: UInt32 = .max) {
            self.alignment = alignment
            self.minimum = minimum
            self.maximum = maximum
        }

        /// Up to three words, of which the first may be missing, too.
        init(_ value: Span<UInt8>) {
            guard value.count & 3 == 0 else {
                alignment = value.count < 4 ? nil : 0
                return
            }
            alignment = value.littleEndian32(at: 0)
            minimum = value.littleEndian32(at: 4) ?? 0
            maximum = value.littleEndian32(at: 8) ?? .max
        }
    }

    public let file: Span<UInt8>
    /// Guest physical address of the first instruction: 32-bit protected mode, paging off.
    public private(set) var entry: UInt32 = 0
    /// The guest physical memory that all segments together take.
    public private(set) var start: UInt64 = .max
    public private(set) var end: UInt64 = 0
    /// The largest alignment that a segment asks for, in bytes.
    public private(set) var alignment: UInt64 = 0
    /// Nil for a kernel that runs nowhere else.
    public private(set) var relocation: Relocation?
    private let headers: Int
    private let headerSize: Int
    private let headerCount: Int
    private let format: ELFFormat

    private enum Kind {
        static var load: UInt32 { 1 }
        static var note: UInt32 { 4 }
        static var noteSection: UInt32 { 7 }
    }
    /// PF_R, PF_W or PF_X: without any it is not loaded.
    private static var permissions: UInt32 { 7 }

    @_lifetime(copy file)
    public init(_ file: Span<UInt8>) throws(PVHKernelError) {
        let format = try Self.format(of: file)
        guard let offset = format.word(file, at: format.headers), let size = file.littleEndian16(at: format.headerSize),
            let count = file.littleEndian16(at: format.headerCount)
        else { throw .outside(.headers, 0, header: nil) }
        guard size >= format.minimumSize else { throw .wrong(.headerSize, UInt64(size), header: nil) }
        guard file.bytes(at: offset, count: UInt64(size) * UInt64(count)) != nil else {
            throw .outside(.headers, offset, header: nil)
        }
        self.file = file
        self.format = format
        headers = Int(offset)
        headerSize = Int(size)
        headerCount = Int(count)
        var notes = XenNotes()
        try readSegments(&notes)
        try readSections(&notes)
        guard end > start else { throw .noSegments }
        try take(notes)
    }

    /// By magic, class, encoding and machine: 80386, the one that was the 80486's, or x86-64.
    private static func format(of file: Span<UInt8>) throws(PVHKernelError) -> ELFFormat {
        let magic = file.littleEndian32(at: 0) ?? 0
        guard magic == 0x464c_457f else { throw .wrong(.magic, UInt64(magic), header: nil) }
        let (kind, encoding) = (file.byte(at: 4) ?? 0, file.byte(at: 5) ?? 0)
        guard kind == 1 || kind == 2 else { throw .wrong(.fileClass, UInt64(kind), header: nil) }
        guard encoding == 1 else { throw .wrong(.encoding, UInt64(encoding), header: nil) }
        let machine = file.littleEndian16(at: 18) ?? 0
        guard machine == 3 || machine == 6 || machine == 62 else { throw .wrong(.machine, UInt64(machine), header: nil) }
        return kind == 2 ? .elf64 : .elf32
    }

    @_lifetime(self: copy self)
    private mutating func readSegments(_ notes: inout XenNotes) throws(PVHKernelError) {
        var sum: UInt64 = 0
        for index in 0..<headerCount {
            let header = file.slice(from: headers + index * headerSize, count: headerSize)
            switch header.littleEndian32(at: 0) {
            case Kind.load where (header.littleEndian32(at: format.flags) ?? 0) & Self.permissions != 0:
                let segment = try readSegment(index, header)
                start = min(start, segment.address)
                end = max(end, segment.address + segment.memorySize)
                alignment = max(alignment, format.word(header, at: format.alignment) ?? 0)
                let (more, overflow) = sum.addingReportingOverflow(segment.memorySize)
                sum = overflow ? .max : more
            case Kind.note:
                let offset = format.word(header, at: format.offset) ?? 0
                // Some linkers do not say where such a segment is (Xen: elf_xen_parse).
                guard offset != 0 else { continue }
                guard let bytes = file.bytes(at: offset, count: format.word(header, at: format.size) ?? 0) else {
                    throw .outside(.offset, offset, header: index)
                }
                notes.read(bytes)
            default: break
            }
        }
        // Segments may lie over each other, but not so that loading them takes for ever (Xen: elf_load_binary).
        if end > start, sum / 2 > end - start { throw .wrong(.memorySize, sum, header: nil) }
    }

    private func readSegment(_ index: Int, _ header: Span<UInt8>) throws(PVHKernelError) -> Segment {
        let segment = Segment(
            offset: format.word(header, at: format.offset) ?? 0, address: format.word(header, at: format.address) ?? 0,
            size: format.word(header, at: format.size) ?? 0, memorySize: format.word(header, at: format.memorySize) ?? 0)
        guard segment.size <= segment.memorySize else { throw .wrong(.fileSize, segment.size, header: index) }
        guard !segment.address.addingReportingOverflow(segment.memorySize).overflow else {
            throw .wrong(.address, segment.address, header: index)
        }
        guard file.bytes(at: segment.offset, count: segment.size) != nil else {
            throw .outside(.offset, segment.offset, header: index)
        }
        return segment
    }

    /// Where no segment has a note of Xen's there may be a section that has.
    private func readSections(_ notes: inout XenNotes) throws(PVHKernelError) {
        let offset = format.word(file, at: format.sections) ?? 0
        let size = file.littleEndian16(at: format.sectionSize) ?? 0
        let count = file.littleEndian16(at: format.sectionCount) ?? 0
        guard count > 0 else { return }
        guard file.bytes(at: offset, count: UInt64(size) * UInt64(count)) != nil else {
            throw .outside(.sections, offset, header: nil)
        }
        guard notes.count == 0 else { return }
        guard size >= format.minimumSectionSize else { throw .wrong(.sectionSize, UInt64(size), header: nil) }
        for index in 0..<Int(count) {
            let section = file.slice(from: Int(offset) + index * Int(size), count: Int(size))
            guard section.littleEndian32(at: 4) == Kind.noteSection,
                let bytes = file.bytes(
                    at: format.word(section, at: format.sectionOffset) ?? 0,
                    count: format.word(section, at: format.sectionBytes) ?? 0)
            else { continue }
            notes.read(bytes)
        }
    }

    /// What the notes say, where that fits to the segments (Xen: elf_xen_addr_calc_check).
    @_lifetime(self: copy self)
    private mutating func take(_ notes: XenNotes) throws(PVHKernelError) {
        guard let entry = notes.entry else { throw .noEntry }
        guard UInt64(entry) >= start, UInt64(entry) <= end else { throw .wrong(.entryNote, UInt64(entry), header: nil) }
        if let offset = notes.physicalOffset, !notes.hasVirtualBase {
            throw .wrong(.physicalOffsetNote, offset, header: nil)
        }
        if let alignment = notes.relocation?.alignment, alignment.nonzeroBitCount != 1 {
            throw .wrong(.relocationNote, UInt64(alignment), header: nil)
        }
        self.entry = entry
        relocation = notes.relocation
    }

    /// How many program headers there are; not all are segments to load.
    public var count: Int { headerCount }

    /// Segment `index`; nil where that header is none to load.
    public func segment(_ index: Int) -> Segment? {
        let header = file.slice(from: headers + index * headerSize, count: headerSize)
        guard header.littleEndian32(at: 0) == Kind.load,
            (header.littleEndian32(at: format.flags) ?? 0) & Self.permissions != 0
        else { return nil }
        return try? readSegment(index, header)
    }
}
