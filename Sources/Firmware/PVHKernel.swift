// SPDX-License-Identifier: Apache-2.0

/// Why a file is not a kernel that can be started as a PVH domain.
public enum PVHKernelError: Error, Equatable, Sendable {
    /// Not a little-endian ELF file for x86, of 32 or 64 bits.
    case notELF
    /// A header or segment lies outside of the file, or wraps around.
    case truncated
    /// No note XEN_ELFNOTE_PHYS32_ENTRY.
    case noEntry
    /// No segment to load.
    case noSegments
}

/// An ELF kernel with the note that says where a PVH domain enters it (System V ABI, chapter 5; Xen: elfnote.h).
public struct PVHKernel: ~Escapable {
    /// What goes to guest physical memory: `size` bytes of the file from `offset` on, then zeros up to `memorySize`.
    public struct Segment: Hashable, Sendable, BitwiseCopyable {
        public let offset: UInt64
        public let address: UInt64
        public let size: UInt64
        public let memorySize: UInt64
    }

    public let file: Span<UInt8>
    /// Guest physical address of the first instruction: 32-bit protected mode, paging off.
    public private(set) var entry: UInt32 = 0
    /// The guest physical memory that all segments together take.
    public private(set) var start: UInt64 = .max
    public private(set) var end: UInt64 = 0
    private let headers: Int
    private let headerSize: Int
    private let headerCount: Int
    private let format: Format

    /// Where the fields are that matter here, and how wide (System V ABI, figures 4-3 and 5-1; ELF-64, figures 2 and 6).
    private struct Format {
        let is64: Bool
        /// In the file's header: a word, and two half words.
        let headers, headerSize, headerCount: Int
        /// The least size of a program header, and where its words are.
        let minimumSize: UInt16
        let offset, address, size, memorySize: Int

        static var elf32: Self {
            Self(
                is64: false, headers: 28, headerSize: 42, headerCount: 44, minimumSize: 32, offset: 4, address: 12, size: 16,
                memorySize: 20)
        }
        static var elf64: Self {
            Self(
                is64: true, headers: 32, headerSize: 54, headerCount: 56, minimumSize: 56, offset: 8, address: 24, size: 32,
                memorySize: 40)
        }

        /// By class and machine: x86-64, or 80386. Nil for others.
        init?(_ file: Span<UInt8>) {
            switch (file.byte(at: 4), file.littleEndian16(at: 18)) {
            case (2, 62): self = .elf64
            case (1, 3): self = .elf32
            default: return nil
            }
        }

        private init(
            is64: Bool, headers: Int, headerSize: Int, headerCount: Int, minimumSize: UInt16, offset: Int, address: Int,
            size: Int, memorySize: Int
        ) {
            (self.is64, self.headers, self.headerSize, self.headerCount) = (is64, headers, headerSize, headerCount)
            (self.minimumSize, self.offset, self.address) = (minimumSize, offset, address)
            (self.size, self.memorySize) = (size, memorySize)
        }

        func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt64? {
            is64 ? bytes.littleEndian64(at: offset) : bytes.littleEndian32(at: offset).map { UInt64($0) }
        }
    }

    private enum Kind {
        static var load: UInt32 { 1 }
        static var note: UInt32 { 4 }
    }
    /// Xen: XEN_ELFNOTE_PHYS32_ENTRY
    private static var physicalEntry: UInt32 { 18 }

    @_lifetime(copy file)
    public init(_ file: Span<UInt8>) throws(PVHKernelError) {
        guard file.littleEndian32(at: 0) == 0x464c_457f, file.byte(at: 5) == 1, let format = Format(file),
            let offset = format.word(file, at: format.headers), let size = file.littleEndian16(at: format.headerSize),
            let count = file.littleEndian16(at: format.headerCount), size >= format.minimumSize
        else { throw .notELF }
        guard file.bytes(at: offset, count: UInt64(size) * UInt64(count)) != nil else { throw .truncated }
        self.file = file
        self.format = format
        headers = Int(offset)
        headerSize = Int(size)
        headerCount = Int(count)
        try readSegments()
        guard end > start else { throw .noSegments }
        guard entry != 0 else { throw .noEntry }
    }

    @_lifetime(self: copy self)
    private mutating func readSegments() throws(PVHKernelError) {
        for index in 0..<headerCount {
            let header = file.slice(from: headers + index * headerSize, count: headerSize)
            let offset = format.word(header, at: format.offset) ?? 0
            let size = format.word(header, at: format.size) ?? 0
            switch header.littleEndian32(at: 0) {
            case Kind.load:
                guard let segment = segment(index) else { throw .truncated }
                start = min(start, segment.address)
                end = max(end, segment.address + segment.memorySize)
            case Kind.note:
                guard let notes = file.bytes(at: offset, count: size) else { throw .truncated }
                if let entry = Self.entry(in: notes) { self.entry = entry }
            default: break
            }
        }
    }

    /// How many program headers there are; not all are segments to load.
    public var count: Int { headerCount }

    /// Segment `index`; nil where that header is none to load, or says what cannot be.
    public func segment(_ index: Int) -> Segment? {
        let header = file.slice(from: headers + index * headerSize, count: headerSize)
        guard header.littleEndian32(at: 0) == Kind.load, let offset = format.word(header, at: format.offset),
            let address = format.word(header, at: format.address), let size = format.word(header, at: format.size),
            let memorySize = format.word(header, at: format.memorySize), size <= memorySize,
            !address.addingReportingOverflow(memorySize).overflow, file.bytes(at: offset, count: size) != nil
        else { return nil }
        return Segment(offset: offset, address: address, size: size, memorySize: memorySize)
    }

    /// Notes are sizes of name and value, a type, the name and the value, each padded to four bytes.
    private static func entry(in notes: Span<UInt8>) -> UInt32? {
        var position = 0
        while let nameSize = notes.littleEndian32(at: position), let size = notes.littleEndian32(at: position + 4),
            let type = notes.littleEndian32(at: position + 8)
        {
            let value = position + 12 + Int((nameSize &+ 3) & ~3)
            if nameSize == 4, type == physicalEntry, size >= 4, notes.slice(from: position + 12, count: 4).hasPrefix("Xen\0")
            {
                return notes.littleEndian32(at: value)
            }
            position = value + Int((size &+ 3) & ~3)
        }
        return nil
    }
}
