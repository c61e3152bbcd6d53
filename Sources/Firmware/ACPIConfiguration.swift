// SPDX-License-Identifier: Apache-2.0

/// The table that says where PCI configuration space is in memory (MCFG; PCI Firmware 3.3, 4.1.2).
extension ACPI {
    /// One segment's, or a part of it.
    public struct ConfigurationSpace: Hashable, Sendable, BitwiseCopyable {
        /// Machine address of bus 0, whether or not that is one of its own.
        public let base: UInt64
        public let segment: UInt16
        public let firstBus: UInt8
        public let lastBus: UInt8

        public init(base: UInt64, segment: UInt16, firstBus: UInt8, lastBus: UInt8) {
            (self.base, self.segment, self.firstBus, self.lastBus) = (base, segment, firstBus, lastBus)
        }
    }

    /// The table's entries in their order.
    public struct ConfigurationEntries: ~Escapable {
        let table: Span<UInt8>
        private var position = 44

        @_lifetime(copy table)
        public init(_ table: Span<UInt8>) { self.table = table }

        /// Nil at the end. Entries that name no bus are passed over.
        public mutating func next() -> ConfigurationSpace? {
            while position + 16 <= table.count {
                let start = position
                position += 16
                guard let base = table.littleEndian64(at: start), let segment = table.littleEndian16(at: start + 8),
                    table[start + 10] <= table[start + 11]
                else { continue }
                return ConfigurationSpace(
                    base: base, segment: segment, firstBus: table[start + 10], lastBus: table[start + 11])
            }
            return nil
        }
    }
}
