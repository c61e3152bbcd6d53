// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Support
import Testing

@Suite struct TimerHeapTests {
    @Test func earliestFirst() {
        var heap = TimerHeap<8>()
        #expect(heap.first == nil)
        for (timer, time) in [50, 20, 90, 20, 70].enumerated() { heap.set(timer, to: SystemTime(nanoseconds: UInt64(time))) }
        #expect(heap.takeExpired(at: SystemTime(nanoseconds: 19)) == nil)
        let firstTwo = [heap.takeExpired(at: SystemTime(nanoseconds: 20)), heap.takeExpired(at: SystemTime(nanoseconds: 20))]
        #expect(Set(firstTwo) == [1, 3])
        heap.set(2, to: SystemTime(nanoseconds: 30))
        heap.cancel(0)
        #expect(heap.takeExpired(at: .never) == 2)
        #expect(heap.takeExpired(at: .never) == 4)
        #expect(heap.count == 0)
    }

    @Test func refusesWhatItCannotHold() {
        var heap = TimerHeap<2>()
        #expect(heap.set(2, to: .never) == false)
        #expect(heap.set(-1, to: .never) == false)
        #expect(heap.cancel(0) == false)
        #expect(heap.cancel(5) == false)
        #expect(heap.deadline(of: 7) == nil)
    }

    /// Against a dictionary, for a hundred thousand random steps.
    @Test func agreesWithANaiveModel() {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &random)
        var generator = SplitMix(state: seed)
        var heap = TimerHeap<32>()
        var model: [Int: UInt64] = [:]
        for _ in 0..<100_000 {
            let timer = Int.random(in: 0..<32, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                let time = UInt64.random(in: 0..<1000, using: &generator)
                heap.set(timer, to: SystemTime(nanoseconds: time))
                model[timer] = time
            case 2:
                let wasSet = model.removeValue(forKey: timer) != nil
                if heap.cancel(timer) != wasSet { Issue.record("seed \(seed)") }
            default:
                let now = UInt64.random(in: 0..<1000, using: &generator)
                let expired = heap.takeExpired(at: SystemTime(nanoseconds: now))
                let earliest = model.values.min().flatMap { $0 <= now ? $0 : nil }
                if expired.flatMap({ model.removeValue(forKey: $0) }) != earliest { Issue.record("seed \(seed)") }
            }
            if heap.count != model.count || heap.first?.deadline.nanoseconds != model.values.min() {
                Issue.record("seed \(seed)")
                return
            }
        }
    }
}
