// SPDX-License-Identifier: Apache-2.0

/// Tables that name the IOMMUs: AMD's IVRS (AMD 48882, 5.2) and Intel's DMAR (Intel VT-d specification, chapter 8).
extension ACPI {
    public enum RemappingEntry: Hashable, Sendable {
        /// An IOMMU, with the machine address of its registers, and if it is a PCI function its bus, device and function. AMD lists
        /// one of them several times.
        case unit(RemappingKind, registers: UInt64, function: UInt16?)
        /// Memory, in bytes, that devices use on behalf of the firmware: it has to be mapped where it is.
        case reserved(start: UInt64, size: UInt64)
        /// A structure that says nothing of use here.
        case other(type: UInt16)
    }

    public enum RemappingKind: Sendable {
        case amd, intel

        /// The signature of the table that lists them.
        public var signature: StaticString { self == .amd ? "IVRS" : "DMAR" }
    }

    /// The table's entries in their order.
    public struct RemappingEntries: ~Escapable {
        let kind: RemappingKind
        let table: Span<UInt8>
        private var position = 48

        @_lifetime(copy table)
        public init(_ table: Span<UInt8>, kind: RemappingKind) {
            self.table = table
            self.kind = kind
        }

        /// Nil at the end, or where a length cannot be.
        public mutating func next() -> RemappingEntry? {
            guard let length = table.littleEndian16(at: position + 2), length >= 4, position + Int(length) <= table.count
            else {
                return nil
            }
            let bytes = table.slice(from: position, count: Int(length))
            position += Int(length)
            return kind == .amd ? Self.amd(bytes) : Self.intel(bytes)
        }

        private static func amd(_ bytes: Span<UInt8>) -> RemappingEntry {
            let type = bytes[0]
            switch type {
            case 0x10, 0x11, 0x40:
                if let registers = bytes.littleEndian64(at: 8), registers != 0 {
                    return .unit(.amd, registers: registers, function: bytes.littleEndian16(at: 4))
                }
            case 0x20, 0x21, 0x22:
                if let start = bytes.littleEndian64(at: 16), let size = bytes.littleEndian64(at: 24), size > 0 {
                    return .reserved(start: start, size: size)
                }
            default: break
            }
            return .other(type: UInt16(type))
        }

        private static func intel(_ bytes: Span<UInt8>) -> RemappingEntry {
            let type = bytes.littleEndian16(at: 0) ?? .max
            switch type {
            case 0:
                if let registers = bytes.littleEndian64(at: 8), registers != 0 {
                    return .unit(.intel, registers: registers, function: nil)
                }
            case 1:
                // The limit is the last byte.
                if let start = bytes.littleEndian64(at: 8), let limit = bytes.littleEndian64(at: 16), limit > start {
                    return .reserved(start: start, size: limit - start &+ 1)
                }
            default: break
            }
            return .other(type: type)
        }
    }
}
