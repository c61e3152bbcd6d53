// SPDX-License-Identifier: Apache-2.0

import Foundation
import Support
import Synchronization
import Testing
import XenABI

@testable import EventChannels

/// Real threads on the paths without a common lock; `make sanitize` runs them under the thread sanitizer.
@Suite struct ThreadTests {
    static let ports: UInt32 = 100
    static let rounds = 4000

    /// Two senders, a guest that handles its upcalls, and one that masks, moves and opens ports.
    @Test(arguments: [ABI.twoLevel, .fifo, .threeLevel]) func threadsLoseNoEvent(abi: ABI) throws {
        let domain = try TestDomain(machine: FakeMachine(frames: 512))
        try domain.use(abi, ports: 1024)
        for number in 0..<Self.ports { _ = try domain.events.bindIPI(vcpu: number % 2) }
        _ = domain.handleAll()
        let running = Atomic<Int>(3)
        let sent = Sent()
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            if thread == 3 {
                while running.load(ordering: .acquiring) > 0 { sent.note(handled: domain.handleAll()) }
                return
            }
            var random = SplitMix(state: UInt64(thread))
            for _ in 0..<Self.rounds {
                let port = UInt32.random(in: 1...Self.ports, using: &random)
                if thread < 2 {
                    if (try? domain.events.send(from: port, domain.sink)) != nil { sent.note(sent: port) }
                } else {
                    change(domain, port, &random)
                }
            }
            running.subtract(1, ordering: .releasing)
        }
        for port in 1...Self.ports { try? domain.unmask(port) }
        sent.note(handled: domain.handleAll())
        // All that was sent has been handled, and nothing is pending any more.
        #expect(sent.sent.subtracting(sent.handled).isEmpty)
        for port in 1...Self.ports { #expect(try !domain.events.isPending(polled: port)) }
        domain.destroy()
        #expect(domain.machine.outstanding == 0)
    }

    private func change(_ domain: TestDomain, _ port: UInt32, _ random: inout SplitMix) {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: domain.mask(port)
        case 1: try? domain.events.setPriority(port: port, priority: UInt32.random(in: 0..<16, using: &random))
        default: try? domain.unmask(port)
        }
    }

    private final class Sent: @unchecked Sendable {
        private let lock = NSLock()
        private(set) var sent: Set<UInt32> = []
        private(set) var handled: Set<UInt32> = []
        func note(sent port: UInt32) { _ = lock.withLock { sent.insert(port) } }
        func note(handled ports: Set<UInt32>) { lock.withLock { handled.formUnion(ports) } }
    }
}
