// SPDX-License-Identifier: Apache-2.0

/// An EFI application that unpacks a Linux kernel (CONFIG_EFI_ZBOOT; Linux: drivers/firmware/efi/libstub/zboot-header.S), as far as
/// it leads to the packed kernel inside.
public struct LinuxZBoot: ~Escapable {
    /// The packed kernel.
    public let payload: Span<UInt8>
    /// What it says it is packed with: `gzip`, `lz4`, `lzma`, `lzo`, `xzkern`, `zstd22`.
    public let packing: Span<UInt8>

    private enum Offset {
        static var image: Int { 0 }
        static var kind: Int { 4 }
        static var payloadOffset: Int { 8 }
        static var payloadSize: Int { 12 }
        static var packing: Int { 24 }
        static var packingEnd: Int { 56 }
    }

    /// Whether `file` starts as such an application does.
    public static func isZBoot(_ file: Span<UInt8>) -> Bool {
        file.slice(from: Offset.image, count: 2).equals("MZ") && file.slice(from: Offset.kind, count: 4).equals("zimg")
    }

    /// Nil where `file` is no such application, or ends before its payload does.
    @_lifetime(copy file)
    public init?(_ file: Span<UInt8>) {
        guard Self.isZBoot(file), let offset = file.littleEndian32(at: Offset.payloadOffset),
            let size = file.littleEndian32(at: Offset.payloadSize), size > 0,
            let payload = file.bytes(at: UInt64(offset), count: UInt64(size))
        else { return nil }
        self.payload = payload
        packing = file.slice(from: Offset.packing, count: Offset.packingEnd - Offset.packing).text(from: 0)
    }
}
