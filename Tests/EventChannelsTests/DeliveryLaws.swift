// SPDX-License-Identifier: Apache-2.0

import Base
import EventChannels
import Support
import Testing
import XenABI

/// What holds for every ABI.
@Suite struct DeliveryLaws {
    static let cases: [(ABI, SharedInfoLayout)] = [
        (.twoLevel, .arm), (.fifo, .arm), (.threeLevel, .arm), (.twoLevel, .x86_32), (.fifo, .x86_32),
        (.threeLevel, .x86_32), (.twoLevel, .x86_64),
    ]

    func domain(_ abi: ABI, _ layout: SharedInfoLayout, vcpus: Int = 3) throws -> TestDomain {
        let domain = try TestDomain(1, machine: FakeMachine(frames: 512), vcpus: vcpus, layout: layout)
        try domain.use(abi, ports: 1024)
        _ = domain.handleAll()
        _ = domain.trace.takeUpcalls()
        return domain
    }

    @Test(arguments: cases) func anEventIsHandledOnce(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try domain(abi, layout)
        let port = try domain.events.bindIPI(vcpu: 1)
        try domain.events.send(from: port, domain.sink)
        #expect(try domain.events.isPending(polled: port))
        #expect(domain.trace.takeUpcalls() == [Name(domain: 1, vcpu: 1)])
        #expect(domain.handleUpcall(0) == [])
        #expect(domain.handleUpcall(2) == [])
        #expect(domain.handleUpcall(1) == [port])
        #expect(domain.handleUpcall(1) == [])
        #expect(try !domain.events.isPending(polled: port))
    }

    @Test(arguments: cases) func eventsMergeUntilHandled(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try domain(abi, layout)
        let ports = try (0..<40).map { _ in try domain.events.bindIPI(vcpu: 0) }
        for _ in 0..<3 {
            for port in ports { try domain.events.send(from: port, domain.sink) }
        }
        #expect(domain.trace.takeUpcalls().count == 1)
        #expect(domain.handleUpcall(0) == ports)
        for port in ports.reversed() { try domain.events.send(from: port, domain.sink) }
        #expect(domain.trace.takeUpcalls().count == 1)
        #expect(Set(domain.handleUpcall(0)) == Set(ports))
    }

    @Test(arguments: cases) func maskedEventsWait(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try domain(abi, layout)
        let port = try domain.events.bindIPI(vcpu: 0)
        domain.mask(port)
        try domain.events.send(from: port, domain.sink)
        #expect(domain.trace.takeUpcalls().isEmpty)
        #expect(try domain.events.isPending(polled: port))
        #expect(domain.handleAll() == [])
        try domain.unmask(port)
        #expect(domain.trace.takeUpcalls().count == 1)
        #expect(domain.handleAll() == [port])
        // Unmasking what is not pending, or not masked, does nothing.
        try domain.unmask(port)
        domain.mask(port)
        try domain.unmask(port)
        #expect(domain.trace.takeUpcalls().isEmpty)
    }

    @Test(arguments: cases) func maskedWhileAnnounced(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try domain(abi, layout)
        let port = try domain.events.bindIPI(vcpu: 0)
        try domain.events.send(from: port, domain.sink)
        domain.mask(port)
        #expect(domain.handleAll() == [])
        try domain.unmask(port)
        #expect(domain.handleAll() == [port])
    }

    @Test(arguments: cases) func movesToAnotherVCPU(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try domain(abi, layout)
        let far = try domain.events.allocateUnbound(for: domain.id)
        let near = try Events.bindInterdomain(local: domain.ref, remote: domain.ref, remotePort: far, domain.sink)
        #expect(domain.handleAll() == [near])
        for vcpu in [2, 0, 1, 1, 0, 2] as [UInt32] {
            try domain.events.bindVCPU(port: far, vcpu: vcpu, domain.sink)
            try domain.events.send(from: near, domain.sink)
            #expect(domain.handleUpcall(Int(vcpu)) == [far])
            #expect(domain.handleAll() == [])
        }
        // Moved while it is announced: it is handled where it was announced, and only there.
        try domain.events.send(from: near, domain.sink)
        try domain.events.bindVCPU(port: far, vcpu: 0, domain.sink)
        try domain.events.send(from: near, domain.sink)
        #expect(domain.handleAll() == [far])
    }

    @Test(arguments: cases) func closedPortsStartClean(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try domain(abi, layout)
        let port = try domain.events.bindIPI(vcpu: 0)
        domain.mask(port)
        try domain.events.send(from: port, domain.sink)
        try domain.events.close(port)
        #expect(try domain.events.bindIPI(vcpu: 2) == port)
        #expect(try !domain.events.isPending(polled: port))
        try domain.unmask(port)
        #expect(domain.handleAll() == [])
        // Closed while announced.
        try domain.events.send(from: port, domain.sink)
        try domain.events.close(port)
        #expect(domain.handleAll() == [])
        #expect(try domain.events.bindIPI(vcpu: 1) == port)
    }

    @Test(arguments: cases) func whatIsPendingSurvivesTheSwitch(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try TestDomain(1, machine: FakeMachine(frames: 512), vcpus: 2, layout: layout)
        let ports = try (0..<200).map { try domain.events.bindIPI(vcpu: UInt32($0 & 1)) }
        let sent = ports.filter { $0 % 3 != 0 }
        for port in sent { try domain.events.send(from: port, domain.sink) }
        try domain.use(abi, ports: 1024)
        // The upcall was raised before the switch, or is raised by it.
        #expect(domain.handleAll() == Set(sent))
        #expect(domain.handleAll() == [])
    }

    @Test(arguments: cases) func resetReturnsToTwoLevel(abi: ABI, layout: SharedInfoLayout) throws {
        let machine = FakeMachine(frames: 512)
        let domain = try TestDomain(1, machine: machine, vcpus: 2, layout: layout)
        for _ in 0..<3 {
            // Pending when the domain leaves 2-level: it must not be so still when the domain returns.
            try domain.events.send(from: domain.events.bindIPI(vcpu: 1), domain.sink)
            try domain.use(abi, ports: 1024)
            let ports = try (0..<300).map { try domain.events.bindIPI(vcpu: UInt32($0 & 1)) }
            for port in ports { try domain.events.send(from: port, domain.sink) }
            var calls = 0
            while try !domain.events.reset(resuming: calls > 0, domain, mustYield: { true }) { calls += 1 }
            #expect(calls >= 4)
            #expect(domain.events.abi == .twoLevel)
            #expect(domain.pinned == max(0, 2 - Int(layout.legacyVCPUs)))
            (domain.arrayFrames, domain.bitmapFrames, domain.controls) = ([], [], [:])
            domain.fifoHeads = domain.fifoHeads.map { $0.map { _ in 0 } }
            #expect(domain.handleAll() == [])
            let port = try domain.events.bindIPI(vcpu: 1)
            #expect(port == 1)
            try domain.events.send(from: port, domain.sink)
            #expect(domain.handleUpcall(1) == [port])
            try domain.events.close(port)
        }
        domain.destroy()
        #expect(domain.pinned == 0)
        #expect(machine.outstanding == 0)
    }

    @Test(arguments: cases) func pollersAreWoken(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try domain(abi, layout)
        let a = try domain.events.bindIPI(vcpu: 0)
        let b = try domain.events.bindIPI(vcpu: 0)
        domain.mask(a)
        domain.mask(b)
        domain.events.beginPoll(VCPUID(1))
        domain.events.narrowPoll(VCPUID(1), to: b)
        domain.events.beginPoll(VCPUID(2))
        try domain.events.send(from: a, domain.sink)
        #expect(domain.trace.unblocked == [Name(domain: 1, vcpu: 2)])
        try domain.events.send(from: a, domain.sink)
        try domain.events.send(from: b, domain.sink)
        #expect(domain.trace.unblocked == [Name(domain: 1, vcpu: 2), Name(domain: 1, vcpu: 1)])
        #expect(!domain.events.endPoll(VCPUID(1)))
        domain.events.beginPoll(VCPUID(0))
        domain.events.beginPoll(VCPUID(0))
        #expect(domain.events.endPoll(VCPUID(0)))
        #expect(!domain.events.endPoll(VCPUID(0)))
        domain.events.beginPoll(VCPUID(77))
        domain.events.narrowPoll(VCPUID(77), to: a)
        #expect(!domain.events.endPoll(VCPUID(77)))
        try domain.unmask(a)
        #expect(domain.trace.unblocked.count == 2)
    }

    @Test(arguments: cases) func thePriorityOperation(abi: ABI, layout: SharedInfoLayout) throws {
        let domain = try domain(abi, layout)
        let port = try domain.events.bindIPI(vcpu: 0)
        if abi != .fifo {
            #expect(throws: XenError.enosys) { try domain.events.setPriority(port: port, priority: 0) }
            return
        }
        #expect(throws: XenError.einval) { try domain.events.setPriority(port: port, priority: 16) }
        #expect(throws: XenError.eacces) { try domain.events.setPriority(port: port + 1, priority: 3) }
        #expect(throws: XenError.einval) { try domain.events.setPriority(port: 9999, priority: 3) }
        let ports = try (0..<16).map { _ in try domain.events.bindIPI(vcpu: 0) }
        for (index, port) in ports.enumerated() {
            try domain.events.setPriority(port: port, priority: UInt32(15 - index))
        }
        for port in ports { try domain.events.send(from: port, domain.sink) }
        #expect(domain.handleUpcall(0) == ports.reversed())
    }
}
