// SPDX-License-Identifier: Apache-2.0

/// Why a file is not a kernel that can be started as a PVH domain.
public enum PVHKernelError: Error, Equatable, Sendable {
    /// Not a 64-bit little-endian ELF file for x86.
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

    private enum Kind {
        static var load: UInt32 { 1 }
        static var note: UInt32 { 4 }
    }
    /// Xen: XEN_ELFNOTE_PHYS32_ENTRY
    private static var physicalEntry: UInt32 { 18 }

    @_lifetime(copy file)
    public init(_ file: Span<UInt8>) throws(PVHKernelError) {
        guard file.littleEndian32(at: 0) == 0x464c_457f, file.byte(at: 4) == 2, file.byte(at: 5) == 1,
            file.littleEndian16(at: 18) == 62, let offset = file.littleEndian64(at: 32),
            let size = file.littleEndian16(at: 54), let count = file.littleEndian16(at: 56), size >= 56
        else { throw .notELF }
        guard file.bytes(at: offset, count: UInt64(size) * UInt64(count)) != nil else { throw .truncated }
        self.file = file
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
            let offset = header.littleEndian64(at: 8) ?? 0
            let size = header.littleEndian64(at: 32) ?? 0
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
        guard header.littleEndian32(at: 0) == Kind.load, let offset = header.littleEndian64(at: 8),
            let address = header.littleEndian64(at: 24), let size = header.littleEndian64(at: 32),
            let memorySize = header.littleEndian64(at: 40), size <= memorySize,
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
