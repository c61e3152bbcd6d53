// SPDX-License-Identifier: Apache-2.0

/// Unpacks what boot files are packed with: every format that Linux packs kernels with (Linux: lib/decompress.c).
///
/// Input, output and working memory are the caller's spans; nothing is allocated, and the output itself is the dictionary.
/// Whatever the input, a decoder ends: with the whole output, or with a `DecompressionError`. What was unpacked until then
/// stands in the output.

/// Why a packed file cannot be unpacked.
public enum DecompressionError: Error, Equatable, Sendable {
    /// It does not start as this format does.
    case notThisFormat
    /// A filter or a check of this format that is not known here.
    case unsupported
    /// It ends in the middle.
    case truncated
    /// Something that cannot be, or a checksum that does not fit.
    case corrupt
    /// The output or the workspace has not enough room.
    case tooLarge
}

/// What a file is packed with.
///
///     if let packing = Packing(of: file) {
///         let size = try packing.unpack(file, into: &kernel, workspace: &words)
///     }
public enum Packing: CaseIterable, Hashable, Sendable, BitwiseCopyable {
    case gzip, bzip2, lzma, xz, lzo, lz4, zstd

    /// Goes by how `input` starts. Nil where that is none of these.
    public init?(of input: Span<UInt8>) {
        if input.starts(with: Gzip.magic) {
            self = .gzip
        } else if input.starts(with: Bzip2.magic) {
            self = .bzip2
        } else if input.starts(with: XZ.magic) {
            self = .xz
        } else if input.starts(with: LZO.magic) {
            self = .lzo
        } else if input.starts(with: LZ4.magic) {
            self = .lz4
        } else if input.starts(with: Zstandard.magic) {
            self = .zstd
        } else if LZMAFile.isLZMA(input) {
            self = .lzma
        } else {
            return nil
        }
    }

    /// 32-bit words of working memory that unpacking needs.
    public var workspaceCount: Int {
        switch self {
        case .gzip: Gzip.workspaceCount
        case .bzip2: Bzip2.workspaceCount
        case .lzma: LZMAFile.workspaceCount
        case .xz: XZ.workspaceCount
        case .lzo: LZO.workspaceCount
        case .lz4: LZ4.workspaceCount
        case .zstd: Zstandard.workspaceCount
        }
    }

    /// Unpacks the file at the start of `input` and returns how many bytes it was. What follows it is not looked at, except with
    /// `lz4`, which does not say where it ends.
    ///
    /// - Parameter workspace: at least `workspaceCount` words, whatever is in them.
    public func unpack(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, workspace: inout MutableSpan<UInt32>
    ) throws(DecompressionError) -> Int {
        guard workspace.count >= workspaceCount else { throw .tooLarge }
        return switch self {
        case .gzip: try Gzip.decompress(input, into: &output, workspace: &workspace)
        case .bzip2: try Bzip2.decompress(input, into: &output, workspace: &workspace)
        case .lzma: try LZMAFile.decompress(input, into: &output, workspace: &workspace)
        case .xz: try XZ.decompress(input, into: &output, workspace: &workspace)
        case .lzo: try LZO.decompress(input, into: &output, workspace: &workspace)
        case .lz4: try LZ4.decompress(input, into: &output, workspace: &workspace)
        case .zstd: try Zstandard.decompress(input, into: &output, workspace: &workspace)
        }
    }
}
