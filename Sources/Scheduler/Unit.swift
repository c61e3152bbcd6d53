// SPDX-License-Identifier: Apache-2.0

public import Base

/// Number of a schedulable thing, one per vCPU of the machine.
@frozen public struct UnitID: Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt16
    @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }
    @inlinable public var index: Int { Int(rawValue) }
    /// No unit.
    @inlinable public static var none: Self { Self(.max) }
}

/// All that is known of a unit, in one word: read at any time, written with the lock of its pCPU's queue alone.
public struct Unit: RawRepresentable, BitwiseCopyable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    enum State: UInt8 { case absent, blocked, queued, running }

    /// Bits 0-1.
    var state: State {
        get { State(rawValue: UInt8(truncatingIfNeeded: rawValue & 3)) ?? .absent }
        set { rawValue = rawValue & ~3 | UInt64(newValue.rawValue) }
    }
    /// Whoever may wake it, it does not run.
    var isAsleep: Bool {
        get { flag(8) }
        set { setFlag(8, newValue) }
    }
    /// What it is while it is asleep, or on its way to another pCPU: it would be queued.
    var wantsToRun: Bool {
        get { flag(9) }
        set { setFlag(9, newValue) }
    }
    /// It has no registers to run with: whoever wakes it comes too late.
    var isStopped: Bool {
        get { flag(10) }
        set { setFlag(10, newValue) }
    }
    /// Its home, whose queue's lock is its own too; of a number that is nobody's, the last one's.
    var pcpu: PCPU {
        get { PCPU(UInt32(half(1))) }
        set { setHalf(1, UInt16(truncatingIfNeeded: newValue.rawValue)) }
    }
    /// Where it is queued the next time that it has run; nil: where it is.
    var target: PCPU? {
        get { half(2) == 0 ? nil : PCPU(UInt32(half(2) - 1)) }
        set { setHalf(2, newValue.map { UInt16(truncatingIfNeeded: $0.rawValue) + 1 } ?? 0) }
    }
    /// Who waits behind it.
    var next: UnitID {
        get { UnitID(half(3)) }
        set { setHalf(3, newValue.rawValue) }
    }

    /// A number that is nobody's.
    static func absent(on pcpu: PCPU) -> Self {
        var unit = Self(rawValue: 0)
        unit.pcpu = pcpu
        unit.next = .none
        return unit
    }

    private func flag(_ bit: UInt64) -> Bool { rawValue >> bit & 1 != 0 }
    private mutating func setFlag(_ bit: UInt64, _ value: Bool) {
        rawValue = rawValue & ~(1 << bit) | (value ? 1 << bit : 0)
    }
    private func half(_ index: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: rawValue >> (index * 16)) }
    private mutating func setHalf(_ index: UInt64, _ value: UInt16) {
        rawValue = rawValue & ~(0xFFFF << (index * 16)) | UInt64(value) << (index * 16)
    }

    // MARK: What others may know

    /// Where it runs now.
    public var running: PCPU? { state == .running ? pcpu : nil }
    /// Whether it waits for something, be it asleep or not.
    public var isBlocked: Bool { state == .blocked && !wantsToRun }
    /// The pCPU on which it runs when it does.
    public var home: PCPU { pcpu }
}
