// SPDX-License-Identifier: Apache-2.0

/// What a device has to write, and where, to interrupt.
public struct DeviceMessage: Equatable, BitwiseCopyable, Sendable {
    public var address: UInt64
    public var data: UInt32
    public init(address: UInt64, data: UInt32) {
        self.address = address
        self.data = data
    }

    /// To a processor's local APIC, fixed, edge-triggered (Intel SDM 3A, 10.11).
    public init(vector: UInt8, apicID: UInt8) {
        self.init(address: 0xfee0_0000 | UInt64(apicID) << 12, data: UInt32(vector))
    }
}

/// An interrupt message of the guest's, as its local APICs get it. Zero is none.
public struct GuestMessage: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static var none: Self { Self(rawValue: 0) }
    private static var isValid: UInt32 { 1 << 31 }

    /// `none` where the address is not the local APICs' (Xen: MSI_ADDR_BASE_MASK).
    public init(address: UInt64, data: UInt32) {
        guard address & ~0xfffff == 0xfee0_0000 else {
            self = .none
            return
        }
        let destination = UInt32(truncatingIfNeeded: address >> 12 & 0xff) << 16
        let isLogical: UInt32 = address >> 2 & 1 != 0 ? 1 << 11 : 0
        rawValue = Self.isValid | destination | isLogical | data & 0x7ff
    }

    public var isNone: Bool { rawValue == 0 }
    public var vector: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    /// As in an interrupt command: 0 fixed, 1 lowest priority.
    public var delivery: UInt32 { rawValue >> 8 & 7 }
    public var isLogical: Bool { rawValue >> 11 & 1 != 0 }
    public var destination: UInt32 { rawValue >> 16 & 0xff }

    /// The `index`th of `count` messages in a row: the device changes the lowest bits of the vector.
    public func message(_ index: Int, of count: Int) -> Self {
        if isNone { return self }
        let mask = UInt32(truncatingIfNeeded: count - 1) & 0xff
        return Self(rawValue: rawValue & ~mask | (rawValue &+ UInt32(truncatingIfNeeded: index)) & mask)
    }
}

/// A vector of one of the machine's processors: the processor in bits 8-15. Zero is none.
public struct HostVector: RawRepresentable, Equatable, BitwiseCopyable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public init(processor: Int, vector: UInt8) {
        rawValue = UInt16(truncatingIfNeeded: processor) << 8 | UInt16(vector)
    }

    public static var none: Self { Self(rawValue: 0) }
    public var isNone: Bool { rawValue == 0 }
    public var processor: Int { Int(rawValue >> 8) }
    public var vector: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

    /// The `index`th of vectors in a row.
    public func next(_ index: Int) -> Self { Self(rawValue: rawValue &+ UInt16(truncatingIfNeeded: index)) }
}
