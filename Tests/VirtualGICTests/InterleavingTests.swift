// SPDX-License-Identifier: Apache-2.0

import Base
import Testing
import VirtualGIC

/// Two pCPUs at once, step by step: what one does happens as a whole before each access of memory that the other makes, in turn.
@Suite struct InterleavingTests {
    /// Calls `body` with every place at which the second may come into the first.
    private func everywhere(_ body: (Int) throws -> Bool) rethrows -> Int {
        var place = 0
        while try body(place) { place += 1 }
        return place
    }

    /// An SPI, edge-triggered, enabled and routed to vCPU 0; 41 beside it makes list registers be looked at.
    private func rig() throws -> Rig<ListRegisterV3> {
        let rig = try Rig<ListRegisterV3>(.v3)
        rig.switchOn()
        for interrupt: UInt32 in [40, 41] {
            rig.setEdge(interrupt, true)
            rig.write(Offset.setEnable, interrupt: interrupt)
            rig.route(interrupt, to: 0)
        }
        rig.enter(0)
        rig.enter(1)
        rig.exits()
        return rig
    }

    /// What happens to SPI 40 between one edge and the next never costs the next: a request to drop a state that comes as the list
    /// register is released is not carried out on the one that has it then.
    private func dropsOnlyWhatWas(_ register: UInt32) throws {
        let places = try everywhere { place in
            let rig = try rig()
            rig.pulse(40)
            #expect(rig.acknowledge(0)?.interrupt == 40)
            rig.end(40, 0)
            let isInside = rig.machine.interleave(at: place) {
                rig.write(register, interrupt: 40, vcpu: 1)
            } with: {
                // Its list register is empty, which its pCPU now sees.
                rig.leave(0)
                rig.enter(0)
            }
            rig.exits()
            rig.pulse(40)
            rig.exits()
            rig.pulse(41)
            rig.exits()
            let seen = [rig.acknowledge(0)?.interrupt, rig.acknowledge(0)?.interrupt].compactMap { $0 }
            rig.end(seen.first ?? 0, 0)
            let last = rig.acknowledge(0)?.interrupt
            #expect(Set(seen + [last].compactMap { $0 }) == [40, 41], "an edge is lost, interrupted at \(place)")
            return isInside
        }
        #expect(places > 5)
    }

    @Test func aLateClearOfPendingLosesNoEdge() throws { try dropsOnlyWhatWas(Offset.clearPending) }
    @Test func aLateClearOfActiveLosesNoEdge() throws { try dropsOnlyWhatWas(Offset.clearActive) }

    /// An SPI that another vCPU had the last time is placed; in the middle somebody clears it. Whoever comes second, it is gone, and
    /// the next edge is not.
    @Test func aClearWhileItIsPlaced() throws {
        let places = try everywhere { place in
            let rig = try rig()
            rig.pulse(40)
            #expect(rig.acknowledge(0)?.interrupt == 40)
            rig.end(40, 0)
            rig.leave(0)
            rig.enter(0)
            rig.route(40, to: 1)
            rig.exits()
            rig.pulse(40)
            let isInside = rig.machine.interleave(at: place) {
                rig.enter(1)
            } with: {
                rig.write(Offset.clearPending, interrupt: 40, vcpu: 0)
            }
            #expect(rig.acknowledge(1) == nil, "cleared and yet there, interrupted at \(place)")
            rig.pulse(40)
            rig.exits()
            rig.route(41, to: 1)
            rig.pulse(41)
            rig.exits()
            var seen: Set<UInt32> = []
            while let entry = rig.acknowledge(1) {
                seen.insert(entry.interrupt)
                rig.end(entry.interrupt, 1)
            }
            #expect(seen == [40, 41], "an edge is lost, interrupted at \(place)")
            return isInside
        }
        #expect(places > 5)
    }
}
