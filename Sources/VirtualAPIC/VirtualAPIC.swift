// SPDX-License-Identifier: Apache-2.0

/// The interrupt controllers that an x86 guest sees: a local APIC for each vCPU, and the I/O APIC.
///
/// Pure state machines: they are fed accesses and interrupts and say what follows. A local APIC belongs to the pCPU that runs
/// its vCPU; what others ask of it are atomic words. The I/O APIC belongs to its owner's lock.
/// Refuse to know: how a guest reaches registers, how a vCPU is interrupted, what the host's controllers are.

/// Offsets of a local APIC's registers in memory; in x2APIC mode a sixteenth of them counts MSRs (Intel SDM 3A, 10.4.1).
enum LocalRegister {
    static var id: UInt32 { 0x020 }
    static var version: UInt32 { 0x030 }
    static var taskPriority: UInt32 { 0x080 }
    static var processorPriority: UInt32 { 0x0a0 }
    static var endOfInterrupt: UInt32 { 0x0b0 }
    static var logicalDestination: UInt32 { 0x0d0 }
    static var destinationFormat: UInt32 { 0x0e0 }
    static var spurious: UInt32 { 0x0f0 }
    static var inService: UInt32 { 0x100 }
    static var triggerMode: UInt32 { 0x180 }
    static var request: UInt32 { 0x200 }
    static var errorStatus: UInt32 { 0x280 }
    static var command: UInt32 { 0x300 }
    static var commandTarget: UInt32 { 0x310 }
    static var timer: UInt32 { 0x320 }
    static var thermal: UInt32 { 0x330 }
    static var performance: UInt32 { 0x340 }
    static var lint0: UInt32 { 0x350 }
    static var lint1: UInt32 { 0x360 }
    static var error: UInt32 { 0x370 }
    static var initialCount: UInt32 { 0x380 }
    static var currentCount: UInt32 { 0x390 }
    static var divide: UInt32 { 0x3e0 }
    static var selfInterrupt: UInt32 { 0x3f0 }
}

/// What can be wrong, by its bit of the error status register (Intel SDM 3A, 10.5.3). An interrupt of lowest priority may be sent,
/// so that there is no error of that; what goes over the bus of old processors cannot fail.
enum APICError: UInt32 {
    /// Vectors 0 to 15, in a command; in a message, or in the local vector table.
    case sentVector = 5, receivedVector = 6
    /// Nothing is there in the page of registers.
    case register = 7

    var bit: UInt32 { 1 << rawValue }
}

/// What is to be done after a guest's write.
public enum LocalAPICEffect: Equatable, Sendable {
    case none
    /// Interrupt other vCPUs, or itself.
    case send(InterprocessorCommand)
    /// The guest has ended a level-triggered interrupt: the I/O APICs hear of it.
    case ended(vector: UInt8)
    /// Software has turned the APIC on.
    case turnedOn
    /// The timer is due at another time.
    case timerChanged
    /// The access is refused: #GP in x2APIC mode, nothing in the other.
    case refused
}

/// Interrupt command register (Intel SDM 3A, 10.6.1).
public struct InterprocessorCommand: Equatable, Sendable, BitwiseCopyable {
    public enum Delivery: UInt32, BitwiseCopyable, Sendable {
        case fixed = 0, lowest, smi, reserved, nmi, initialise, startup, external
    }
    public enum Shorthand: UInt32, BitwiseCopyable, Sendable {
        case none = 0, caller, all, others
    }

    public let low: UInt32
    /// 32 bits in x2APIC mode, 8 in the other.
    public let destination: UInt32
    public let isX2: Bool

    public init(low: UInt32, destination: UInt32, isX2: Bool) {
        self.low = low
        self.destination = destination
        self.isX2 = isX2
    }

    public var vector: UInt8 { UInt8(truncatingIfNeeded: low) }
    public var delivery: Delivery { Delivery(rawValue: low >> 8 & 7) ?? .reserved }
    public var shorthand: Shorthand { Shorthand(rawValue: low >> 18 & 3) ?? .none }
    /// Of what is sent with a vector of its own; a startup message has a page there, and NMI nothing.
    var hasIllegalVector: Bool { vector < 16 && (delivery == .fixed || delivery == .lowest) }
    /// INIT with level de-asserted does nothing on processors of this century.
    public var isDeassert: Bool { delivery == .initialise && low >> 14 & 1 == 0 && low >> 15 & 1 != 0 }

    /// Whether the APIC with that ID is meant, which is the sender's own where `isSender`.
    public func reaches(_ id: UInt32, isSender: Bool, logical: UInt32, isFlat: Bool) -> Bool {
        switch shorthand {
        case .caller: isSender
        case .all: true
        case .others: !isSender
        case .none:
            Destination(value: destination, isLogical: low >> 11 & 1 != 0, isX2: isX2)
                .reaches(id, logical: logical, isFlat: isFlat)
        }
    }
}

/// Whom a message is for (Intel SDM 3A, 10.6.2 and 10.12.10).
public struct Destination: Equatable, Sendable, BitwiseCopyable {
    public let value: UInt32
    public let isLogical: Bool
    public let isX2: Bool

    public init(value: UInt32, isLogical: Bool, isX2: Bool) {
        self.value = value
        self.isLogical = isLogical
        self.isX2 = isX2
    }

    public func reaches(_ id: UInt32, logical: UInt32, isFlat: Bool) -> Bool {
        if value == (isX2 ? .max : 0xff) { return true }
        guard isLogical else { return value == id }
        if isX2 { return value >> 16 == logical >> 16 && value & logical & 0xffff != 0 }
        // The logical ID of an APIC in xAPIC mode is in the top byte.
        let own = logical >> 24
        if isFlat { return value & own & 0xff != 0 }
        return value >> 4 & 0xf == own >> 4 && value & own & 0xf != 0
    }
}
