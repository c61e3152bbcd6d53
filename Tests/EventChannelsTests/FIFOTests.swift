// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Foundation
import Machine
import Support
import Synchronization
import Testing
import XenABI

@testable import EventChannels

@Suite struct FIFOTests {
    let machine = FakeMachine(frames: 2048)

    func domain(pages: Int = 1, vcpus: Int = 2) throws -> TestDomain {
        let domain = try TestDomain(1, machine: machine, vcpus: vcpus)
        try domain.use(.fifo, ports: UInt32(pages) * 1024)
        return domain
    }

    @Test func controlBlockChecks() throws {
        let domain = try TestDomain(1, machine: machine)
        let gfn = try domain.addFrame()
        for offset in [1, 4, 4, 4095, 4096 - 71, 4096, 1 << 20, .max] as [UInt32] {
            #expect(throws: XenError.einval) {
                try domain.events.initControl(vcpu: 0, gfn: gfn, offset: offset, domain)
            }
        }
        #expect(throws: XenError.einval) { try domain.events.initControl(vcpu: 0, gfn: GFN(999), offset: 0, domain) }
        domain.failPinAfter = 0
        #expect(throws: XenError.enomem) { try domain.events.initControl(vcpu: 0, gfn: gfn, offset: 0, domain) }
        domain.failPinAfter = nil
        #expect(domain.events.abi == .twoLevel)
        #expect(throws: XenError.eopnotsupp) { try domain.events.expandArray(gfn: gfn, domain, domain.sink) }
        #expect(try domain.events.initControl(vcpu: 0, gfn: gfn, offset: 4096 - 72, domain) == 17)
        #expect(domain.events.abi == .fifo)
        #expect(throws: XenError.einval) { try domain.events.initControl(vcpu: 0, gfn: gfn, offset: 0, domain) }
        #expect(throws: XenError.einval) {
            var bitmaps = EventRegister3LevelBitmaps()
            bitmaps.nrPages = 8
            try domain.events.registerBitmaps(bitmaps, domain)
        }
        #expect(throws: XenError.eopnotsupp) {
            try domain.events.registerSelector(vcpu: 0, gfn: gfn, offset: 0, domain, domain.sink)
        }
    }

    @Test func arrayHas128Pages() throws {
        let domain = try domain(pages: 128)
        #expect(throws: XenError.enospc) {
            try domain.events.expandArray(gfn: domain.addFrame(), domain, domain.sink)
        }
        #expect(domain.pinned == 128 + 2 + 1)
    }

    @Test func anArrayPageThatCannotBePinned() throws {
        let domain = try domain()
        #expect(throws: XenError.einval) { try domain.events.expandArray(gfn: GFN(1 << 50), domain, domain.sink) }
        domain.failPinAfter = 0
        #expect(throws: XenError.enomem) { try domain.expand() }
        domain.failPinAfter = nil
        try domain.expand()
    }

    @Test func eventsWaitForTheirPage() throws {
        let domain = try TestDomain(1, machine: machine)
        try domain.addControlBlock(0)
        try domain.addControlBlock(1)
        let ports = try (0..<1500).map { try domain.events.bindIPI(vcpu: UInt32($0 & 1)) }
        for port in ports { try domain.events.send(from: port, domain.sink) }
        #expect(domain.trace.takeUpcalls().isEmpty)
        #expect(try !domain.events.isPending(polled: 1))
        #expect(domain.events.isMasked(1))
        // A port that is closed meanwhile is not replayed.
        try domain.events.close(1200)
        try domain.expand()
        #expect(domain.handleAll() == Set(1...1023))
        try domain.expand()
        #expect(domain.handleAll() == Set(1024...1500).subtracting([1200]))
    }

    @Test func queuesAreInOrderOfArrival() throws {
        let domain = try domain()
        let ports = try (0..<100).map { _ in try domain.events.bindIPI(vcpu: 0) }
        let order = ports.shuffled()
        for port in order { try domain.events.send(from: port, domain.sink) }
        #expect(domain.handleUpcall(0) == order)
    }

    @Test func aQueueGoesOnWhileItIsHandled() throws {
        let domain = try domain()
        let ports = try (0..<10).map { _ in try domain.events.bindIPI(vcpu: 0) }
        try domain.events.send(from: ports[0], domain.sink)
        var next = 1
        let handled = domain.handleUpcall(0) { _ in
            guard next < ports.count else { return }
            try! domain.events.send(from: ports[next], domain.sink)
            next += 1
        }
        #expect(handled == ports)
    }

    @Test func aPriorityThatChangesWhileLinked() throws {
        let domain = try domain()
        let a = try domain.events.bindIPI(vcpu: 0)
        let b = try domain.events.bindIPI(vcpu: 0)
        for round in 0..<50 {
            let priority = UInt32(round % 16)
            try domain.events.send(from: a, domain.sink)
            try domain.events.setPriority(port: a, priority: priority)
            try domain.events.setPriority(port: b, priority: 15 - priority)
            try domain.events.send(from: b, domain.sink)
            try domain.events.send(from: a, domain.sink)
            #expect(Set(domain.handleUpcall(0)) == [a, b])
        }
    }

    @Test func aLinkedPortIsNotReused() throws {
        let domain = try domain()
        let ports = try (0..<5).map { _ in try domain.events.bindIPI(vcpu: 0) }
        for port in ports { try domain.events.send(from: port, domain.sink) }
        try domain.events.close(ports[1])
        try domain.events.close(ports[2])
        #expect(try domain.events.bindIPI(vcpu: 0) == 6)
        #expect(domain.handleUpcall(0) == [ports[0], ports[3], ports[4]])
        #expect(try domain.events.bindIPI(vcpu: 0) == ports[1])
    }

    @Test func aVCPUWithoutControlBlockLosesItsEvents() throws {
        let domain = try TestDomain(1, machine: machine)
        try domain.addControlBlock(0)
        try domain.expand()
        let port = try domain.events.bindIPI(vcpu: 1)
        try domain.events.send(from: port, domain.sink)
        #expect(domain.trace.lost.map(\.reason) == [.noControlBlock])
        #expect(domain.trace.takeUpcalls().isEmpty)
        try domain.addControlBlock(1)
        try domain.events.send(from: port, domain.sink)
        #expect(domain.handleUpcall(1) == [port])
    }

    /// The tail keeps its link word in motion: the append gives up after a bounded number of attempts.
    @Test func aGuestThatScribblesHurtsItself() throws {
        let domain = try domain(vcpus: 1)
        let ports = try (0..<64).map { _ in try domain.events.bindIPI(vcpu: 0) }
        let stop = Atomic(false)
        let array = domain.arrayFrames[0].address
        var random = SplitMix(state: 7)
        for word in 0..<UInt64(1024) {
            domain.atomic(array + word * 4).pointee.store(UInt32(truncatingIfNeeded: random.next()), ordering: .relaxed)
        }
        let scribbler = Thread {
            var random = SplitMix(state: 1)
            while !stop.load(ordering: .relaxed) {
                let word = random.next() % 80
                domain.atomic(array + word * 4).pointee.store(UInt32(truncatingIfNeeded: random.next()), ordering: .relaxed)
                domain.atomic(domain.controls[0]! + random.next() % 18 * 4).pointee.store(
                    UInt32(truncatingIfNeeded: random.next()), ordering: .relaxed)
            }
        }
        scribbler.start()
        for round in 0..<20_000 {
            let port = ports[round % ports.count]
            try domain.events.setPriority(port: port, priority: UInt32(round) % 16)
            try domain.events.send(from: port, domain.sink)
            try domain.unmask(port)
            if round == 19_999 {
                try domain.events.close(port)
                for _ in 0..<2000 where (try? domain.events.bindIPI(vcpu: 0)) == nil {}
                _ = try? domain.events.reset(resuming: false, domain) { false }
                break
            }
        }
        stop.store(true, ordering: .relaxed)
        while scribbler.isExecuting { usleep(100) }
        domain.destroy()
    }
}
