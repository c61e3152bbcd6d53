// SPDX-License-Identifier: Apache-2.0

import Base
import Scheduler
import Support
import Testing

@Suite struct RoundRobinTests {
    let now = SystemTime(nanoseconds: 1000)

    /// The units, added on `pcpu` and woken in this order.
    func ready(_ units: [UInt16], on pcpu: PCPU = PCPU(0)) -> RoundRobin {
        let scheduler = RoundRobin()
        for unit in units {
            let isNew = scheduler.add(UnitID(unit), on: pcpu)
            #expect(isNew)
            _ = scheduler.wake(UnitID(unit))
        }
        return scheduler
    }

    @Test func takesTurns() {
        let scheduler = ready([4, 2, 9])
        var order: [UInt16] = []
        for _ in 0..<7 {
            let decision = scheduler.next(on: PCPU(0), now: now)
            #expect(decision.until == now + RoundRobin.slice)
            order.append(decision.unit?.rawValue ?? .max)
        }
        #expect(order == [4, 2, 9, 4, 2, 9, 4])
    }

    @Test func aloneRunsForEver() {
        let scheduler = ready([4])
        let alone = scheduler.next(on: PCPU(0), now: now)
        #expect(alone.unit == UnitID(4) && alone.until == .never)
        #expect(scheduler.hasWaiters(on: PCPU(0)) == false)
        #expect(scheduler.next(on: PCPU(0), now: now).unit == UnitID(4))
        scheduler.block(on: PCPU(0))
        let idle = scheduler.next(on: PCPU(0), now: now)
        #expect(idle.unit == nil && idle.until == .never)
        #expect(scheduler.unit(UnitID(4)).running == nil)
    }

    @Test func yieldGoesToTheEnd() {
        let scheduler = ready([1, 2, 3])
        #expect(scheduler.next(on: PCPU(0), now: now).unit == UnitID(1))
        scheduler.yield(on: PCPU(0))
        #expect(scheduler.unit(UnitID(1)).running == nil)
        #expect([1, 2, 3].map { _ in scheduler.next(on: PCPU(0), now: now).unit?.rawValue } == [2, 3, 1])
    }

    /// Who pauses a vCPU waits for a pCPU that has been told to run it and has not got its registers yet.
    @Test func aPauseWaitsForWhoIsAboutToRun() {
        let scheduler = ready([4])
        // Every place in the life of a pCPU at which the pause may come: (what it has done, what it holds).
        #expect(scheduler.next(on: PCPU(0), now: now).unit == UnitID(4))
        #expect(scheduler.sleep(UnitID(4)) == .tickle(PCPU(0)))
        #expect(scheduler.mustLetGo(UnitID(4)) { nil } == PCPU(0), "between the answer and the load of the registers")
        #expect(scheduler.mustLetGo(UnitID(4)) { PCPU(0) } == PCPU(0), "it runs")
        #expect(scheduler.next(on: PCPU(0), now: now).unit == nil)
        #expect(scheduler.mustLetGo(UnitID(4)) { PCPU(0) } == PCPU(0), "it does not run, and its registers are still there")
        #expect(scheduler.mustLetGo(UnitID(4)) { nil } == nil)
    }

    /// A pause between a vCPU's leaving for another pCPU, with its registers, and the question who is next.
    @Test func aPauseDoesNotUndoAMove() {
        let scheduler = ready([4])
        #expect(scheduler.next(on: PCPU(0), now: now).unit == UnitID(4))
        scheduler.move(UnitID(4), to: PCPU(1))
        _ = scheduler.sleep(UnitID(4))
        #expect(scheduler.next(on: PCPU(0), now: now).unit == nil)
        #expect(scheduler.endSleep(UnitID(4)) == .tickle(PCPU(1)))
        #expect(scheduler.next(on: PCPU(0), now: now).unit == nil)
        #expect(scheduler.next(on: PCPU(1), now: now).unit == UnitID(4))
        #expect(scheduler.unit(UnitID(4)).home == PCPU(1))
    }

    /// Who saw a vCPU running and wakes it after it was turned off does not start it again, asleep or not.
    @Test(arguments: [false, true]) func aLateWakeDoesNotStart(isPaused: Bool) {
        let scheduler = ready([4])
        #expect(scheduler.next(on: PCPU(0), now: now).unit == UnitID(4))
        scheduler.stop(on: PCPU(0))
        if isPaused { _ = scheduler.sleep(UnitID(4)) }
        #expect(scheduler.wake(UnitID(4)) == .none)
        if isPaused { #expect(scheduler.endSleep(UnitID(4)) == .none) }
        #expect(scheduler.next(on: PCPU(0), now: now).unit == nil)
        let isBlocked = scheduler.unit(UnitID(4)).isBlocked
        #expect(isBlocked)
        #expect(scheduler.start(UnitID(4)) == .tickle(PCPU(0)))
        #expect(scheduler.next(on: PCPU(0), now: now).unit == UnitID(4))
    }

    @Test func wakeOfAnIdlePCPUTickles() {
        let scheduler = RoundRobin()
        let isNew = scheduler.add(UnitID(7), on: PCPU(3))
        #expect(isNew)
        #expect(scheduler.wake(UnitID(7)) == .tickle(PCPU(3)))
        #expect(scheduler.wake(UnitID(7)) == .none)
        #expect(scheduler.next(on: PCPU(3), now: now).unit == UnitID(7))
        #expect(scheduler.wake(UnitID(7)) == .none)
        scheduler.block(on: PCPU(3))
        #expect(scheduler.next(on: PCPU(3), now: now).unit == nil)
        #expect(scheduler.wake(UnitID(7)) == .tickle(PCPU(3)))
    }

    /// A pCPU that runs one unit has no end of its slice to wait for: a second unit would wait for ever.
    @Test func wakeBesideAUnitThatRunsForEverTickles() {
        let scheduler = ready([1])
        #expect(scheduler.next(on: PCPU(0), now: now).until == .never)
        for unit: UInt16 in [2, 3] {
            let isNew = scheduler.add(UnitID(unit), on: PCPU(0))
            #expect(isNew)
        }
        #expect(scheduler.wake(UnitID(2)) == .tickle(PCPU(0)))
        #expect(scheduler.hasWaiters(on: PCPU(0)) == true)
    }

    @Test func removes() {
        let scheduler = ready([1, 2, 3, 4])
        #expect(scheduler.next(on: PCPU(0), now: now).unit == UnitID(1))
        #expect(scheduler.remove(UnitID(3)) == .none)
        #expect(scheduler.remove(UnitID(1)) == .tickle(PCPU(0)))
        #expect(scheduler.remove(UnitID(1)) == .none)
        #expect(scheduler.next(on: PCPU(0), now: now).unit == UnitID(2))
        scheduler.block(on: PCPU(0))
        #expect(scheduler.remove(UnitID(2)) == .none)
        #expect(scheduler.remove(UnitID(4)) == .none)
        #expect(scheduler.next(on: PCPU(0), now: now).unit == nil)
        // The numbers are free again, and the queue is whole.
        for unit: UInt16 in [3, 1] {
            let isNew = scheduler.add(UnitID(unit), on: PCPU(0))
            #expect(isNew)
            _ = scheduler.wake(UnitID(unit))
        }
        #expect([0, 1].map { _ in scheduler.next(on: PCPU(0), now: now).unit?.rawValue } == [3, 1])
    }

    @Test func refusesWhatItCannotHold() {
        let scheduler = RoundRobin()
        let answers = [
            scheduler.add(UnitID(512), on: PCPU(0)), scheduler.add(.none, on: PCPU(0)),
            scheduler.add(UnitID(1), on: PCPU(256)),
            scheduler.add(UnitID(511), on: PCPU(255)), scheduler.add(UnitID(511), on: PCPU(0)),
        ]
        #expect(answers == [false, false, false, true, false])
        #expect(scheduler.wake(.none) == .none && scheduler.remove(.none) == .none && scheduler.unit(.none).running == nil)
        #expect(scheduler.wake(UnitID(3)) == .none)
    }

    /// Against a queue per pCPU.
    @Test func agreesWithANaiveModel() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("RoundRobin seed \(seed)")
        var random = SplitMix(state: seed)
        let (pcpus, units) = (4, 24)
        let scheduler = RoundRobin()
        var home: [Int: Int] = [:]
        var queues: [[Int]] = Array(repeating: [], count: pcpus)
        var running: [Int?] = Array(repeating: nil, count: pcpus)
        var (asleep, wants, target) = (Set<Int>(), Set<Int>(), [Int: Int]())
        var stopped: Set<Int> = []
        func wake(_ unit: Int, _ hint: SchedulingHint) -> Bool {
            guard let place = home[unit], running[place] != unit, !queues[place].contains(unit), !stopped.contains(unit) else {
                return hint == .none
            }
            guard !asleep.contains(unit) else {
                wants.insert(unit)
                return hint == .none
            }
            let mustAsk = running[place] == nil || queues[place].isEmpty
            queues[place].append(unit)
            return hint == (mustAsk ? .tickle(PCPU(UInt32(place))) : .none)
        }
        func queueAgain(_ pcpu: Int) {
            guard let unit = running[pcpu] else { return }
            running[pcpu] = nil
            home[unit] = target.removeValue(forKey: unit) ?? home[unit]
            guard !asleep.contains(unit) else {
                wants.insert(unit)
                return
            }
            queues[home[unit]!].append(unit)
        }
        for step in 0..<20_000 {
            let unit = Int.random(in: 0..<units, using: &random)
            let pcpu = Int.random(in: 0..<pcpus, using: &random)
            let (id, cpu) = (UnitID(UInt16(unit)), PCPU(UInt32(pcpu)))
            var isRight = true
            switch Int.random(in: 0..<24, using: &random) {
            case 0...1:
                isRight = scheduler.add(id, on: cpu) == (home[unit] == nil)
                home[unit] = home[unit] ?? pcpu
            case 2:
                let old = home.removeValue(forKey: unit)
                let ran = old.map { running[$0] == unit } ?? false
                if let old {
                    queues[old].removeAll { $0 == unit }
                    if ran { running[old] = nil }
                }
                isRight = scheduler.remove(id) == (ran ? .tickle(PCPU(UInt32(old ?? 0))) : .none)
                _ = (asleep.remove(unit), wants.remove(unit), target.removeValue(forKey: unit))
                stopped.remove(unit)
            case 3...4:
                stopped.remove(unit)
                isRight = wake(unit, scheduler.start(id))
            case 5...9:
                isRight = wake(unit, scheduler.wake(id))
            case 20...21:
                let hint = scheduler.sleep(id)
                guard let place = home[unit] else { break }
                asleep.insert(unit)
                isRight = hint == (running[place] == unit ? .tickle(PCPU(UInt32(place))) : .none)
                if let position = queues[place].firstIndex(of: unit) {
                    queues[place].remove(at: position)
                    wants.insert(unit)
                }
            case 22:
                let hint = scheduler.endSleep(id)
                let wanted = asleep.remove(unit) != nil && wants.remove(unit) != nil
                isRight = wanted ? wake(unit, hint) : hint == .none
            case 23:
                guard home[unit] != nil else { break }
                scheduler.move(id, to: cpu)
                target[unit] = pcpu
            case 10:
                scheduler.stop(on: cpu)
                if let unit = running[pcpu] { stopped.insert(unit) }
                running[pcpu] = nil
            case 11:
                scheduler.block(on: cpu)
                running[pcpu] = nil
            case 12:
                scheduler.yield(on: cpu)
                queueAgain(pcpu)
            default:
                queueAgain(pcpu)
                running[pcpu] = queues[pcpu].isEmpty ? nil : queues[pcpu].removeFirst()
                let decision = scheduler.next(on: cpu, now: now)
                isRight =
                    decision.unit == running[pcpu].map { UnitID(UInt16($0)) }
                    && decision.until == (queues[pcpu].isEmpty ? .never : now + RoundRobin.slice)
            }
            isRight = isRight && scheduler.hasWaiters(on: cpu) != queues[pcpu].isEmpty
            for unit in 0..<units {
                let place = (0..<pcpus).first { running[$0] == unit }.map { PCPU(UInt32($0)) }
                isRight = isRight && scheduler.unit(UnitID(UInt16(unit))).running == place
                guard let own = home[unit] else { continue }
                let isBlocked = place == nil && !queues[own].contains(unit) && !wants.contains(unit)
                isRight = isRight && scheduler.unit(UnitID(UInt16(unit))).isBlocked == isBlocked
                isRight = isRight && scheduler.unit(UnitID(UInt16(unit))).home.index == own
            }
            guard isRight else {
                Issue.record("seed \(seed), step \(step)")
                return
            }
        }
    }
}
