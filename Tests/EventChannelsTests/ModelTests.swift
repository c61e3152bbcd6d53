// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Testing
import XenABI

@testable import EventChannels

/// What a port should be.
private enum Expected: Equatable {
    case unbound(UInt16)
    case interdomain(Int, UInt32)
    case virq(UInt32)
    case ipi
}

/// One domain, kept in dictionaries.
private struct Model {
    var ports: [UInt32: Expected] = [:]
    /// Numbers below can be asked about: as many as have been in use, by the 64.
    var valid: UInt32 = 64
    var vcpu: [UInt32: UInt32] = [:]
    var pending: Set<UInt32> = []
    var masked: Set<UInt32> = []
    /// FIFO: ports that were closed while the guest had them in a queue.
    var lingering: Set<UInt32> = []

    func lowestFree(limit: UInt32) -> UInt32? {
        var port: UInt32 = 1
        while ports[port] != nil || lingering.contains(port) { port += 1 }
        return port <= limit ? port : nil
    }
}

/// Random operations on three domains, each with an ABI of its own, against dictionaries.
@Suite struct ModelTests {
    @Test(arguments: 0..<6) func agreesWithAModel(run: Int) {
        let found = Randomised.disagreement("events", steps: 20_000, seed: Randomised.seed(run: run)) {
            try Session(seed: $0)
        }
        if let found { Issue.record("\(found)") }
    }
}

private struct Session: ModelSession {
    var random = SplitMix(state: 0)
    let machine = FakeMachine(frames: 2048)
    let domains: [TestDomain]
    var models = [Model](repeating: Model(), count: 3)
    static let limit: UInt32 = 200

    init(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let machine = self.machine
        let abis = (0..<3).map { _ in [ABI.twoLevel, .fifo, .threeLevel].randomElement(using: &generator)! }

        domains = try abis.enumerated().map { index, abi in
            let domain = try TestDomain(UInt16(index), machine: machine, vcpus: 3, lastPort: Self.limit)
            try domain.use(abi, ports: 1024)
            _ = domain.handleAll()
            return domain
        }
    }

    mutating func pick() -> Int { Int.random(in: 0..<3, using: &random) }
    /// Mostly a port that there is, sometimes any number.
    mutating func port(_ index: Int) -> UInt32 {
        if Int.random(in: 0..<20, using: &random) == 0 { return UInt32.random(in: 0 ... .max, using: &random) }
        if Int.random(in: 0..<10, using: &random) == 0 { return UInt32.random(in: 0...Session.limit, using: &random) }
        return models[index].ports.keys.sorted().randomElement(using: &random) ?? 1
    }

    mutating func step() throws {
        let d = pick()
        switch Int.random(in: 0..<24, using: &random) {
        case 0: try allocate(d)
        case 1: try bindInterdomain(d)
        case 2: try bindIPI(d)
        case 3: try bindVIRQ(d)
        case 4, 5: try close(d)
        case 6...12: try send(d)
        case 13: mask(d)
        case 14, 15: try unmask(d)
        case 16: try bindVCPU(d)
        case 17: try setPriority(d)
        case 18: try raise(d)
        case 19: try status(d)
        case 20: try poll(d)
        default: try handle(d)
        }
    }

    /// Runs an operation that makes a port, and compares the result with the lowest free one.
    mutating func bind(_ d: Int, _ expected: Expected, vcpu: UInt32, _ operation: () throws -> UInt32) throws {
        let free = models[d].lowestFree(limit: Session.limit)
        do {
            let port = try operation()
            try expect(port == free, "d\(d) got port \(port), expected \(String(describing: free))")
            models[d].ports[port] = expected
            models[d].valid = max(models[d].valid, (port | 63) + 1)
            models[d].vcpu[port] = vcpu
        } catch let error as XenError {
            try expect(error == .enospc && free == nil, "d\(d) got \(error), expected \(String(describing: free))")
        }
    }

    mutating func allocate(_ d: Int) throws {
        let remote = UInt16(pick())
        let events = domains[d].events
        try bind(d, .unbound(remote), vcpu: 0) { try events.allocateUnbound(for: DomainID(remote)) }
    }

    mutating func bindIPI(_ d: Int) throws {
        let vcpu = UInt32(pick())
        let events = domains[d].events
        try bind(d, .ipi, vcpu: vcpu) { try events.bindIPI(vcpu: vcpu) }
    }

    mutating func bindVIRQ(_ d: Int) throws {
        let virq = UInt32.random(in: 0..<26, using: &random)
        let vcpu = UInt32(pick())
        let isLocal = [0, 1, 7, 13].contains(virq)
        let taken = models[d].ports.contains { $0.value == .virq(virq) && (!isLocal || models[d].vcpu[$0.key] == vcpu) }
        let wanted: XenError? = virq >= 24 || (!isLocal && vcpu != 0) ? .einval : taken ? .eexist : nil
        let events = domains[d].events
        guard let wanted else { return try bind(d, .virq(virq), vcpu: vcpu) { try events.bindVIRQ(virq, vcpu: vcpu) } }
        try refuses(wanted) { _ = try events.bindVIRQ(virq, vcpu: vcpu) }
    }

    mutating func bindInterdomain(_ d: Int) throws {
        let r = pick()
        let far = port(r)
        let (local, remote, sink) = (domains[d].ref, domains[r].ref, domains[d].sink)
        guard models[d].lowestFree(limit: Session.limit) != nil else {
            return try refuses(XenError.enospc) {
                _ = try Events.bindInterdomain(local: local!, remote: remote!, remotePort: far, sink)
            }
        }
        guard models[r].ports[far] == .unbound(UInt16(d)) else {
            return try refuses(XenError.einval) {
                _ = try Events.bindInterdomain(local: local!, remote: remote!, remotePort: far, sink)
            }
        }
        var made: UInt32 = 0
        try bind(d, .interdomain(r, far), vcpu: 0) {
            made = try Events.bindInterdomain(local: local!, remote: remote!, remotePort: far, sink)
            return made
        }
        models[r].ports[far] = .interdomain(d, made)
        models[d].pending.insert(made)
    }

    mutating func close(_ d: Int) throws {
        let port = port(d)
        guard let binding = models[d].ports[port] else {
            return try refuses(XenError.einval) { try domains[d].events.close(port) }
        }
        if case .interdomain(let r, let far) = binding { models[r].ports[far] = .unbound(UInt16(d)) }
        try domains[d].events.close(port)
        models[d].ports[port] = nil
        models[d].vcpu[port] = nil
        models[d].pending.remove(port)
        if domains[d].events.isLinked(port) { models[d].lingering.insert(port) }
    }

    mutating func send(_ d: Int) throws {
        let port = port(d)
        switch models[d].ports[port] {
        case .interdomain(let r, let far): models[r].pending.insert(far)
        case .ipi: models[d].pending.insert(port)
        case .unbound: break
        case .virq, nil: return try refuses(XenError.einval) { try domains[d].events.send(from: port, domains[d].sink) }
        }
        try domains[d].events.send(from: port, domains[d].sink)
    }

    mutating func raise(_ d: Int) throws {
        let virq = UInt32.random(in: 0..<24, using: &random)
        guard let named = VIRQ(rawValue: virq) else { return }
        if [0, 1, 7, 13].contains(virq) {
            let vcpu = UInt32(pick())
            domains[d].events.raise(named, vcpu: VCPUID(vcpu), domains[d].sink)
            for (port, what) in models[d].ports where what == .virq(virq) && models[d].vcpu[port] == vcpu {
                models[d].pending.insert(port)
            }
        } else {
            domains[d].events.raiseGlobal(named, domains[d].sink)
            for (port, what) in models[d].ports where what == .virq(virq) { models[d].pending.insert(port) }
        }
    }

    mutating func mask(_ d: Int) {
        let port = port(d)
        guard models[d].ports[port] != nil else { return }
        domains[d].mask(port)
        models[d].masked.insert(port)
    }

    mutating func unmask(_ d: Int) throws {
        let port = port(d)
        guard port < domains[d].events.portCount else { return try refuses(XenError.einval) { try domains[d].unmask(port) } }
        try domains[d].unmask(port)
        if models[d].ports[port] != nil { models[d].masked.remove(port) }
    }

    mutating func bindVCPU(_ d: Int) throws {
        let (port, vcpu) = (port(d), UInt32.random(in: 0..<4, using: &random))
        let events = domains[d].events
        let sink = domains[d].sink
        if vcpu == 3 { return try refuses(XenError.enoent) { try events.bindVCPU(port: port, vcpu: vcpu, sink) } }
        switch models[d].ports[port] {
        case .ipi, nil: return try refuses(XenError.einval) { try events.bindVCPU(port: port, vcpu: vcpu, sink) }
        case .virq(let virq) where [0, 1, 7, 13].contains(virq):
            return try refuses(XenError.einval) { try events.bindVCPU(port: port, vcpu: vcpu, sink) }
        default:
            try events.bindVCPU(port: port, vcpu: vcpu, sink)
            models[d].vcpu[port] = vcpu
        }
    }

    mutating func setPriority(_ d: Int) throws {
        let (port, priority) = (port(d), UInt32.random(in: 0..<17, using: &random))
        let events = domains[d].events
        let wanted: XenError? =
            port >= models[d].valid
            ? .einval
            : events.abi != .fifo ? .enosys : models[d].ports[port] == nil ? .eacces : priority > 15 ? .einval : nil
        if let wanted { return try refuses(wanted) { try events.setPriority(port: port, priority: priority) } }
        try events.setPriority(port: port, priority: priority)
    }

    mutating func status(_ d: Int) throws {
        let port = port(d)
        var status = EventStatus()
        guard port < models[d].valid else {
            return try refuses(XenError.einval) { try domains[d].events.status(port: port, &status) }
        }
        try domains[d].events.status(port: port, &status)
        let expected: (UInt32, UInt32, UInt32) =
            switch models[d].ports[port] {
            case nil: (0, 0, 0)
            case .unbound(let remote): (1, UInt32(remote), 0)
            case .interdomain(let remote, let far): (2, UInt32(remote), far)
            case .virq(let virq): (4, virq, 0)
            case .ipi: (5, 0, 0)
            }
        try expect((status.status, status.detail, status.remotePort) == expected, "status of d\(d) port \(port)")
        try expect(status.vcpu == models[d].vcpu[port] ?? 0, "vCPU of d\(d) port \(port)")
    }

    mutating func poll(_ d: Int) throws {
        let port = port(d)
        guard models[d].ports[port] != nil else {
            return try refuses(XenError.einval) { _ = try domains[d].events.isPending(polled: port) }
        }
        let pending = try domains[d].events.isPending(polled: port)
        try expect(pending == models[d].pending.contains(port), "d\(d) port \(port) pending: \(pending)")
    }

    /// The guest handles its upcalls: exactly what is pending and not masked.
    mutating func handle(_ d: Int) throws {
        let handled = domains[d].handleAll()
        let expected = models[d].pending.subtracting(models[d].masked)
        try expect(handled == expected, "d\(d) handled \(handled.sorted()) instead of \(expected.sorted())")
        models[d].pending.subtract(handled)
        models[d].lingering = models[d].lingering.filter { domains[d].events.isLinked($0) }
    }

    mutating func finish() throws {
        for domain in domains { domain.destroy() }
        try expect(machine.outstanding == 0, "\(machine.outstanding) frames are left")
        try expect(domains.allSatisfy { $0.pinned == 0 }, "frames are still pinned")
    }
}
