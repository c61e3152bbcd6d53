// SPDX-License-Identifier: Apache-2.0

/// A virtual I/O APIC (Intel 82093AA; Xen: struct hvm_vioapic). Not locked.
public struct VirtualIOAPIC: BitwiseCopyable, Sendable {
    public static var maximumPins: Int { 24 }

    /// A pin's entry of the redirection table.
    public struct Entry: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
        public var rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }

        public var vector: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
        public var delivery: InterprocessorCommand.Delivery { .init(rawValue: UInt32(rawValue >> 8 & 7)) ?? .reserved }
        public var isActiveLow: Bool { rawValue >> 13 & 1 != 0 }
        /// Taken by a processor and not ended; level-triggered only.
        public var isInService: Bool {
            get { rawValue >> 14 & 1 != 0 }
            set { rawValue = rawValue & ~(1 << 14) | (newValue ? 1 << 14 : 0) }
        }
        public var isLevel: Bool { rawValue >> 15 & 1 != 0 }
        public var isMasked: Bool { rawValue >> 16 & 1 != 0 }
        public var destination: Destination {
            Destination(value: UInt32(rawValue >> 56), isLogical: rawValue >> 11 & 1 != 0, isX2: false)
        }
        /// Delivery status and remote IRR are the controller's own.
        static var readOnly: UInt64 { 1 << 12 | 1 << 14 }
    }

    public let id: UInt8
    private var index: UInt32 = 0
    private var entries = InlineArray<24, Entry>(repeating: Entry(rawValue: 1 << 16))
    /// Lines that are asserted now, for level-triggered pins.
    private var asserted: UInt32 = 0

    public init(id: UInt8) { self.id = id }

    public subscript(pin: Int) -> Entry { entries[pin] }

    // MARK: Registers

    private static var version: UInt32 { 0x11 | 23 << 16 }

    /// The guest reads at `offset` in the controller's page.
    public func read(_ offset: UInt64) -> UInt32 {
        switch offset & 0xff {
        case 0x00: index
        case 0x10: register(index)
        default: 0
        }
    }

    private func register(_ index: UInt32) -> UInt32 {
        switch index {
        case 0, 2: return UInt32(id & 0xf) << 24
        case 1: return Self.version
        case 0x10..<0x40:
            let entry = entries[Int(index - 0x10) >> 1].rawValue
            return UInt32(truncatingIfNeeded: index & 1 != 0 ? entry >> 32 : entry)
        default: return 0
        }
    }

    /// The guest writes. Returns the pin whose entry has changed.
    public mutating func write(_ offset: UInt64, _ value: UInt32) -> Int? {
        switch offset & 0xff {
        case 0x00: index = value & 0xff
        case 0x10 where (0x10..<0x40).contains(index): return setEntry(value)
        default: break
        }
        return nil
    }

    private mutating func setEntry(_ value: UInt32) -> Int {
        let pin = Int(index - 0x10) >> 1
        let old = entries[pin].rawValue
        let isHigh = index & 1 != 0
        let new = isHigh ? old & 0xffff_ffff | UInt64(value) << 32 : old & ~0xffff_ffff | UInt64(value)
        entries[pin] = Entry(rawValue: new & ~Entry.readOnly | old & Entry.readOnly)
        // Nothing of an edge is in service.
        if !entries[pin].isLevel { entries[pin].isInService = false }
        return pin
    }

    // MARK: Interrupts

    /// The device's line goes up. Returns what is to be delivered, if anything.
    public mutating func assert(_ pin: Int) -> Entry? {
        asserted |= 1 << UInt32(pin)
        return deliver(pin)
    }

    /// The device's line goes down.
    public mutating func deassert(_ pin: Int) { asserted &= ~(1 << UInt32(pin)) }

    /// After a change of the entry, or an end: what is to be delivered of a line that is still up.
    public mutating func deliver(_ pin: Int) -> Entry? {
        let entry = entries[pin]
        guard asserted >> UInt32(pin) & 1 != 0, !entry.isMasked, !entry.isInService else { return nil }
        if entry.isLevel {
            entries[pin].isInService = true
        } else {
            asserted &= ~(1 << UInt32(pin))
        }
        return entry
    }

    /// A processor has ended `vector`. Returns the set of pins that waited for it.
    public mutating func end(_ vector: UInt8) -> UInt32 {
        var pins: UInt32 = 0
        for pin in 0..<24 where entries[pin].isInService && entries[pin].vector == vector {
            entries[pin].isInService = false
            pins |= 1 << UInt32(pin)
        }
        return pins
    }
}
