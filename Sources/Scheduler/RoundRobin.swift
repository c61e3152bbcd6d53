// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Sync
import Synchronization

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
/// Each queue has a lock, which is that of the units at home there too: pCPUs with nothing to run keep out of each other's way. One is
/// taken at a time.
public struct RoundRobin: ~Copyable, Sendable {
    /// Units there can be.
    public static var capacity: Int { 512 }
    /// Time slice in nanoseconds where several units share a pCPU (Xen credit: 30 ms).
    public static var slice: UInt64 { 30_000_000 }

    struct Queue {
        var head = UnitID.none
        var tail = UnitID.none
        var running = UnitID.none
        var length: UInt16 = 0
        /// A cache line to itself, with its lock: each is written many times a second.
        let padding = InlineArray<11, UInt32>(repeating: 0)
    }

    let units = FixedArray<512, Atomic<UInt64>> { _ in Atomic(Unit.absent(on: PCPU(0)).rawValue) }
    let queues = FixedArray<256, SpinLock<Queue>> { _ in SpinLock(Queue(), rank: .scheduler) }

    public init() {}

    /// What is known of a unit at this moment.
    public func unit(_ unit: UnitID) -> Unit { unit.index < Self.capacity ? load(unit) : .absent(on: PCPU(0)) }

    /// Adds a unit, blocked, to run on `pcpu`. False where the number is taken or too large.
    public func add(_ unit: UnitID, on pcpu: PCPU, isAsleep: Bool = false) -> Bool {
        guard pcpu.index < 256 else { return false }
        return atHome(unit) { entry, _ in
            guard entry.state == .absent else { return false }
            entry = .absent(on: pcpu)
            entry.state = .blocked
            entry.isAsleep = isAsleep
            return true
        } ?? false
    }

    /// The unit has something to do. Nothing happens where it runs or waits already. Its pCPU must ask `next` where it
    /// idles, and where it runs a unit that nobody waited behind, whose slice has no end.
    public func wake(_ unit: UnitID) -> SchedulingHint {
        atHome(unit) { entry, queue in wake(unit, &entry, &queue) } ?? .none
    }

    private func wake(_ unit: UnitID, _ entry: inout Unit, _ queue: inout Queue) -> SchedulingHint {
        guard entry.state == .blocked, !entry.isStopped else { return .none }
        entry.wantsToRun = entry.isAsleep
        if entry.isAsleep { return .none }
        enqueue(unit, &entry, &queue)
        return queue.running == .none || queue.length == 1 ? .tickle(entry.pcpu) : .none
    }

    /// The unit that runs on `pcpu` has nothing to do until `wake`. The caller then asks `next`.
    public func block(on pcpu: PCPU) {
        queues[pcpu.index].withLock { takeOff(&$0) { entry in entry.state = .blocked } }
    }

    /// As `block`, until `start`: who saw it running may still be about to wake it. The caller then asks `next`.
    public func stop(on pcpu: PCPU) {
        queues[pcpu.index].withLock { queue in
            takeOff(&queue) { entry in
                entry.state = .blocked
                entry.isStopped = true
            }
        }
    }

    /// The unit's registers are ready: it runs from there. As `wake`.
    public func start(_ unit: UnitID) -> SchedulingHint {
        atHome(unit) { entry, queue in
            entry.isStopped = false
            return wake(unit, &entry, &queue)
        } ?? .none
    }

    /// The unit that runs on `pcpu` lets the others go first. The caller then asks `next`.
    public func yield(on pcpu: PCPU) {
        let moved = queues[pcpu.index].withLock { queueAgain(&$0) }
        if moved != .none { arrive(moved) }
    }

    /// The unit goes to another pCPU as soon as the one on which it runs asks `next`, or lets others go first: then it is queued
    /// there, and that pCPU must ask `next` too.
    public func move(_ unit: UnitID, to pcpu: PCPU) {
        guard pcpu.index < 256 else { return }
        _ = atHome(unit) { entry, _ in if entry.state != .absent { entry.target = pcpu } }
    }

    /// Who runs on `pcpu` from `now` on. A unit that was running and neither blocked nor yielded goes to the end.
    public func next(on pcpu: PCPU, now: SystemTime) -> Decision {
        var moved = UnitID.none
        let decision = queues[pcpu.index].withLock { queue -> Decision in
            moved = queueAgain(&queue)
            let unit = queue.head
            guard unit != .none else { return Decision(unit: nil, until: .never) }
            var entry = load(unit)
            unlink(unit, &entry, &queue)
            entry.state = .running
            store(entry, unit)
            queue.running = unit
            return Decision(unit: unit, until: queue.length > 0 ? now + Self.slice : .never)
        }
        if moved != .none { arrive(moved) }
        return decision
    }

    /// Whether somebody waits behind the unit that runs on `pcpu`.
    public func hasWaiters(on pcpu: PCPU) -> Bool { queues[pcpu.index].withLock { $0.length > 0 } }

    /// Takes a unit out of scheduling, whatever its state. Its pCPU must ask `next` where it was running.
    public func remove(_ unit: UnitID) -> SchedulingHint {
        atHome(unit) { entry, queue in
            let (state, home) = (entry.state, entry.pcpu)
            if state == .queued { unlink(unit, &entry, &queue) }
            if state == .running { queue.running = .none }
            entry = .absent(on: home)
            return state == .running ? .tickle(home) : .none
        } ?? .none
    }

    // MARK: Sleep

    /// The unit does not run until `endSleep`, whoever wakes it. Its pCPU must ask `next` where it runs.
    public func sleep(_ unit: UnitID) -> SchedulingHint {
        atHome(unit) { entry, queue in
            guard entry.state != .absent else { return .none }
            entry.isAsleep = true
            if entry.state == .queued {
                unlink(unit, &entry, &queue)
                entry.state = .blocked
                entry.wantsToRun = true
            }
            return entry.state == .running ? .tickle(entry.pcpu) : .none
        } ?? .none
    }

    /// The unit may run again, and does if it was woken meanwhile or had not blocked. As `wake`.
    public func endSleep(_ unit: UnitID) -> SchedulingHint {
        atHome(unit) { entry, queue in
            guard entry.isAsleep else { return .none }
            entry.isAsleep = false
            guard entry.wantsToRun else { return .none }
            entry.wantsToRun = false
            return wake(unit, &entry, &queue)
        } ?? .none
    }

    /// The unit, which is asleep, has nothing to do when that ends, until `start`.
    public func rest(_ unit: UnitID) {
        _ = atHome(unit) { entry, _ in
            guard entry.state != .absent else { return }
            entry.wantsToRun = false
            entry.isStopped = true
        }
    }

    /// The pCPU that a unit which was sent to sleep has not left yet: the one that has been told to run it, though it may not hold its
    /// registers yet, or the one that holds them; nil: it has stopped. `holder` is read with its lock taken.
    public func mustLetGo(_ unit: UnitID, holder: () -> PCPU?) -> PCPU? {
        atHome(unit) { entry, _ in entry.running ?? holder() } ?? nil
    }
}

// MARK: Queues

extension RoundRobin {
    private func load(_ unit: UnitID) -> Unit { Unit(rawValue: units[unit.index].load(ordering: .acquiring)) }
    private func store(_ entry: Unit, _ unit: UnitID) { units[unit.index].store(entry.rawValue, ordering: .releasing) }

    /// Runs `body` with the lock of the unit's home. Nil where there can be no such unit.
    private func atHome<R>(_ unit: UnitID, _ body: (inout Unit, inout Queue) -> R) -> R? {
        guard unit.index < Self.capacity else { return nil }
        while true {
            let home = load(unit).pcpu
            let result = queues[home.index].withLock { queue -> R? in
                var entry = load(unit)
                // It moved while we waited for its lock.
                guard entry.pcpu == home else { return nil }
                let result = body(&entry, &queue)
                store(entry, unit)
                return result
            }
            if let result { return result }
        }
    }

    /// The unit that runs there does not any more.
    private func takeOff(_ queue: inout Queue, _ change: (inout Unit) -> Void) {
        let unit = queue.running
        guard unit != .none else { return }
        var entry = load(unit)
        change(&entry)
        store(entry, unit)
        queue.running = .none
    }

    /// The unit that runs there goes to the end. Returns it where it goes to the end of another queue (`arrive`): from now on that
    /// one's lock is its own. Its registers have left this pCPU for that one, be it asleep or not.
    private func queueAgain(_ queue: inout Queue) -> UnitID {
        let unit = queue.running
        guard unit != .none else { return .none }
        queue.running = .none
        var entry = load(unit)
        let target = entry.target ?? entry.pcpu
        let moves = target != entry.pcpu
        entry.target = nil
        if moves || entry.isAsleep {
            entry.state = .blocked
            entry.wantsToRun = true
            entry.pcpu = target
        } else {
            enqueue(unit, &entry, &queue)
        }
        store(entry, unit)
        return moves ? unit : .none
    }

    /// The second half of a move, unless somebody has woken the unit, or sent it to sleep, between the two.
    private func arrive(_ unit: UnitID) {
        _ = atHome(unit) { entry, queue in
            guard entry.state == .blocked, entry.wantsToRun, !entry.isAsleep else { return }
            entry.wantsToRun = false
            enqueue(unit, &entry, &queue)
        }
    }

    private func enqueue(_ unit: UnitID, _ entry: inout Unit, _ queue: inout Queue) {
        entry.state = .queued
        entry.next = .none
        if queue.tail == .none {
            queue.head = unit
        } else {
            setNext(of: queue.tail, unit)
        }
        queue.tail = unit
        queue.length += 1
    }

    private func unlink(_ unit: UnitID, _ entry: inout Unit, _ queue: inout Queue) {
        var previous = UnitID.none
        var current = queue.head
        while current != unit {
            guard current != .none else { return }
            previous = current
            current = load(current).next
        }
        if previous == .none {
            queue.head = entry.next
        } else {
            setNext(of: previous, entry.next)
        }
        if queue.tail == unit { queue.tail = previous }
        queue.length -= 1
        entry.next = .none
    }

    private func setNext(of unit: UnitID, _ next: UnitID) {
        var entry = load(unit)
        entry.next = next
        store(entry, unit)
    }
}
