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

@Suite struct RobustnessTests {
    /// Each allocation fails in turn, and each pin: an error comes back, and nothing leaks.
    @Test(arguments: [ABI.twoLevel, .fifo, .threeLevel]) func everyFailureIsClean(abi: ABI) throws {
        for point in 0..<60 {
            let machine = FakeMachine(frames: 512)
            machine.failAfter = point
            let domain: TestDomain
            do {
                domain = try TestDomain(1, machine: machine, vcpus: 18, layout: .x86_64, pirqs: 2000)
            } catch {
                #expect(error as? XenError == .enomem)
                #expect(machine.outstanding == 0)
                continue
            }
            do {
                try domain.use(abi, ports: 4096)
                for _ in 0..<700 { _ = try domain.events.bindIPI(vcpu: 17) }
            } catch {
                #expect(error as? XenError == .enomem)
                // It works again once there is memory, with no port lost.
                machine.failAfter = nil
                let port = try domain.events.bindIPI(vcpu: 0)
                #expect(try domain.events.bindIPI(vcpu: 0) == port + 1)
            }
            domain.destroy()
            #expect(domain.pinned == 0)
            #expect(machine.outstanding == 0)
        }
    }

    /// One thread sends, one handles and masks: at the end the handler has seen the last thing that was sent.
    @Test(arguments: [ABI.twoLevel, .fifo, .threeLevel]) func noEventIsLostBetweenThreads(abi: ABI) throws {
        let machine = FakeMachine(frames: 512)
        let domain = try TestDomain(1, machine: machine, vcpus: 2)
        try domain.use(abi, ports: 1024)
        let count = 16
        let ports = try (0..<count).map { try domain.events.bindIPI(vcpu: UInt32($0 % 2)) }
        let sent = (0..<count).map { _ in Box() }
        let seen = (0..<count).map { _ in Box() }
        let running = Atomic(2)
        let rounds = 5_000
        for thread in 0..<2 {
            // Two senders, each with its own half of the ports.
            Thread.detachNewThread {
                var random = SplitMix(state: UInt64(thread))
                for _ in 0..<rounds {
                    let index = Int(random.next() % UInt64(count / 2)) * 2 + thread
                    sent[index].value.wrappingAdd(1, ordering: .sequentiallyConsistent)
                    try! domain.events.send(from: ports[index], domain.sink)
                    if random.next() % 64 == 0 && abi == .fifo {
                        try! domain.events.setPriority(port: ports[index], priority: UInt32(random.next() % 16))
                    }
                }
                running.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            }
        }
        func handle() {
            for vcpu in 0..<2 {
                _ = domain.handleUpcall(vcpu) { port in
                    let index = ports.firstIndex(of: port)!
                    seen[index].value.store(
                        sent[index].value.load(ordering: .sequentiallyConsistent), ordering: .sequentiallyConsistent)
                }
            }
        }
        var random = SplitMix(state: 99)
        while running.load(ordering: .sequentiallyConsistent) > 0 {
            handle()
            let port = ports[Int(random.next() % UInt64(count))]
            domain.mask(port)
            handle()
            try domain.unmask(port)
        }
        handle()
        for index in 0..<count {
            #expect(
                seen[index].value.load(ordering: .relaxed) == sent[index].value.load(ordering: .relaxed),
                "port \(ports[index])")
        }
        #expect(domain.trace.lost.isEmpty)
    }

    /// Binding, closing and sending between two domains from two threads, both ways.
    @Test func bindingRacesSending() throws {
        let machine = FakeMachine(frames: 512)
        let a = try TestDomain(1, machine: machine)
        let b = try TestDomain(2, machine: machine)
        let running = Atomic(2)
        for (local, remote) in [(a, b), (b, a)] {
            Thread.detachNewThread {
                for _ in 0..<400 {
                    guard let far = try? remote.events.allocateUnbound(for: local.id) else { continue }
                    guard
                        let near = try? Events.bindInterdomain(
                            local: local.ref, remote: remote.ref, remotePort: far, local.sink)
                    else { continue }
                    try? local.events.send(from: near, local.sink)
                    try? remote.events.send(from: far, local.sink)
                    try? local.events.close(near)
                    try? remote.events.close(far)
                }
                running.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            }
        }
        while running.load(ordering: .sequentiallyConsistent) > 0 {
            for port in 1..<8 as Range<UInt32> {
                try? a.events.send(from: port, a.sink)
                try? b.events.close(port)
            }
            _ = a.handleAll()
            _ = b.handleAll()
        }
        for domain in [a, b] {
            for port in 1..<domain.events.portCount { try? domain.events.close(port) }
            #expect(try domain.events.bindIPI(vcpu: 0) == 1)
            domain.destroy()
        }
        #expect(machine.outstanding == 0)
    }

    /// The switch to another ABI while events are being sent.
    @Test(arguments: [ABI.fifo, .threeLevel]) func switchingRacesSending(abi: ABI) throws {
        for _ in 0..<30 {
            let domain = try TestDomain(1, machine: FakeMachine(frames: 256), vcpus: 1)
            let ports = try (0..<8).map { _ in try domain.events.bindIPI(vcpu: 0) }
            let done = Atomic(false)
            Thread.detachNewThread {
                for round in 0..<400 { try! domain.events.send(from: ports[round % 8], domain.sink) }
                done.store(true, ordering: .sequentiallyConsistent)
            }
            try domain.use(abi, ports: 1024)
            while !done.load(ordering: .sequentiallyConsistent) { usleep(10) }
            // All eight were sent at least once, and nobody handled any before.
            #expect(domain.handleAll() == Set(ports))
        }
    }
}

private final class Box: Sendable {
    let value = Atomic(0)
}
