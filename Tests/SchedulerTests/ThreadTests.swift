// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Scheduler
import Support
import Testing

/// Real threads on the queues: pCPUs that run units and move them, and others that wake them and send them to sleep.
@Suite struct SchedulerThreadTests {
    private final class Shared: @unchecked Sendable {
        let scheduler = RoundRobin()
    }

    /// However it all falls together, each unit is in one place afterwards: none is lost, none runs twice.
    @Test func threadsLoseNoUnit() {
        let (shared, units, pcpus) = (Shared(), UInt16(12), 3)
        for unit in 0..<units {
            let isNew = shared.scheduler.add(UnitID(unit), on: PCPU(UInt32(unit) % UInt32(pcpus)))
            #expect(isNew)
        }
        let seed = Randomised.seed(run: 0)
        print("threads of the scheduler: seed \(seed)")
        DispatchQueue.concurrentPerform(iterations: pcpus + 1) { thread in
            var random = SplitMix(state: seed &+ UInt64(thread))
            for _ in 0..<20_000 {
                let unit = UnitID(UInt16.random(in: 0..<units, using: &random))
                if thread < pcpus {
                    Self.run(shared.scheduler, on: PCPU(UInt32(thread)), pcpus, &random)
                } else {
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: _ = shared.scheduler.sleep(unit)
                    case 1: _ = shared.scheduler.endSleep(unit)
                    default: _ = shared.scheduler.wake(unit)
                    }
                }
            }
        }
        for unit in 0..<units {
            _ = shared.scheduler.endSleep(UnitID(unit))
            _ = shared.scheduler.start(UnitID(unit))
        }
        // What still runs blocks, and so does each that is next.
        var found: [UInt16] = []
        for pcpu in 0..<UInt32(pcpus) {
            while let unit = shared.scheduler.next(on: PCPU(pcpu), now: SystemTime(nanoseconds: 0)).unit {
                found.append(unit.rawValue)
                shared.scheduler.block(on: PCPU(pcpu))
            }
        }
        #expect(found.sorted() == Array(0..<units), "seed \(seed)")
    }

    private static func run(_ scheduler: borrowing RoundRobin, on pcpu: PCPU, _ pcpus: Int, _ random: inout SplitMix) {
        guard let unit = scheduler.next(on: pcpu, now: SystemTime(nanoseconds: 0)).unit else { return }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: scheduler.block(on: pcpu)
        case 1: scheduler.yield(on: pcpu)
        case 2: scheduler.move(unit, to: PCPU(UInt32.random(in: 0..<UInt32(pcpus), using: &random)))
        case 3: scheduler.stop(on: pcpu)
        case 4: _ = scheduler.start(unit)
        default: break
        }
    }
}
