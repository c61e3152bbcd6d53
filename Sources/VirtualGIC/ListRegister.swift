// SPDX-License-Identifier: Apache-2.0

/// One interrupt as the virtual interface holds it, whatever the format.
public struct ListRegister: Equatable, Sendable, BitwiseCopyable {
    /// Pending and active are independent; neither means that the register is free.
    public struct State: OptionSet, Sendable, BitwiseCopyable {
        public let rawValue: UInt8
        @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static var pending: Self { Self(rawValue: 1) }
        public static var active: Self { Self(rawValue: 2) }
    }

    /// INTID that the guest reads, 0 to 1019.
    public var interrupt: UInt32
    public var state: State
    /// 0 is most urgent; the low three bits are lost in a GICv2.
    public var priority: UInt8
    /// Group 1 (what a GICv3 guest at EL1 takes as IRQ); else group 0 (what a GICv2 guest does).
    public var isGroup1: Bool
    /// The physical interrupt that the guest's end-of-interrupt deactivates (HW bit); not together with the next two.
    public var physical: UInt32?
    /// GICv2 SGI: the vCPU that sent it, 0 to 7.
    public var source: UInt8
    /// Raises a maintenance interrupt at the guest's end-of-interrupt.
    public var notifiesEnd: Bool

    public init(
        interrupt: UInt32, state: State, priority: UInt8 = 0, isGroup1: Bool = false, physical: UInt32? = nil,
        source: UInt8 = 0, notifiesEnd: Bool = false
    ) {
        self.interrupt = interrupt
        self.state = state
        self.priority = priority
        self.isGroup1 = isGroup1
        self.physical = physical
        self.source = source
        self.notifiesEnd = notifiesEnd
    }
}

/// How a hardware version spells a list register. A free register is 0 in both.
public protocol ListRegisterFormat: Sendable {
    static func encode(_ register: ListRegister) -> UInt64
    static func decode(_ value: UInt64) -> ListRegister
    static func state(_ value: UInt64) -> ListRegister.State
    static func priority(_ value: UInt64) -> UInt8
    /// `value` with another state.
    static func with(_ state: ListRegister.State, _ value: UInt64) -> UInt64
    /// `value` with a maintenance interrupt at its end; `value` itself where it is mapped to a physical interrupt.
    static func notifyingEnd(_ value: UInt64) -> UInt64
}

/// GICH_LRn (ARM IHI 0048B, 5.3.9), in the low 32 bits.
public enum ListRegisterV2: ListRegisterFormat {
    @inlinable @inline(__always) public static func encode(_ register: ListRegister) -> UInt64 {
        var value = UInt64(register.interrupt & 0x3ff)
        value |= UInt64(register.priority >> 3) << 23 | UInt64(register.state.rawValue) << 28
        if register.isGroup1 { value |= 1 << 30 }
        if let physical = register.physical {
            value |= 1 << 31 | UInt64(physical & 0x3ff) << 10
        } else {
            value |= UInt64(register.source & 7) << 10
            if register.notifiesEnd { value |= 1 << 19 }
        }
        return value
    }

    public static func decode(_ value: UInt64) -> ListRegister {
        let isMapped = value >> 31 & 1 != 0
        return ListRegister(
            interrupt: UInt32(truncatingIfNeeded: value & 0x3ff), state: state(value), priority: priority(value),
            isGroup1: value >> 30 & 1 != 0, physical: isMapped ? UInt32(truncatingIfNeeded: value >> 10 & 0x3ff) : nil,
            source: isMapped ? 0 : UInt8(truncatingIfNeeded: value >> 10 & 7),
            notifiesEnd: !isMapped && value >> 19 & 1 != 0)
    }

    @inlinable public static func state(_ value: UInt64) -> ListRegister.State {
        ListRegister.State(rawValue: UInt8(truncatingIfNeeded: value >> 28 & 3))
    }
    @inlinable public static func priority(_ value: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: value >> 20 & 0xf8) }
    @inlinable public static func with(_ state: ListRegister.State, _ value: UInt64) -> UInt64 {
        value & ~(3 << 28) | UInt64(state.rawValue) << 28
    }
    @inlinable public static func notifyingEnd(_ value: UInt64) -> UInt64 {
        value >> 31 & 1 != 0 ? value : value | 1 << 19
    }
}

/// ICH_LRn_EL2 (ARM IHI 0069, 12.4.8). The source of a GICv2 guest's SGI stands in bits 12:10 of its number.
public enum ListRegisterV3: ListRegisterFormat {
    @inlinable @inline(__always) public static func encode(_ register: ListRegister) -> UInt64 {
        var value = UInt64(register.interrupt) | UInt64(register.source) << 10
        value |= UInt64(register.priority) << 48 | UInt64(register.state.rawValue) << 62
        if register.isGroup1 { value |= 1 << 60 }
        if let physical = register.physical {
            value |= 1 << 61 | UInt64(physical & 0x1fff) << 32
        } else if register.notifiesEnd {
            value |= 1 << 41
        }
        return value
    }

    public static func decode(_ value: UInt64) -> ListRegister {
        let isMapped = value >> 61 & 1 != 0
        return ListRegister(
            interrupt: UInt32(truncatingIfNeeded: value & 0x3ff), state: state(value), priority: priority(value),
            isGroup1: value >> 60 & 1 != 0, physical: isMapped ? UInt32(truncatingIfNeeded: value >> 32 & 0x1fff) : nil,
            source: UInt8(truncatingIfNeeded: value >> 10 & 7), notifiesEnd: !isMapped && value >> 41 & 1 != 0)
    }

    @inlinable public static func state(_ value: UInt64) -> ListRegister.State {
        ListRegister.State(rawValue: UInt8(truncatingIfNeeded: value >> 62))
    }
    @inlinable public static func priority(_ value: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: value >> 48) }
    @inlinable public static func with(_ state: ListRegister.State, _ value: UInt64) -> UInt64 {
        value & ~(3 << 62) | UInt64(state.rawValue) << 62
    }
    @inlinable public static func notifyingEnd(_ value: UInt64) -> UInt64 {
        value >> 61 & 1 != 0 ? value : value | 1 << 41
    }
}
