// SPDX-License-Identifier: Apache-2.0

import Containers

/// The line that a domain is writing by the debug port (Xen: XEN_HVM_DEBUGCONS_IOPORT), until it ends it (Xen: pbuf).
public struct ConsoleLine: ~Copyable {
    /// Bytes after which a line is printed though it has not ended (Xen: DOMAIN_PBUF_SIZE, less a zero).
    public static var limit: Int { 199 }

    private var bytes = FixedTable<UInt8, 199>(repeating: 0)
    private var count = 0

    public init() {}

    /// Adds one byte. True where the line is to be printed: it has ended, or is long enough.
    public mutating func add(_ byte: UInt8) -> Bool {
        if byte == UInt8(ascii: "\n") { return true }
        keep(byte)
        return count >= Self.limit
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
