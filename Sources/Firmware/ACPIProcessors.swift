// SPDX-License-Identifier: Apache-2.0

/// The Multiple APIC Description Table (ACPI 6.5, 5.2.12): processors and interrupt controllers.
extension ACPI {
    public enum InterruptEntry: Hashable, Sendable {
        /// Local APIC or x2APIC: a processor.
        case processor(apicID: UInt32, uid: UInt32, isEnabled: Bool)
        case ioAPIC(id: UInt8, address: UInt32, firstInterrupt: UInt32)
        /// An ISA line that is not the global interrupt of the same number, or not edge-triggered and active high.
        case isaOverride(line: UInt8, interrupt: UInt32, flags: UInt16)
        /// The local interrupt pin of one processor (`uid` 255 or 0xffffffff: of all) that is an NMI.
        case localNMI(uid: UInt32, flags: UInt16, pin: UInt8)
        /// Where the local APICs really are.
        case localAPICAddress(UInt64)
        /// A structure that says nothing of use here.
        case other(type: UInt8)
    }

    /// The table's entries in their order.
    public struct InterruptEntries: ~Escapable {
        var entries: ACPISubtables
        /// Machine address of every processor's local APIC.
        public let localAPIC: UInt32
        /// The machine also has two 8259s, which must be masked (PCAT_COMPAT).
        public let hasLegacyPICs: Bool

        @_lifetime(copy table)
        public init(_ table: Span<UInt8>) {
            localAPIC = table.littleEndian32(at: 36) ?? 0
            hasLegacyPICs = (table.littleEndian32(at: 40) ?? 0) & 1 != 0
            entries = ACPISubtables(table, from: 44)
        }

        @_lifetime(self: copy self)
        public mutating func next() -> InterruptEntry? {
            guard let bytes = entries.next() else { return nil }
            let type = bytes.byte(at: 0) ?? .max
            func word(_ offset: Int) -> UInt32? { bytes.littleEndian32(at: offset) }
            switch type {
            case 0:
                // 0xff is everybody's address and nobody's ID.
                guard let flags = word(4), bytes[3] != 0xff else { break }
                return .processor(apicID: UInt32(bytes[3]), uid: UInt32(bytes[2]), isEnabled: flags & 1 != 0)
            case 1:
                guard let address = word(4), let first = word(8) else { break }
                return .ioAPIC(id: bytes[2], address: address, firstInterrupt: first)
            case 2:
                guard let interrupt = word(4), let flags = bytes.littleEndian16(at: 8) else { break }
                return .isaOverride(line: bytes[3], interrupt: interrupt, flags: flags)
            case 4:
                guard let flags = bytes.littleEndian16(at: 3), let pin = bytes.byte(at: 5) else { break }
                return .localNMI(uid: bytes[2] == .max ? .max : UInt32(bytes[2]), flags: flags, pin: pin)
            case 5:
                guard let address = bytes.littleEndian64(at: 4) else { break }
                return .localAPICAddress(address)
            case 9:
                guard let id = word(4), let flags = word(8), let uid = word(12) else { break }
                return .processor(apicID: id, uid: uid, isEnabled: flags & 1 != 0)
            case 10:
                guard let flags = bytes.littleEndian16(at: 2), let uid = word(4), let pin = bytes.byte(at: 8) else { break }
                return .localNMI(uid: uid, flags: flags, pin: pin)
            default: break
            }
            return .other(type: type)
        }
    }
}
