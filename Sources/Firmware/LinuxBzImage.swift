// SPDX-License-Identifier: Apache-2.0

/// The setup header of an x86 Linux kernel file (Linux: Documentation/x86/boot.rst), as far as it leads to the packed ELF
/// kernel inside.
public struct LinuxBzImage: ~Escapable {
    /// The packed kernel. Its last four bytes are the size of the unpacked one.
    public let payload: Span<UInt8>
    /// Bytes of the unpacked kernel.
    public let unpackedSize: UInt64

    private enum Offset {
        static var setupSectors: Int { 0x1f1 }
        static var magic: Int { 0x202 }
        static var version: Int { 0x206 }
        static var payloadOffset: Int { 0x248 }
        static var payloadLength: Int { 0x24c }
    }

    /// Nil where `file` is no such kernel, is older than version 2.08 of the header, or ends before its payload does.
    @_lifetime(copy file)
    public init?(_ file: Span<UInt8>) {
        guard file.slice(from: Offset.magic, count: 4).equals("HdrS"),
            let version = file.littleEndian16(at: Offset.version), version >= 0x208,
            let sectors = file.byte(at: Offset.setupSectors),
            let offset = file.littleEndian32(at: Offset.payloadOffset),
            let length = file.littleEndian32(at: Offset.payloadLength), length > 4,
            // No setup sectors means four.
            let payload = file.bytes(
                at: (UInt64(sectors == 0 ? 4 : sectors) + 1) * 512 + UInt64(offset), count: UInt64(length)),
            let size = payload.littleEndian32(at: Int(length) - 4)
        else { return nil }
        self.payload = payload
        unpackedSize = UInt64(size)
    }
}
