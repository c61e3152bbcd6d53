// SPDX-License-Identifier: Apache-2.0

/// The System Resource Affinity Table (ACPI 6.5, 5.2.16): which processors and which memory are near each other; and the
/// System Locality Information Table (5.2.17): how near.
extension ACPI {
    /// What belongs to a proximity domain. Disabled entries are left out.
    public enum Affinity: Hashable, Sendable {
        case processor(apicID: UInt32, domain: UInt32)
        /// `size` in bytes. Memory that may only come later is described as well (`isHotPluggable`).
        case memory(start: UInt64, size: UInt64, domain: UInt32, isHotPluggable: Bool)
    }

    public struct Affinities: ~Escapable {
        var entries: ACPISubtables
        /// Before revision 2 a proximity domain had 8 bits, and what stood beside them meant nothing.
        let domainMask: UInt32

        @_lifetime(copy table)
        public init(_ table: Span<UInt8>) {
            entries = ACPISubtables(table, from: 48)
            domainMask = (table.byte(at: 8) ?? 0) >= 2 ? .max : 0xff
        }

        @_lifetime(self: copy self)
        public mutating func next() -> Affinity? {
            while let bytes = entries.next() {
                if let affinity = decode(bytes) { return affinity }
            }
            return nil
        }

        private func decode(_ bytes: Span<UInt8>) -> Affinity? {
            func word(_ offset: Int) -> UInt32? { bytes.littleEndian32(at: offset) }
            switch bytes.byte(at: 0) {
            case 0:
                guard let flags = word(4), flags & 1 != 0, let high = word(8) else { return nil }
                // The upper three bytes of the domain stand at 9.
                let domain = UInt32(bytes[2]) | high & 0xffff_ff00
                return .processor(apicID: UInt32(bytes[3]), domain: domain & domainMask)
            case 1:
                guard let flags = word(28), flags & 1 != 0, let domain = word(2), let start = bytes.littleEndian64(at: 8),
                    let size = bytes.littleEndian64(at: 16)
                else { return nil }
                return .memory(start: start, size: size, domain: domain & domainMask, isHotPluggable: flags & 2 != 0)
            case 2:
                guard let flags = word(12), flags & 1 != 0, let domain = word(4), let id = word(8) else { return nil }
                return .processor(apicID: id, domain: domain)
            default: return nil
            }
        }
    }

    /// Distances between proximity domains; 10 is a domain's distance to itself.
    public struct Distances: ~Escapable {
        let matrix: Span<UInt8>
        /// Domains that it knows: 0 up to this.
        public let count: Int

        /// Nil where the matrix is not as large as it says.
        @_lifetime(copy table)
        public init?(_ table: Span<UInt8>) {
            guard let count = table.littleEndian64(at: 36), count <= 4096, table.count >= 44 + Int(count * count) else {
                return nil
            }
            matrix = table.slice(from: 44)
            self.count = Int(count)
        }

        public func distance(from: Int, to: Int) -> UInt8? {
            guard from >= 0, to >= 0, from < count, to < count else { return nil }
            return matrix.byte(at: from * count + to)
        }
    }
}
