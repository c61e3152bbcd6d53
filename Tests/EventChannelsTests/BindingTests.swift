// SPDX-License-Identifier: Apache-2.0

import Base
import EventChannels
import Support
import Testing
import XenABI

/// Each operation's checks, in Xen's words: what it returns and what it leaves behind.
@Suite struct BindingTests {
    let machine = FakeMachine(frames: 256)

    func status(_ domain: TestDomain, _ port: UInt32) throws -> (UInt32, UInt32, UInt32, UInt32) {
        var status = EventStatus()
        try domain.events.status(port: port, &status)
        return (status.status, status.detail, status.remotePort, status.vcpu)
    }

    @Test func portsAreGivenOutLowestFirst() throws {
        let domain = try TestDomain(machine: machine)
        let ports = try (0..<300).map { _ in try domain.events.allocateUnbound(for: .dom0) }
        #expect(ports == Array(1...300))
        try domain.events.close(7)
        try domain.events.close(250)
        #expect(try domain.events.bindIPI(vcpu: 1) == 7)
        #expect(try domain.events.bindIPI(vcpu: 1) == 250)
        #expect(try domain.events.bindIPI(vcpu: 1) == 301)
        domain.destroy()
        #expect(machine.outstanding == 0)
    }

    @Test func limitsOfDomainAndABI() throws {
        let small = try TestDomain(machine: machine, lastPort: 130)
        for _ in 1...130 { _ = try small.events.allocateUnbound(for: .dom0) }
        #expect(throws: XenError.enospc) { try small.events.allocateUnbound(for: .dom0) }
        let large = try TestDomain(1, machine: machine)
        for _ in 1..<4096 { _ = try large.events.allocateUnbound(for: .dom0) }
        #expect(throws: XenError.enospc) { try large.events.bindIPI(vcpu: 0) }
        let compat = try TestDomain(2, machine: machine, layout: .x86_32)
        for _ in 1..<1024 { _ = try compat.events.allocateUnbound(for: .dom0) }
        #expect(throws: XenError.enospc) { try compat.events.bindIPI(vcpu: 0) }
    }

    @Test func interdomainIsSymmetric() throws {
        let a = try TestDomain(1, machine: machine)
        let b = try TestDomain(2, machine: machine)
        _ = try b.events.bindIPI(vcpu: 0)
        let far = try b.events.allocateUnbound(for: a.id)
        #expect(try status(b, far) == (1, 1, 0, 0))
        let near = try Events.bindInterdomain(local: a.ref, remote: b.ref, remotePort: far, a.sink)
        #expect(try status(a, near) == (2, 2, far, 0))
        #expect(try status(b, far) == (2, 1, near, 0))
        // Events that were sent before the binding may be lost, so that the new port starts pending.
        #expect(a.trace.takeUpcalls() == [Name(domain: 1, vcpu: 0)])
        #expect(a.handleUpcall(0) == [near])
        try a.events.close(near)
        #expect(try status(a, near) == (0, 0, 0, 0))
        #expect(try status(b, far) == (1, 1, 0, 0))
        // The port can be bound again.
        #expect(try Events.bindInterdomain(local: a.ref, remote: b.ref, remotePort: far, a.sink) == near)
        try b.events.close(far)
        #expect(try status(a, near) == (1, 2, 0, 0))
    }

    @Test func interdomainInOneDomain() throws {
        let a = try TestDomain(machine: machine)
        let far = try a.events.allocateUnbound(for: a.id)
        let near = try Events.bindInterdomain(local: a.ref, remote: a.ref, remotePort: far, a.sink)
        _ = a.handleAll()
        try a.events.send(from: near, a.sink)
        #expect(a.handleAll() == [far])
        try a.events.send(from: far, a.sink)
        #expect(a.handleAll() == [near])
        try a.events.close(near)
        #expect(try status(a, far) == (1, 0, 0, 0))
    }

    @Test func interdomainRefuses() throws {
        let a = try TestDomain(1, machine: machine)
        let b = try TestDomain(2, machine: machine)
        let other = try b.events.allocateUnbound(for: DomainID(3))
        let ipi = try b.events.bindIPI(vcpu: 0)
        for port in [other, ipi, 0, 100, 128, 5000, .max] {
            #expect(throws: XenError.einval) {
                try Events.bindInterdomain(local: a.ref, remote: b.ref, remotePort: port, a.sink)
            }
        }
        // Nothing was taken.
        #expect(try a.events.bindIPI(vcpu: 0) == 1)
    }

    @Test func virqs() throws {
        let domain = try TestDomain(machine: machine)
        #expect(throws: XenError.einval) { try domain.events.bindVIRQ(24, vcpu: 0) }
        #expect(throws: XenError.einval) { try domain.events.bindVIRQ(.max, vcpu: 0) }
        #expect(throws: XenError.enoent) { try domain.events.bindVIRQ(VIRQ.timer.rawValue, vcpu: 2) }
        #expect(throws: XenError.einval) { try domain.events.bindVIRQ(VIRQ.console.rawValue, vcpu: 1) }
        let timer0 = try domain.events.bindVIRQ(VIRQ.timer.rawValue, vcpu: 0)
        let timer1 = try domain.events.bindVIRQ(VIRQ.timer.rawValue, vcpu: 1)
        let console = try domain.events.bindVIRQ(VIRQ.console.rawValue, vcpu: 0)
        #expect(throws: XenError.eexist) { try domain.events.bindVIRQ(VIRQ.timer.rawValue, vcpu: 1) }
        #expect(throws: XenError.eexist) { try domain.events.bindVIRQ(VIRQ.console.rawValue, vcpu: 0) }
        #expect(try status(domain, timer1) == (4, 0, 0, 1))
        #expect(domain.events.isBound(.timer, vcpu: VCPUID(1)))
        domain.events.raise(.timer, vcpu: VCPUID(1), domain.sink)
        #expect(domain.handleUpcall(0) == [])
        #expect(domain.handleUpcall(1) == [timer1])
        domain.events.raise(.timer, vcpu: VCPUID(0), domain.sink)
        domain.events.raiseGlobal(.console, domain.sink)
        #expect(domain.handleUpcall(0) == [timer0, console])
        // A global one may move, a vCPU's own may not.
        try domain.events.bindVCPU(port: console, vcpu: 1, domain.sink)
        #expect(throws: XenError.einval) { try domain.events.bindVCPU(port: timer0, vcpu: 1, domain.sink) }
        domain.events.raiseGlobal(.console, domain.sink)
        #expect(domain.handleUpcall(1) == [console])
        try domain.events.close(console)
        #expect(!domain.events.isBound(.console, vcpu: VCPUID(0)))
        domain.events.raiseGlobal(.console, domain.sink)
        domain.events.raise(.debug, vcpu: VCPUID(9), domain.sink)
        #expect(domain.handleAll() == [])
        #expect(throws: XenError.einval) { try domain.events.send(from: timer0, domain.sink) }
    }

    @Test func pirqs() throws {
        let domain = try TestDomain(machine: machine, pirqs: 40)
        #expect(throws: XenError.einval) { try domain.events.bindPIRQ(40) }
        let port = try domain.events.bindPIRQ(39)
        #expect(throws: XenError.eexist) { try domain.events.bindPIRQ(39) }
        #expect(try status(domain, port) == (3, 39, 0, 0))
        domain.events.raisePIRQ(39, domain.sink)
        domain.events.raisePIRQ(38, domain.sink)
        domain.events.raisePIRQ(4000, domain.sink)
        #expect(domain.handleUpcall(0) == [port])
        try domain.events.bindVCPU(port: port, vcpu: 1, domain.sink)
        #expect(domain.trace.routed.map(\.pirq) == [39])
        domain.events.raisePIRQ(39, domain.sink)
        #expect(domain.handleUpcall(1) == [port])
        #expect(throws: XenError.einval) { try domain.events.send(from: port, domain.sink) }
        try domain.events.close(port)
        domain.events.raisePIRQ(39, domain.sink)
        #expect(domain.handleAll() == [])
        #expect(try domain.events.bindPIRQ(39) == port)
        let none = try TestDomain(1, machine: machine)
        #expect(throws: XenError.einval) { try none.events.bindPIRQ(0) }
    }

    @Test func hypervisorsOwnPorts() throws {
        let server = try TestDomain(1, machine: machine)
        let guest = try TestDomain(2, machine: machine)
        let consumer = try #require(XenConsumer(5))
        #expect(throws: XenError.enoent) {
            try guest.events.allocateUnbound(for: server.id, vcpu: VCPUID(2), consumer: consumer)
        }
        let held = try guest.events.allocateUnbound(for: server.id, vcpu: VCPUID(1), consumer: consumer)
        // The guest can do nothing with it.
        #expect(throws: XenError.einval) { try guest.events.close(held) }
        #expect(throws: XenError.einval) { try guest.events.send(from: held, guest.sink) }
        #expect(throws: XenError.eacces) { _ = try status(guest, held) }
        #expect(throws: XenError.einval) { try guest.events.bindVCPU(port: held, vcpu: 0, guest.sink) }
        #expect(throws: XenError.einval) { try guest.events.isPending(polled: held) }
        try guest.unmask(held)
        let near = try Events.bindInterdomain(local: server.ref, remote: guest.ref, remotePort: held, server.sink)
        _ = server.handleAll()
        guest.events.notify(from: held, server.sink)
        #expect(server.handleAll() == [near])
        try server.events.send(from: near, server.sink)
        #expect(server.trace.consumed.map(\.port) == [held])
        #expect(server.trace.consumed.map(\.vcpu) == [Name(domain: 2, vcpu: 1)])
        #expect(guest.handleAll() == [])
        // A reset leaves it alone.
        #expect(try guest.events.reset(resuming: false, guest) { false })
        try server.events.send(from: near, server.sink)
        #expect(server.trace.consumed.count == 2)
        try guest.events.close(held, byGuest: false)
        guest.events.notify(from: held, server.sink)
        guest.events.notify(from: 99_999, server.sink)
        try server.events.send(from: near, server.sink)
        #expect(server.trace.consumed.count == 2)
        #expect(try status(server, near) == (1, 2, 0, 0))
    }

    @Test func badPortsAndVCPUs() throws {
        let domain = try TestDomain(machine: machine)
        for port in [0, 1, 127, 128, 4096, 1 << 17, 1 << 18, .max] as [UInt32] {
            #expect(throws: XenError.einval) { try domain.events.close(port) }
            #expect(throws: XenError.einval) { try domain.events.send(from: port, domain.sink) }
            #expect(throws: XenError.einval) { try domain.events.bindVCPU(port: port, vcpu: 0, domain.sink) }
            #expect(throws: XenError.einval) { try domain.events.isPending(polled: port) }
        }
        #expect(throws: XenError.einval) { try domain.unmask(128) }
        #expect(throws: XenError.einval) { _ = try status(domain, .max) }
        #expect(try status(domain, 0) == (0, 0, 0, 0))
        for vcpu in [2, 128, 1 << 16, .max] as [UInt32] {
            #expect(throws: XenError.enoent) { try domain.events.bindIPI(vcpu: vcpu) }
            #expect(throws: XenError.enoent) { try domain.events.bindVCPU(port: 1, vcpu: vcpu, domain.sink) }
            #expect(throws: XenError.enoent) { try domain.events.initControl(vcpu: vcpu, gfn: GFN(0), offset: 0, domain) }
        }
        let ipi = try domain.events.bindIPI(vcpu: 1)
        #expect(throws: XenError.einval) { try domain.events.bindVCPU(port: ipi, vcpu: 0, domain.sink) }
    }

    @Test func unboundPortSwallowsEvents() throws {
        let domain = try TestDomain(machine: machine)
        let port = try domain.events.allocateUnbound(for: DomainID(9))
        try domain.events.send(from: port, domain.sink)
        #expect(domain.handleAll() == [])
    }

    @Test func dyingDomainGetsNoPorts() throws {
        let a = try TestDomain(1, machine: machine)
        let b = try TestDomain(2, machine: machine)
        let far = try b.events.allocateUnbound(for: a.id)
        let near = try Events.bindInterdomain(local: a.ref, remote: b.ref, remotePort: far, a.sink)
        #expect(b.events.close(b) { false })
        #expect(try status(a, near) == (1, 2, 0, 0))
        #expect(throws: XenError.einval) { try b.events.bindIPI(vcpu: 0) }
        b.destroy()
        try a.events.send(from: near, a.sink)
        a.destroy()
        #expect(machine.outstanding == 0)
    }
}
