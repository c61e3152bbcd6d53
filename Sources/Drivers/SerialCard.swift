// SPDX-License-Identifier: Apache-2.0

/// The configuration space of the first PCI segment. A function is named by bus << 8 | device << 3 | function.
public protocol SerialCardBus {
    func read32(_ function: UInt16, _ offset: UInt8) -> UInt32
    func write32(_ function: UInt16, _ offset: UInt8, _ value: UInt32)
}

/// A serial port on a PCI card: a function of the class of 16550-compatible controllers with its registers in I/O space
/// (PCI Code and ID Assignment, 07 00).
public struct SerialCard: Equatable, Sendable {
    public let function: UInt16
    public let port: UInt16

    /// The first such function, or that of the second port: its next one with registers. `withAMT`: also those by which Intel's
    /// management engine is reached (device 22, function 3), which come and go as it likes.
    public init?(in bus: some SerialCardBus, number: Int, withAMT: Bool) {
        var left = number
        for device in UInt16(0)..<1 << 13 {
            let first = device << 3
            guard bus.read32(first, 0) & 0xffff != 0xffff else { continue }
            // Others than the first are there only where its header type says so.
            let last = bus.read32(first, 0x0c) >> 23 & 1 != 0 ? first + 7 : first
            for function in first...last {
                guard withAMT || !Self.isAMT(bus, function), let card = Self(bus, function) else { continue }
                if left == 0 {
                    self = card
                    return
                }
                left -= 1
            }
        }
        return nil
    }

    private init?(_ bus: some SerialCardBus, _ function: UInt16) {
        guard bus.read32(function, 0) & 0xffff != 0xffff else { return nil }
        // Class 07, subclass 00; any programming interface is a 16450 at least. Header type 0 has base addresses for itself.
        guard bus.read32(function, 0x08) >> 16 == 0x0700, bus.read32(function, 0x0c) >> 16 & 0x7f == 0 else { return nil }
        let base = bus.read32(function, 0x10)
        guard base & 1 != 0, base & 0xfffc != 0, base >> 16 == 0 else { return nil }
        self.function = function
        port = UInt16(truncatingIfNeeded: base & 0xfffc)
        // It answers at its ports.
        let command = bus.read32(function, 0x04) & 0xffff
        if command & 1 == 0 { bus.write32(function, 0x04, command | 1) }
    }

    private static func isAMT(_ bus: some SerialCardBus, _ function: UInt16) -> Bool {
        bus.read32(function, 0) & 0xffff == 0x8086 && function == 0x16 << 3 | 3
    }
}
