// SPDX-License-Identifier: Apache-2.0

import Containers

/// The line that a domain is writing on the hypervisor's console, until it ends it (Xen: pbuf). The hardware domain's output by
/// hypercall does not go through this: it may be somebody's terminal.
public struct ConsoleLine: ~Copyable {
    /// Bytes after which a line is printed though it has not ended (Xen: DOMAIN_PBUF_SIZE, less a zero).
    public static var limit: Int { 199 }
    /// What one hypercall adds before the line is looked at.
    public static var partSize: Int { 127 }

    private var bytes = FixedTable<UInt8, 326>(repeating: 0)
    private var count = 0

    public init() {}

    /// Adds one byte. True where the line is to be printed: it has ended, or is long enough at the end of a part of `partSize` bytes.
    /// What comes by the debug port (Xen: XEN_HVM_DEBUGCONS_IOPORT) comes in parts of one byte.
    public mutating func add(_ byte: UInt8, endsPart: Bool = true) -> Bool {
        if byte == UInt8(ascii: "\n") { return true }
        keep(byte)
        return endsPart && count >= Self.limit
    }

    /// Hands the line to `body`, byte by byte, and begins another.
    public mutating func take(_ body: (UInt8) -> Void) {
        for index in 0..<count { body(bytes[index]) }
        count = 0
    }

    /// Printable characters and tabs; all others are left out.
    private mutating func keep(_ byte: UInt8) {
        switch byte {
        case 0x20...0x7e, 0xa0...0xff, UInt8(ascii: "\t"): break
        default: return
        }
        guard count < bytes.indices.count else { return }
        bytes[count] = byte
        count += 1
    }
}
