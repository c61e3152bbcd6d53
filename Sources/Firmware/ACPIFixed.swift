// SPDX-License-Identifier: Apache-2.0

/// The Fixed ACPI Description Table (ACPI 6.5, 5.2.9) and the table of the High Precision Event Timer (IA-PC HPET 1.0a, 3.2.4).
extension ACPI {
    /// Where a register is (ACPI 6.5, 5.2.3.2).
    public struct Register: Hashable, Sendable, BitwiseCopyable {
        public enum Space: UInt8, BitwiseCopyable, Sendable {
            case memory = 0, port = 1, configuration = 2
        }
        public let space: Space
        public let address: UInt64

        init?(_ table: Span<UInt8>, at offset: Int) {
            guard let space = table.byte(at: offset).flatMap({ Space(rawValue: $0) }),
                let address = table.littleEndian64(at: offset + 4), address != 0
            else { return nil }
            self.space = space
            self.address = address
        }

        init?(port: UInt32?) {
            guard let port, port != 0 else { return nil }
            space = .port
            address = UInt64(port)
        }
    }

    /// What the FADT says that is used here. A field behind the table's end is as if it were 0.
    public struct FixedDescription: Hashable, Sendable, BitwiseCopyable {
        /// Counts at 3.579545 MHz.
        public let timer: Register?
        /// The timer has 32 bits and not 24.
        public let timerIs32Bits: Bool
        /// Writing `resetValue` here restarts the machine.
        public let reset: Register?
        public let resetValue: UInt8
        /// Control registers of power management: sleep states.
        public let controlA: Register?
        public let controlB: Register?
        /// Machine address of the DSDT; 0 for none.
        public let dsdt: UInt64
        /// There is no PC speaker, and so on (table 5.9); what is not said to be there is not relied on.
        public let bootFlags: UInt16

        private enum Offset {
            static var dsdt: Int { 40 }
            static var controlA: Int { 64 }
            static var controlB: Int { 68 }
            static var timer: Int { 76 }
            static var timerLength: Int { 91 }
            static var bootFlags: Int { 109 }
            static var flags: Int { 112 }
            static var reset: Int { 116 }
            static var resetValue: Int { 128 }
            static var extendedDSDT: Int { 140 }
            static var extendedControlA: Int { 172 }
            static var extendedControlB: Int { 184 }
            static var extendedTimer: Int { 208 }
        }

        public init(_ table: Span<UInt8>) {
            let flags = table.littleEndian32(at: Offset.flags) ?? 0
            let hasTimer = (table.byte(at: Offset.timerLength) ?? 0) == 4
            timer =
                hasTimer
                ? Register(table, at: Offset.extendedTimer) ?? Register(port: table.littleEndian32(at: Offset.timer)) : nil
            timerIs32Bits = flags & 1 << 8 != 0
            reset = flags & 1 << 10 != 0 ? Register(table, at: Offset.reset) : nil
            resetValue = table.byte(at: Offset.resetValue) ?? 0
            controlA =
                Register(table, at: Offset.extendedControlA)
                ?? Register(port: table.littleEndian32(at: Offset.controlA))
            controlB =
                Register(table, at: Offset.extendedControlB)
                ?? Register(port: table.littleEndian32(at: Offset.controlB))
            let extended = table.littleEndian64(at: Offset.extendedDSDT) ?? 0
            dsdt = extended != 0 ? extended : UInt64(table.littleEndian32(at: Offset.dsdt) ?? 0)
            bootFlags = table.littleEndian16(at: Offset.bootFlags) ?? 0
        }
    }

    /// Where the table "HPET" says that the timer's registers are; nil where it does not.
    public static func eventTimer(_ table: Span<UInt8>) -> Register? { Register(table, at: 40) }
}
