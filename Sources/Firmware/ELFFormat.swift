// SPDX-License-Identifier: Apache-2.0

/// Fields of an ELF file, by the names of the System V ABI (chapters 4 and 5), and the notes that Xen reads (Xen: elfnote.h).
public enum ELFField: Sendable {
    case magic, fileClass, encoding, machine
    case headers, headerSize, sections, sectionSize
    case offset, address, fileSize, memorySize
    case entryNote, relocationNote, physicalOffsetNote

    public var name: StaticString {
        switch self {
        case .magic: "e_ident[EI_MAG]"
        case .fileClass: "e_ident[EI_CLASS]"
        case .encoding: "e_ident[EI_DATA]"
        case .machine: "e_machine"
        case .headers: "e_phoff"
        case .headerSize: "e_phentsize"
        case .sections: "e_shoff"
        case .sectionSize: "e_shentsize"
        case .offset: "p_offset"
        case .address: "p_paddr"
        case .fileSize: "p_filesz"
        case .memorySize: "p_memsz"
        case .entryNote: "XEN_ELFNOTE_PHYS32_ENTRY"
        case .relocationNote: "XEN_ELFNOTE_PHYS32_RELOC"
        case .physicalOffsetNote: "XEN_ELFNOTE_PADDR_OFFSET"
        }
    }
}

/// Where the fields are that matter here, and how wide (System V ABI, figures 4-3, 4-8 and 5-1; ELF-64, figures 2, 3 and 6).
struct ELFFormat: BitwiseCopyable, Sendable {
    let is64: Bool
    /// In the file's header: words, and half words.
    let headers, headerSize, headerCount: Int
    let sections, sectionSize, sectionCount: Int
    /// The least size of a program header, and where its words are; flags are always 32 bits.
    let minimumSize: UInt16
    let flags, offset, address, size, memorySize, alignment: Int
    /// The same of a section header.
    let minimumSectionSize: UInt16
    let sectionOffset, sectionBytes: Int

    static var elf32: Self {
        Self(
            is64: false, headers: 28, headerSize: 42, headerCount: 44, sections: 32, sectionSize: 46, sectionCount: 48,
            minimumSize: 32, flags: 24, offset: 4, address: 12, size: 16, memorySize: 20, alignment: 28,
            minimumSectionSize: 40, sectionOffset: 16, sectionBytes: 20)
    }
    static var elf64: Self {
        Self(
            is64: true, headers: 32, headerSize: 54, headerCount: 56, sections: 40, sectionSize: 58, sectionCount: 60,
            minimumSize: 56, flags: 4, offset: 8, address: 24, size: 32, memorySize: 40, alignment: 48,
            minimumSectionSize: 64, sectionOffset: 24, sectionBytes: 32)
    }

    func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt64? {
        is64 ? bytes.littleEndian64(at: offset) : bytes.littleEndian32(at: offset).map { UInt64($0) }
    }
}

/// What Xen's notes say of a kernel that is to be a PVH domain.
struct XenNotes: BitwiseCopyable, Sendable {
    private(set) var entry: UInt32?
    private(set) var relocation: PVHKernel.Relocation?
    private(set) var physicalOffset: UInt64?
    private(set) var hasVirtualBase = false
    /// Notes of Xen's.
    private(set) var count = 0

    /// Xen: XEN_ELFNOTE_*
    private enum Kind {
        static var virtualBase: UInt32 { 3 }
        static var physicalOffset: UInt32 { 4 }
        static var entry: UInt32 { 18 }
        static var relocation: UInt32 { 19 }
    }

    /// Notes are sizes of name and value, a type, the name and the value, each padded to four bytes. A later one counts.
    mutating func read(_ notes: Span<UInt8>) {
        var position = 0
        while let nameSize = notes.littleEndian32(at: position), let size = notes.littleEndian32(at: position + 4),
            let type = notes.littleEndian32(at: position + 8)
        {
            let value = position + 12 + Int((nameSize &+ 3) & ~3)
            if nameSize >= 4, notes.slice(from: position + 12, count: 4).hasPrefix("Xen\0") {
                count += 1
                keep(type, notes.slice(from: value, count: Int(size)))
            }
            position = value + Int((size &+ 3) & ~3)
        }
    }

    private mutating func keep(_ type: UInt32, _ value: Span<UInt8>) {
        switch type {
        case Kind.virtualBase: hasVirtualBase = true
        case Kind.physicalOffset: physicalOffset = Self.number(value)
        case Kind.entry: entry = UInt32(truncatingIfNeeded: Self.number(value))
        case Kind.relocation: relocation = PVHKernel.Relocation(value)
        default: break
        }
    }

    /// Of 1, 2, 4 or 8 bytes; of others 0.
    private static func number(_ value: Span<UInt8>) -> UInt64 {
        switch value.count {
        case 1: UInt64(value[0])
        case 2: UInt64(value.littleEndian16(at: 0) ?? 0)
        case 4: UInt64(value.littleEndian32(at: 0) ?? 0)
        case 8: value.littleEndian64(at: 0) ?? 0
        default: 0
        }
    }
}
