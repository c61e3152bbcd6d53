// SPDX-License-Identifier: Apache-2.0

public import Decompression
public import Firmware

/// Why a kernel's file cannot be used.
public enum KernelFileError: Error, Equatable, Sendable {
    /// It ends before the packed kernel does.
    case truncated
    /// The kernel in it is packed in a way that is not known here.
    case unknownPacking
    case unpacking(DecompressionError)
    case image(LinuxImageError)
}

/// A kernel as a boot loader brings it: as it is, packed as a whole, or in a file that would unpack itself (an x86 bzImage, an EFI
/// zboot image).
///
///     let file = try KernelFile(module)
///     let size = try file.unpack(into: &memory, workspace: &words)
public struct KernelFile: ~Escapable {
    /// The kernel as it is packed.
    public let payload: Span<UInt8>
    /// Nil where `payload` is the kernel itself.
    public let packing: Packing?
    /// Bytes of the unpacked kernel by what the file says; nil where it does not say it.
    public let size: UInt64?

    /// - Throws: `truncated`, `unknownPacking`.
    @_lifetime(copy file)
    public init(_ file: Span<UInt8>) throws(KernelFileError) {
        if let image = LinuxBzImage(file) {
            payload = image.payload
            packing = Packing(of: payload)
            // As Xen has it, an ELF file may stand there as it is.
            guard packing != nil || payload.hasPrefix("\u{7f}ELF") else { throw .unknownPacking }
            size = packing == nil ? UInt64(payload.count) : image.unpackedSize
        } else if LinuxZBoot.isZBoot(file) {
            guard let image = LinuxZBoot(file) else { throw .truncated }
            payload = image.payload
            packing = Packing(of: payload)
            guard packing != nil else { throw .unknownPacking }
            size = packing?.statedSize(of: payload)
        } else {
            payload = file
            packing = Packing(of: file)
            size = packing == nil ? UInt64(file.count) : packing?.statedSize(of: file)
        }
    }

    /// The size, or what the last four bytes say: Linux puts the size behind formats that do not have it (scripts/Makefile.lib:
    /// size_append), and that is what Xen on x86 goes by.
    public var sizeOrAppended: UInt64? { size ?? payload.littleEndian32(at: payload.count - 4).map { UInt64($0) } }

    /// 32-bit words of working memory that unpacking needs.
    public var workspaceCount: Int { if let packing { packing.workspaceCount } else { 0 } }

    /// Writes the whole kernel. Returns how many bytes it is.
    ///
    /// - Throws: `unpacking`; `tooLarge` where `output` has not enough room.
    public func unpack(
        into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(KernelFileError) -> Int {
        guard let packing else {
            guard payload.count <= output.count else { throw .unpacking(.tooLarge) }
            for index in payload.indices { output[index] = payload[index] }
            return payload.count
        }
        do throws(DecompressionError) {
            return try packing.unpack(payload, into: &output, workspace: &workspace)
        } catch {
            throw .unpacking(error)
        }
    }

    /// The header of the ARM kernel inside.
    ///
    /// - Parameter start: room for as much of the kernel as shall be looked at (`LinuxImage.usefulHeaderSize`).
    public func imageHeader(
        start: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(KernelFileError) -> LinuxImage {
        guard let packing else { return try Self.read(payload.slice(from: 0, count: start.count), UInt64(payload.count)) }
        var count = start.count
        do throws(DecompressionError) {
            count = try packing.unpack(payload, into: &start, workspace: &workspace)
        } catch {
            guard error == .tooLarge else { throw .unpacking(error) }
        }
        let header = start.span.extracting(..<count)
        return try Self.read(header, size ?? LinuxImage.largestFile(header) ?? UInt64(count))
    }

    /// Whether the unpacked kernel is what its header says.
    ///
    /// - Throws: `image`.
    public static func verify(_ kernel: Span<UInt8>) throws(KernelFileError) {
        _ = try read(kernel.slice(from: 0, count: LinuxImage.usefulHeaderSize), UInt64(kernel.count))
    }

    private static func read(_ header: Span<UInt8>, _ size: UInt64) throws(KernelFileError) -> LinuxImage {
        do throws(LinuxImageError) {
            return try LinuxImage(header: header, fileSize: size)
        } catch {
            throw .image(error)
        }
    }
}
