// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Support
import Synchronization
import Testing
import VirtualGIC

/// Several pCPUs at once: what is raised arrives, wherever and whenever it is raised, routed, disabled and enabled.
@Suite struct ConcurrencyTests {
    /// One vCPU on its pCPU. Kicks are flags, as an IPI is one.
    final class PCPU: VirtualGICHost, @unchecked Sendable {
        typealias Format = ListRegisterV3
        let all: Pool
        let interface = FakeInterface<ListRegisterV3>(Board())
        init(_ all: Pool) { self.all = all }

        var listRegisterCount: Int { 4 }
        var emptyListRegisters: UInt32 { interface.emptyListRegisters }
        func listRegister(_ index: Int) -> UInt64 { interface.listRegister(index) }
        func setListRegister(_ index: Int, _ value: UInt64) { interface.setListRegister(index, value) }
        func setUnderflowInterrupt(_ isOn: Bool) { interface.setUnderflowInterrupt(isOn) }
        func kick(_ vcpu: VCPUID) { all.kicks[vcpu.index].store(true, ordering: .releasing) }
        func mappingChanged(_ interrupt: UInt32, vcpu: VCPUID) {}
        func deactivate(physical: UInt32) {}
        func setPending(physical: UInt32, _ isPending: Bool) {}
    }

    final class Flag: Sendable {
        let value = Atomic<Bool>(false)
        func store(_ isSet: Bool, ordering: AtomicStoreOrdering) { value.store(isSet, ordering: .sequentiallyConsistent) }
        func take() -> Bool { value.exchange(false, ordering: .acquiringAndReleasing) }
    }

    final class Pool: @unchecked Sendable {
        let machine = FakeMachine(frames: 16)
        let gic: VirtualGIC<FakeFrames>
        let kicks = (0..<4).map { _ in Flag() }
        let done = Atomic<Int>(0)
        /// Acknowledges so far, by interrupt.
        let seen = (0..<64).map { _ in Counter() }
        init() throws { gic = try VirtualGIC(version: .v3, vcpus: 4, sharedInterrupts: 32, frames: machine.source) }
    }

    final class Counter: Sendable {
        let value = Atomic<Int>(0)
        var count: Int { value.load(ordering: .acquiring) }
    }

    /// vCPUs 0 to 2 run and take interrupts until all senders are done and nothing is pending any more.
    static func run(_ pool: Pool, _ vcpu: Int, senders: Int) {
        let host = PCPU(pool)
        let id = VCPUID(UInt32(vcpu))
        var idle = 0
        while idle < 1000 {
            let last = pool.done.load(ordering: .acquiring) == senders
            // A guest leaves for a kick or a maintenance interrupt only.
            let isMaintenance = host.interface.maintenance
            if isMaintenance { pool.gic.maintenance(id) }
            host.interface.ended = false
            if pool.kicks[vcpu].take() || isMaintenance { pool.gic.enter(id, on: host) }
            guard let entry = host.interface.acknowledge() else {
                idle = last && !host.interface.maintenance ? idle + 1 : 0
                if !last { sched_yield() }
                continue
            }
            idle = 0
            pool.seen[Int(entry.interrupt)].value.add(1, ordering: .relaxed)
            host.interface.end(entry.interrupt)
        }
        pool.gic.leave(id, on: host)
    }

    /// An SPI is raised while it is routed elsewhere, or masked and unmasked, and then nothing more happens until it was
    /// seen: nobody comes by later and finds what was lost. Beside that, SGIs.
    @Test func noneIsLost() throws {
        let pool = try Pool()
        let boot = PCPU(pool)
        _ = pool.gic.writeDistributor(0, width: 4, value: 2, by: VCPUID(0), on: boot)
        _ = pool.gic.writeDistributor(0x104, width: 4, value: 0xffff_ffff, by: VCPUID(0), on: boot)
        for vcpu in 0..<3 {
            _ = pool.gic.writeRedistributor(
                UInt32(vcpu) * 0x20000 + 0x10100, width: 4, value: 0xffff_ffff, by: VCPUID(0), on: boot)
        }
        let rounds = 20_000
        let lost = Counter()
        let (started, changed) = (Counter(), Counter())
        Self.inThreads(6) { thread in
            if thread < 3 { return Self.run(pool, thread, senders: 3) }
            let host = PCPU(pool)
            for round in 1...rounds where lost.count == 0 {
                var arrives = true
                switch thread {
                case 3:
                    started.value.store(round, ordering: .sequentiallyConsistent)
                    pool.gic.pulse(40, vcpu: VCPUID(0), on: host)
                    arrives = Self.wait(pool.seen[40], round) && Self.wait(changed, round)
                case 4:
                    pool.gic.sendSGI(v3: 5 << 24 | 1 << UInt64(round % 3), by: VCPUID(3), on: host)
                    arrives = Self.wait(pool.seen[5], round)
                default:
                    arrives = Self.wait(started, round, yielding: false)
                    Self.disturb(pool, round, on: host)
                    changed.value.store(round, ordering: .sequentiallyConsistent)
                }
                if !arrives { lost.value.add(1, ordering: .relaxed) }
            }
            pool.done.add(1, ordering: .releasing)
        }
        #expect(lost.count == 0)
        #expect(pool.seen[40].count == rounds)
        #expect(pool.seen[5].count == rounds)
    }

    static func disturb(_ pool: Pool, _ round: Int, on host: PCPU) {
        if round % 4 == 0 {
            _ = pool.gic.writeDistributor(0x184, width: 4, value: 1 << 8, by: VCPUID(3), on: host)
            _ = pool.gic.writeDistributor(0x104, width: 4, value: 1 << 8, by: VCPUID(3), on: host)
        } else {
            _ = pool.gic.writeDistributor(0x6000 + 8 * 40, width: 8, value: UInt64(round % 3), by: VCPUID(3), on: host)
        }
    }

    /// A thread each, however few CPUs there are.
    static func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let group = DispatchGroup()
        for index in 0..<count {
            group.enter()
            Thread.detachNewThread {
                body(index)
                group.leave()
            }
        }
        group.wait()
    }

    static func wait(_ counter: Counter, _ count: Int, yielding: Bool = true) -> Bool {
        for turn in 0..<1_000_000 {
            if counter.count >= count { return true }
            if yielding || turn > 1000 { sched_yield() }
        }
        return false
    }
}
