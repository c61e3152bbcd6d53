// SPDX-License-Identifier: Apache-2.0

/// What a range of machine memory is (ACPI 6.5, table 15.2; Xen: enum e820_type).
public enum MemoryKind: UInt8, BitwiseCopyable, Sendable {
    case usable = 1
    case reserved = 2
    /// Tables of ACPI; may be used once they have been read.
    case acpiReclaimable = 3
    /// Memory of ACPI's own.
    case acpiNonVolatile = 4
    /// Found to be broken.
    case unusable = 5
}

/// A range of machine memory as the firmware describes it, in bytes.
public struct MemoryMapEntry: Hashable, Sendable, BitwiseCopyable {
    public let start: UInt64
    public let size: UInt64
    public let kind: MemoryKind

    init(start: UInt64, size: UInt64, type: UInt32) {
        self.start = start
        self.size = size
        kind = UInt8(exactly: type).flatMap { MemoryKind(rawValue: $0) } ?? .reserved
    }
}

/// The entries of a memory map, in the form of its loader.
public struct MemoryMap: ~Escapable {
    enum Format {
        /// Entries say their own size (Multiboot 0.6.96, 3.3).
        case multiboot1
        /// Address, size, type in entries of `stride` bytes (Multiboot 2.0, 3.6.8; Xen: hvm_memmap_table_entry).
        case records(stride: Int)
        /// Memory descriptors of `stride` bytes (UEFI 2.10, 7.2.3).
        case efi(stride: Int)
        /// None: KiB below 640 KiB and KiB above 1 MiB (Multiboot 0.6.96, 3.3).
        case sizes(lower: UInt32, upper: UInt32)
    }

    let bytes: Span<UInt8>
    let format: Format
    var position = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, _ format: Format) {
        self.bytes = bytes
        self.format = format
    }

    /// The next entry; nil at the end, or where what is left is too short for one.
    @_lifetime(self: copy self)
    public mutating func next() -> MemoryMapEntry? {
        switch format {
        case .multiboot1: nextMultiboot1()
        case .records(let stride): nextRecord(stride)
        case .efi(let stride): nextDescriptor(stride)
        case .sizes(let lower, let upper): nextSize(lower, upper)
        }
    }

    @_lifetime(self: copy self)
    private mutating func nextMultiboot1() -> MemoryMapEntry? {
        guard let size = bytes.littleEndian32(at: position), size >= 20, let start = bytes.littleEndian64(at: position + 4),
            let length = bytes.littleEndian64(at: position + 12), let type = bytes.littleEndian32(at: position + 20)
        else { return nil }
        position += Int(size) + 4
        return MemoryMapEntry(start: start, size: length, type: type)
    }

    @_lifetime(self: copy self)
    private mutating func nextRecord(_ stride: Int) -> MemoryMapEntry? {
        guard let start = bytes.littleEndian64(at: position), let length = bytes.littleEndian64(at: position + 8),
            let type = bytes.littleEndian32(at: position + 16)
        else { return nil }
        position += stride
        return MemoryMapEntry(start: start, size: length, type: type)
    }

    @_lifetime(self: copy self)
    private mutating func nextDescriptor(_ stride: Int) -> MemoryMapEntry? {
        guard let type = bytes.littleEndian32(at: position), let start = bytes.littleEndian64(at: position + 8),
            let pages = bytes.littleEndian64(at: position + 24)
        else { return nil }
        position += stride
        let size = pages.multipliedReportingOverflow(by: 4096)
        return MemoryMapEntry(
            start: start, size: size.overflow ? UInt64.max : size.partialValue,
            type: UInt32(Self.kind(efiType: type).rawValue))
    }

    /// UEFI 2.10, table 7.10. The boot services are over, so their memory and the loader's are free.
    private static func kind(efiType type: UInt32) -> MemoryKind {
        switch type {
        case 1, 2, 3, 4, 7: .usable
        case 8: .unusable
        case 9: .acpiReclaimable
        case 10: .acpiNonVolatile
        default: .reserved
        }
    }

    @_lifetime(self: copy self)
    private mutating func nextSize(_ lower: UInt32, _ upper: UInt32) -> MemoryMapEntry? {
        position += 1
        switch position {
        case 1: return MemoryMapEntry(start: 0, size: UInt64(lower) << 10, type: 1)
        case 2: return MemoryMapEntry(start: 1 << 20, size: UInt64(upper) << 10, type: 1)
        default: return nil
        }
    }
}
