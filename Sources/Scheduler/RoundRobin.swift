// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers

/// Number of a schedulable thing, one per vCPU of the machine.
@frozen public struct UnitID: Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt16
    @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }
    @inlinable public var index: Int { Int(rawValue) }
    /// No unit.
    @inlinable public static var none: Self { Self(.max) }
}

/// Who runs on a pCPU now, and until when nobody else is to be asked.
public struct Decision: Equatable, Sendable {
    /// Nil: the pCPU idles.
    public let unit: UnitID?
    public let until: SystemTime
}

/// What the caller must do after a change. Must be used: a lost hint is a lost wakeup.
public enum SchedulingHint: Equatable, Sendable {
    case none
    /// That pCPU must ask `next` soon.
    case tickle(PCPU)
}

/// Round robin: a queue of runnable units per pCPU, a unit stays on the pCPU that it was given.
///
/// Not locked: the owner's lock (rank `.scheduler`) serialises all calls.
public struct RoundRobin: ~Copyable, Sendable {
    /// Units there can be.
    public static var capacity: Int { 512 }
    /// Time slice in nanoseconds where several units share a pCPU (Xen credit: 30 ms).
    public static var slice: UInt64 { 30_000_000 }

    enum State: UInt8 { case absent, blocked, queued, running }

    struct Unit: BitwiseCopyable {
        var state = State.absent
        var pcpu = PCPU(0)
        var next = UnitID.none
        /// Where it is queued the next time that it has run; nil: where it is.
        var target: PCPU?
        /// Whoever may wake it, it does not run.
        var isAsleep = false
        /// What it is while it is asleep: it would be queued.
        var wantsToRun = false
        /// It has no registers to run with: whoever wakes it comes too late.
        var isStopped = false
    }

    struct Queue: BitwiseCopyable {
        var head = UnitID.none
        var tail = UnitID.none
        var running = UnitID.none
        var length = 0
    }

    var units = FixedTable<Unit, 512>(repeating: Unit())
    var queues = FixedTable<Queue, 256>(repeating: Queue())

    public init() {}

    /// Adds a unit, blocked, to run on `pcpu`. False where the number is taken or too large.
    public mutating func add(_ unit: UnitID, on pcpu: PCPU, isAsleep: Bool = false) -> Bool {
        guard unit.index < Self.capacity, pcpu.index < 256, units[unit.index].state == .absent else { return false }
        units[unit.index] = Unit(state: .blocked, pcpu: pcpu, isAsleep: isAsleep)
        return true
    }

    /// The unit has something to do. Nothing happens where it runs or waits already. Its pCPU must ask `next` where it
    /// idles, and where it runs a unit that nobody waited behind, whose slice has no end.
    public mutating func wake(_ unit: UnitID) -> SchedulingHint {
        guard unit.index < Self.capacity else { return .none }
        switch units[unit.index].state {
        case .blocked:
            guard !units[unit.index].isStopped else { return .none }
            guard !units[unit.index].isAsleep else {
                units[unit.index].wantsToRun = true
                return .none
            }
            enqueue(unit)
            let pcpu = units[unit.index].pcpu
            return queues[pcpu.index].running == .none || queues[pcpu.index].length == 1
                ? .tickle(pcpu) : .none
        case .running, .queued, .absent:
            return .none
        }
    }

    /// The unit that runs on `pcpu` has nothing to do until `wake`. The caller then asks `next`.
    public mutating func block(on pcpu: PCPU) {
        let unit = queues[pcpu.index].running
        guard unit != .none else { return }
        units[unit.index].state = .blocked
        queues[pcpu.index].running = .none
    }

    /// As `block`, until `start`: who saw it running may still be about to wake it. The caller then asks `next`.
    public mutating func stop(on pcpu: PCPU) {
        let unit = queues[pcpu.index].running
        if unit != .none { units[unit.index].isStopped = true }
        block(on: pcpu)
    }

    /// The unit's registers are ready: it runs from there. As `wake`.
    public mutating func start(_ unit: UnitID) -> SchedulingHint {
        guard unit.index < Self.capacity else { return .none }
        units[unit.index].isStopped = false
        return wake(unit)
    }

    /// The unit that runs on `pcpu` lets the others go first. The caller then asks `next`.
    public mutating func yield(on pcpu: PCPU) {
        let unit = queues[pcpu.index].running
        guard unit != .none else { return }
        queues[pcpu.index].running = .none
        // Asleep or not: its registers have left this pCPU for that one.
        if let target = units[unit.index].target {
            units[unit.index].pcpu = target
            units[unit.index].target = nil
        }
        guard !units[unit.index].isAsleep else {
            units[unit.index].state = .blocked
            units[unit.index].wantsToRun = true
            return
        }
        enqueue(unit)
    }

    /// The unit goes to another pCPU as soon as the one on which it runs asks `next`, or lets others go first: then it is queued
    /// there, and that pCPU must ask `next` too.
    public mutating func move(_ unit: UnitID, to pcpu: PCPU) {
        if unit.index < Self.capacity, pcpu.index < 256 { units[unit.index].target = pcpu }
    }

    // MARK: Sleep

    /// The unit does not run until `endSleep`, whoever wakes it. Its pCPU must ask `next` where it runs.
    public mutating func sleep(_ unit: UnitID) -> SchedulingHint {
        guard unit.index < Self.capacity else { return .none }
        units[unit.index].isAsleep = true
        switch units[unit.index].state {
        case .queued:
            unlink(unit)
            units[unit.index].state = .blocked
            units[unit.index].wantsToRun = true
            return .none
        case .running: return .tickle(units[unit.index].pcpu)
        case .blocked, .absent: return .none
        }
    }

    /// The unit may run again, and does if it was woken meanwhile or had not blocked. As `wake`.
    public mutating func endSleep(_ unit: UnitID) -> SchedulingHint {
        guard unit.index < Self.capacity, units[unit.index].isAsleep else { return .none }
        units[unit.index].isAsleep = false
        guard units[unit.index].wantsToRun else { return .none }
        units[unit.index].wantsToRun = false
        return wake(unit)
    }

    /// The unit, which is asleep, has nothing to do when that ends, until `start`.
    public mutating func rest(_ unit: UnitID) {
        guard unit.index < Self.capacity else { return }
        units[unit.index].wantsToRun = false
        units[unit.index].isStopped = true
    }

    /// The pCPU that a unit which was sent to sleep has not left yet: the one that has been told to run it, though it may not hold its
    /// registers yet, or the one that holds them; nil: it has stopped. `holder` is read after this lock is taken.
    public func mustLetGo(_ unit: UnitID, holder: () -> PCPU?) -> PCPU? { running(unit) ?? holder() }

    /// Whether the unit waits for something, be it asleep or not.
    public func isBlocked(_ unit: UnitID) -> Bool {
        unit.index < Self.capacity && units[unit.index].state == .blocked && !units[unit.index].wantsToRun
    }

    /// The pCPU on which the unit runs when it does.
    public func home(_ unit: UnitID) -> PCPU { unit.index < Self.capacity ? units[unit.index].pcpu : PCPU(0) }

    /// Takes a unit out of scheduling, whatever its state. Its pCPU must ask `next` where it was running.
    public mutating func remove(_ unit: UnitID) -> SchedulingHint {
        guard unit.index < Self.capacity else { return .none }
        let pcpu = units[unit.index].pcpu
        switch units[unit.index].state {
        case .queued: unlink(unit)
        case .running:
            queues[pcpu.index].running = .none
            units[unit.index] = Unit()
            return .tickle(pcpu)
        case .blocked, .absent: break
        }
        units[unit.index] = Unit()
        return .none
    }

    /// Where the unit runs now, or nil.
    public func running(_ unit: UnitID) -> PCPU? {
        unit.index < Self.capacity && units[unit.index].state == .running ? units[unit.index].pcpu : nil
    }

    /// Who runs on `pcpu` from `now` on. A unit that was running and neither blocked nor yielded goes to the end.
    public mutating func next(on pcpu: PCPU, now: SystemTime) -> Decision {
        yield(on: pcpu)
        let unit = queues[pcpu.index].head
        guard unit != .none else { return Decision(unit: nil, until: .never) }
        unlink(unit)
        units[unit.index].state = .running
        queues[pcpu.index].running = unit
        return Decision(unit: unit, until: queues[pcpu.index].length > 0 ? now + Self.slice : .never)
    }

    /// Whether somebody waits behind the unit that runs on `pcpu`.
    public func hasWaiters(on pcpu: PCPU) -> Bool { queues[pcpu.index].length > 0 }

    private mutating func enqueue(_ unit: UnitID) {
        let pcpu = units[unit.index].pcpu.index
        units[unit.index].state = .queued
        units[unit.index].next = .none
        if queues[pcpu].tail == .none {
            queues[pcpu].head = unit
        } else {
            units[queues[pcpu].tail.index].next = unit
        }
        queues[pcpu].tail = unit
        queues[pcpu].length += 1
    }

    private mutating func unlink(_ unit: UnitID) {
        let pcpu = units[unit.index].pcpu.index
        var previous = UnitID.none
        var current = queues[pcpu].head
        while current != unit {
            guard current != .none else { return }
            previous = current
            current = units[current.index].next
        }
        if previous == .none {
            queues[pcpu].head = units[unit.index].next
        } else {
            units[previous.index].next = units[unit.index].next
        }
        if queues[pcpu].tail == unit { queues[pcpu].tail = previous }
        queues[pcpu].length -= 1
        units[unit.index].next = .none
    }
}
