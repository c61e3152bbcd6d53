// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
@testable import Domains
import EventChannels
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// A domctl as a guest lays it out: header and union.
struct DomctlArgument: BitwiseCopyable {
    var header = DomctlHeader()
    var payload = InlineArray<16, UInt64>(repeating: 0)

    mutating func put<Value: BitwiseCopyable>(_ value: Value) {
        withUnsafeMutableBytes(of: &payload) { $0.storeBytes(of: value, as: Value.self) }
    }
    func take<Value: BitwiseCopyable>(_ type: Value.Type = Value.self) -> Value {
        withUnsafeBytes(of: payload) { $0.loadUnaligned(as: Value.self) }
    }
}

extension FakeDomain {
    func domctl(_ operation: UInt32, _ domain: UInt16, _ argument: inout DomctlArgument, version: UInt32 = 0x15) -> Outcome {
        argument.header.command = operation
        argument.header.interfaceVersion = version
        argument.header.domain = domain
        write(argument, at: scratch)
        let outcome = call(.domctl, scratch.rawValue)
        argument = read(at: scratch)
        return outcome
    }

    func domctl(_ operation: Domctl, _ domain: UInt16) -> Outcome {
        var argument = DomctlArgument()
        return domctl(operation.rawValue, domain, &argument)
    }

    func domctl<Value: BitwiseCopyable>(_ operation: Domctl, _ domain: UInt16, _ value: inout Value) -> Outcome {
        var argument = DomctlArgument()
        argument.put(value)
        let outcome = domctl(operation.rawValue, domain, &argument)
        value = argument.take()
        return outcome
    }

    static func config() -> CreateDomain<ARMDomainConfig> {
        var config = CreateDomain<ARMDomainConfig>()
        config.flags = CreateFlag.hvm | CreateFlag.hap
        config.maximumVCPUs = 2
        config.maximumPort = 1023
        config.maximumGrantFrames = -1
        config.maximumMaptrackFrames = 4
        config.grantOptions = 1
        return config
    }

    /// Makes a domain; its number goes to `id`.
    func create(
        _ wanted: UInt16 = 0, _ id: inout UInt16, _ config: CreateDomain<ARMDomainConfig> = FakeDomain.config()
    ) -> Outcome {
        var argument = DomctlArgument()
        argument.put(config)
        let outcome = domctl(Domctl.createDomain.rawValue, wanted, &argument)
        id = argument.header.domain
        return outcome
    }

    func information(_ id: UInt16) -> DomainInfo<ARMDomainConfig> {
        var info = DomainInfo<ARMDomainConfig>()
        #expect(domctl(.getDomainInfo, id, &info) == .success)
        return info
    }

    /// Ends a domain, however often that has to be asked. Returns how often.
    func destroy(_ id: UInt16) -> Int {
        for round in 1...100_000 {
            let outcome = domctl(.destroyDomain, id)
            guard case .again = outcome else {
                #expect(outcome == .success)
                return round
            }
        }
        Issue.record("it never ends")
        return 0
    }
}

/// A toolstack, and all that could leak.
struct Toolstack {
    let host = FakeHost()
    let dom0: FakeDomain

    init() throws {
        dom0 = try FakeDomain(0, host: host, privileged: true)
        host.units = [0, 1]
        // The directory's own frames, which stay, and dom0's.
        try dom0.platform.directory.pointee.reserve(DomainID(100), in: host.machine.source)
    }

    var state: String {
        let held = host.owners.values.map(\.holds).reduce(0, +)
        return """
            \(host.machine.outstanding) frames, \(host.owners.count) owned, \(held) references, \(host.claimed) claimed, \
            \(host.units.count) units, \(host.asleep.count) asleep, \(host.extras) extras, \(dom0.totalPages) pages
            """
    }

    /// A domain with two vCPUs and some memory, running.
    func make(_ wanted: UInt16 = 0, pages: UInt64 = 8) -> UInt16 {
        var id: UInt16 = 0
        #expect(dom0.create(wanted, &id) == .success)
        #expect(vcpusAndMemory(id, pages) == .success)
        #expect(dom0.domctl(.unpauseDomain, id) == .success)
        return id
    }

    func vcpusAndMemory(_ id: UInt16, _ pages: UInt64) -> Outcome {
        var vcpus = DomctlMaxVCPUs()
        vcpus.maximum = 2
        let outcome = dom0.domctl(.maxVCPUs, id, &vcpus)
        guard outcome == .success else { return outcome }
        var limit = DomctlMaxMem()
        limit.kibibytes = 4 * 64
        #expect(dom0.domctl(.maxMem, id, &limit) == .success)
        return populate(id, pages)
    }

    func populate(_ id: UInt16, _ pages: UInt64) -> Outcome {
        var argument = dom0.reservation(pages, from: 0x4_0000)
        argument.domain = id
        let outcome = dom0.memory(.populatePhysmap, &argument)
        return outcome == .value(Int64(pages)) ? .success : outcome
    }

    func domain(_ id: UInt16) -> Ref<Domain<FakePlatform>>? { dom0.platform.domain(DomainID(id)) }

    func bury() { dom0.platform.directory.pointee.bury(dom0.platform) }
}
