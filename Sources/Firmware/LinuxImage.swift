// SPDX-License-Identifier: Apache-2.0

/// Why bytes cannot be booted as a kernel.
public enum LinuxImageError: Error, Equatable, Sendable {
    /// Fewer bytes than a header.
    case truncated
    /// Packed by gzip, when unpacking is over.
    case gzip
    /// An EFI application that unpacks itself (CONFIG_EFI_ZBOOT), when unpacking is over.
    case selfExtracting
    /// Neither an arm64 `Image` nor a zImage; the words where their magic numbers would be.
    case unknown(arm64: UInt32, arm32: UInt32)
    /// A big-endian kernel.
    case bigEndian
    /// The header's sizes contradict the file.
    case badSize
    /// The file is shorter than the sections that its header names, in bytes: it was cut short.
    case cutShort(has: UInt64, needs: UInt64)
}

/// What the header of an ARM Linux kernel asks for. Debian's arm64 `vmlinuz` is an uncompressed `Image` with an EFI stub,
/// its armhf `vmlinuz` a zImage.
///
///     let image = try LinuxImage(header: bytes, fileSize: module.size)
///     let address = image.loadAddress(in: 0x4000_0000)
public struct LinuxImage: Hashable, Sendable, BitwiseCopyable {
    public enum Kind: Hashable, Sendable, BitwiseCopyable {
        /// Linux: Documentation/arm64/booting.rst.
        case arm64
        /// Linux: Documentation/arm/booting.rst.
        case arm32
    }

    public let kind: Kind
    /// Bytes from a 2 MiB boundary (arm64) or the start of RAM (arm32: 0x8000) to the image.
    public let textOffset: UInt64
    /// Bytes of memory the kernel needs from its load address on, with its BSS; at least the file's size.
    public let memorySize: UInt64
    /// arm64: the image may stand anywhere in RAM, and not only near its start.
    public let isPlacedAnywhere: Bool
    /// arm64: log2 of the page size, where the header says.
    public let pageShift: UInt64?
    /// arm32: the address the image was linked for; 0 for a position-independent one.
    public let linkAddress: UInt64

    /// Bytes that a file has at least.
    public static var headerSize: Int { 64 }
    /// Bytes of `header` that are enough to see every section of an EFI stub's header, too.
    public static var usefulHeaderSize: Int { 4096 }

    /// Reads a header at the start of a file of `fileSize` bytes.
    public init(header: Span<UInt8>, fileSize: UInt64) throws(LinuxImageError) {
        guard header.count >= Self.headerSize, fileSize >= UInt64(Self.headerSize),
            let magic64 = header.littleEndian32(at: 0x38), let magic32 = header.littleEndian32(at: 0x24)
        else { throw .truncated }
        if header.byte(at: 0) == 0x1f, header.byte(at: 1) == 0x8b { throw .gzip }
        if LinuxZBoot.isZBoot(header) { throw .selfExtracting }
        if magic64 == 0x644d_5241 {
            try self.init(arm64: header, fileSize: fileSize)
        } else if magic32 == 0x016f_2818 || magic32 == 0x1828_6f01 {
            try self.init(arm32: header, fileSize: fileSize)
        } else {
            throw .unknown(arm64: magic64, arm32: magic32)
        }
    }

    /// The most bytes that a file with this header has: of an arm64 image the memory that it takes, of a zImage its own size. Nil
    /// where neither is there.
    public static func largestFile(_ header: Span<UInt8>) -> UInt64? {
        if header.littleEndian32(at: 0x38) == 0x644d_5241 { return header.littleEndian64(at: 16) }
        guard header.littleEndian32(at: 0x24) == 0x016f_2818, let start = header.littleEndian32(at: 0x28),
            let end = header.littleEndian32(at: 0x2c), start < end
        else { return nil }
        return UInt64(end - start)
    }

    private init(arm64 header: Span<UInt8>, fileSize: UInt64) throws(LinuxImageError) {
        guard let offset = header.littleEndian64(at: 8), let size = header.littleEndian64(at: 16),
            let flags = header.littleEndian64(at: 24)
        else { throw .truncated }
        if size != 0, flags & 1 != 0 { throw .bigEndian }
        // 512 MiB of kernel would not be a kernel, and keeps sums of these far from wrapping.
        guard offset < 1 << 21, size < 1 << 29, fileSize < 1 << 29 else { throw .badSize }
        let sectionsEnd = Self.sectionsEnd(header)
        guard sectionsEnd <= fileSize else { throw .cutShort(has: fileSize, needs: sectionsEnd) }
        kind = .arm64
        // Before Linux 3.17 the size was 0 and the offset of unknown endianness: 0x80000 was meant.
        textOffset = size == 0 ? 0x80000 : offset
        memorySize = max(size, fileSize)
        isPlacedAnywhere = flags & 8 != 0
        switch flags >> 1 & 3 {
        case 1: pageShift = 12
        case 2: pageShift = 14
        case 3: pageShift = 16
        default: pageShift = nil
        }
        linkAddress = 0
    }

    /// Where the last section of an EFI stub's PE header ends in the file (PE format, "COFF file header", "Section table").
    /// 0 where there is no such header: a plain Image does not say how long its file is.
    private static func sectionsEnd(_ header: Span<UInt8>) -> UInt64 {
        guard header.byte(at: 0) == UInt8(ascii: "M"), header.byte(at: 1) == UInt8(ascii: "Z"),
            let start = header.littleEndian32(at: 0x3c).map(Int.init(_:)), header.littleEndian32(at: start) == 0x4550,
            let counts = header.littleEndian32(at: start + 4), let sizes = header.littleEndian32(at: start + 20)
        else { return 0 }
        let table = start + 24 + Int(sizes & 0xffff)
        var end: UInt64 = 0
        for section in 0..<Int(counts >> 16) {
            guard let size = header.littleEndian32(at: table + section * 40 + 16),
                let place = header.littleEndian32(at: table + section * 40 + 20)
            else { break }
            end = max(end, UInt64(place) + UInt64(size))
        }
        return end
    }

    private init(arm32 header: Span<UInt8>, fileSize: UInt64) throws(LinuxImageError) {
        guard let start = header.littleEndian32(at: 0x28), let end = header.littleEndian32(at: 0x2c) else {
            throw .truncated
        }
        guard header.littleEndian32(at: 0x24) == 0x016f_2818 else { throw .bigEndian }
        guard end > start, UInt64(end - start) <= fileSize else { throw .badSize }
        kind = .arm32
        textOffset = 0x8000
        memorySize = fileSize
        isPlacedAnywhere = true
        pageShift = nil
        linkAddress = UInt64(start)
    }

    /// The lowest address at or above `ram` where an arm64 image may stand. Nil where that wraps.
    public func loadAddress(in ram: UInt64) -> UInt64? {
        let (sum, overflow) = ram.addingReportingOverflow((2 << 20) - 1)
        return overflow ? nil : (sum & ~((2 << 20) - 1)) &+ textOffset
    }
}
