// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Testing

@Suite struct RangeListTests {
    func range(_ start: UInt64, _ count: UInt64) -> MachineRange { MachineRange(start: MFN(start), count: count) }

    @Test func splitsAndTakes() {
        var list = RangeList<MachineSpace>()
        list.insert(range(100, 100), tag: 1)
        list.insert(range(0, 50), tag: 0)
        list.remove(range(120, 10))
        #expect(list.count == 3)
        #expect(list[1].range == range(100, 20))
        #expect(list[2].range == range(130, 70))
        #expect(list[2].tag == 1)
        #expect(list.take(16, alignment: 16) == range(176, 16))
        #expect(list.frames == 50 + 20 + 54)
    }

    /// Against a set of frames, with a printed seed.
    @Test func agreesWithASetOfFrames() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("RangeList seed \(seed)")
        var state = seed
        func next(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        for _ in 0..<200 {
            var list = RangeList<MachineSpace>()
            var model = Set<UInt64>()
            for _ in 0..<12 {
                let start = next(200)
                let count = next(40)
                if next(2) == 0 {
                    list.insert(range(start, count))
                    model.formUnion(start..<start + count)
                } else {
                    list.remove(range(start, count))
                    model.subtract(start..<start + count)
                }
                var seen = Set<UInt64>()
                for index in 0..<list.count {
                    for frame in list[index].range.start.rawValue..<list[index].range.end.rawValue {
                        #expect(seen.insert(frame).inserted, "seed \(seed)")
                    }
                }
                #expect(seen == model, "seed \(seed)")
            }
        }
    }
}
