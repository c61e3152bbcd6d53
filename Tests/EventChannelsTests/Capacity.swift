// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Foundation
import Machine
import Support
import Testing
import XenABI

@testable import EventChannels

/// As many ports as each ABI has: all bound, all delivered, and each send costs what it cost with ten.
@Suite(.serialized) struct Capacity {
    @Test(arguments: [ABI.twoLevel, .fifo, .threeLevel]) func everyPort(abi: ABI) throws {
        let machine = FakeMachine(frames: 4096)
        let domain = try TestDomain(1, machine: machine, vcpus: 1)
        try domain.use(abi, ports: EventFIFO.ports)
        let before = machine.outstanding
        let ports: UInt32 =
            switch abi {
            case .twoLevel: 4096
            case .fifo: 131_072
            case .threeLevel: 262_144
            }
        for port in 1..<ports {
            let bound = try domain.events.bindIPI(vcpu: 0)
            if bound != port { Issue.record("\(bound) instead of \(port)") }
        }
        #expect(throws: XenError.enospc) { try domain.events.bindIPI(vcpu: 0) }
        print("events: \(abi): \(ports) ports in \((machine.outstanding - before) * 4096 / Int(ports)) bytes each")
        for port in 1..<ports { try domain.events.send(from: port, domain.sink) }
        #expect(domain.trace.takeUpcalls().count == 1)
        let handled = domain.handleUpcall(0)
        #expect(handled.count == Int(ports) - 1)
        #expect(handled == Array(1..<ports))
        // The lowest free port is found wherever it is.
        for port in [ports - 1, 5, ports / 2, 4095] as Set<UInt32> { try domain.events.close(port) }
        #expect(try domain.events.bindIPI(vcpu: 0) == 5)
        domain.destroy()
        #expect(machine.outstanding == 0)
    }

    @Test func aFullThreeLevelTableThenTwoLevel() throws {
        let domain = try TestDomain(1, machine: FakeMachine(frames: 4096), vcpus: 1, layout: .x86_32)
        try domain.use(.fifo, ports: EventFIFO.ports)
        for _ in 1..<131_072 { _ = try domain.events.bindIPI(vcpu: 0) }
        #expect(try domain.events.reset(resuming: false, domain) { false })
        domain.arrayFrames = []
        // The table has more ports now than the ABI: none of them may be given out or reached.
        try domain.use(.threeLevel)
        for _ in 1..<32_768 { _ = try domain.events.bindIPI(vcpu: 0) }
        #expect(throws: XenError.enospc) { try domain.events.bindIPI(vcpu: 0) }
        #expect(throws: XenError.einval) { try domain.events.send(from: 40_000, domain.sink) }
    }
}
