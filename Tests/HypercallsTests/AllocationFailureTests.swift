// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
@testable import EventChannels
import GrantTables
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// An operation that allocates: what it needs first, and what a caller sees of how it went.
struct Allocating: CustomTestStringConvertible, Sendable {
    let name: String
    let prepare: @Sendable (Pair) -> Void
    let operate: @Sendable (Pair) -> String
    var testDescription: String { name }

    init(
        _ name: String, prepare: @escaping @Sendable (Pair) -> Void = { _ in },
        _ operate: @escaping @Sendable (Pair) -> String
    ) {
        (self.name, self.prepare, self.operate) = (name, prepare, operate)
    }
}

/// The toolstack's domain and another.
final class Pair {
    let host = FakeHost()
    let dom0: FakeDomain
    let guest: FakeDomain

    init() throws {
        dom0 = try FakeDomain(0, host: host, privileged: true)
        guest = try FakeDomain(4, host: host)
    }

    /// All that could leak.
    var state: String {
        let held = host.owners.values.map(\.holds).reduce(0, +)
        let owned = [dom0, guest].map { domain in
            "\(domain.totalPages) pages, \(domain.ref.pointee.events.pointee.ports.count) ports"
        }
        return "\(host.machine.outstanding) frames, \(held) references, \(host.claimed) claimed, \(owned)"
    }
}

extension Allocating {
    static func add(_ space: MapSpace, index: UInt64 = 0, at gfn: UInt64) -> @Sendable (Pair) -> String {
        { pair in
            var argument = AddToPhysmap<Caller64>()
            argument.domain = ReservedDomain.caller
            argument.space = space.rawValue
            argument.index = index
            argument.gpfn = gfn
            return "\(pair.guest.memory(.addToPhysmap, &argument))"
        }
    }

    static func event<Argument: BitwiseCopyable>(
        _ operation: EventChannelOp, _ type: Argument.Type, _ fill: @escaping @Sendable (inout Argument) -> Void,
        _ make: @escaping @Sendable () -> Argument
    ) -> @Sendable (Pair) -> String {
        { pair in
            var argument = make()
            fill(&argument)
            return "\(pair.guest.event(operation, &argument))"
        }
    }

    /// The next port needs a frame.
    static func fillPorts(_ pair: Pair) {
        let requests = pair.host.machine.requests
        let full = pair.guest.ref.pointee.events.pointee.ports.count - 1
        for _ in 0..<full {
            var ipi = EventBindIPI()
            _ = pair.guest.event(.bindIPI, &ipi)
        }
        #expect(pair.host.machine.requests == requests)
    }

    static func populate(_ gfn: UInt64, order: UInt32 = 0) -> @Sendable (Pair) -> String {
        { pair in
            var argument = pair.guest.reservation(1, from: gfn, order: order)
            return "\(pair.guest.memory(.populatePhysmap, &argument))"
        }
    }

    @Sendable static func promise(_ pair: Pair) {
        pair.host.isX86 = true
        let isMarked = pair.guest.ref.pointee.markOnDemand(GFN(0x800), order: 9, pair.guest.platform)
        #expect(isMarked)
    }

    @Sendable static func demand(_ pair: Pair) {
        promise(pair)
        let isSet = try? pair.guest.ref.pointee.setOnDemandTarget(40, pair.guest.platform)
        #expect(isSet == true)
    }

    static func mapGrant(_ pair: Pair) -> String {
        var map = GrantMap()
        map.domain = 4
        map.ref = 9
        map.flags = GrantMapFlag.hostMap
        map.hostAddress = 0x40_0000 << 12
        let outcome = pair.dom0.grant(.mapGrantRef, &map)
        return "\(outcome) \(map.status == 0)"
    }

    static func grantOne(_ pair: Pair) {
        _ = add(.grantTable, at: 0x200)(pair)
        var entry = GrantEntryV1()
        entry.flags = GrantFlag.permitAccess
        entry.domain = 0
        entry.frame = 0x105
        pair.guest.write(entry, at: GuestVirtualAddress(0x200 << 12) + 9 * 8)
    }

    static let all: [Allocating] = [
        Allocating("populate", populate(0x40_0000)),
        Allocating("populate 8", populate(0x40_0000, order: 3)),
        Allocating("increase") { pair in
            var argument = pair.guest.reservation(1, from: 0, order: 2)
            return "\(pair.guest.memory(.increaseReservation, &argument))"
        },
        Allocating("decrease of a large entry", prepare: { _ = populate(0x40_0000, order: 9)($0) }) { pair in
            var argument = pair.guest.reservation(1, from: 0x40_0007)
            return "\(pair.guest.memory(.decreaseReservation, &argument))"
        },
        Allocating("shared_info", add(.sharedInfo, at: 0x40_0000)),
        Allocating("move", prepare: { $0.host.isX86 = true }, add(.gmfn, index: 0x105, at: 0x40_0000)),
        Allocating("set_memory_map", prepare: { $0.host.isX86 = true }) { pair in
            var argument = ForeignMemoryMap<Caller64>()
            argument.domain = 4
            argument.map.nrEntries = 30
            argument.map.buffer = pair.dom0.scratch.rawValue + 256
            return "\(pair.dom0.memory(.setMemoryMap, &argument))"
        },
        Allocating("promise", prepare: { $0.host.isX86 = true }) { pair in
            var argument = pair.dom0.reservation(1, from: 0x40_0000)
            argument.domain = 4
            argument.flags = MemoryFlags(rawValue: MemoryFlags.populateOnDemandBit)
            return "\(pair.dom0.memory(.populatePhysmap, &argument))"
        },
        Allocating("set_pod_target", prepare: promise) { pair in
            var argument = PoDTarget<Caller64>()
            argument.domain = 4
            argument.targetPages = 40
            return "\(pair.dom0.memory(.setPoDTarget, &argument)) \(argument.cachePages)"
        },
        Allocating("demand", prepare: demand) { pair in
            "\(pair.guest.access(0x800, write: true))"
        },
        Allocating("first grant frame", add(.grantTable, at: 0x40_0000)),
        Allocating("sixth grant frame", add(.grantTable, index: 5, at: 0x40_0000)),
        Allocating("foreign") { pair in
            let list = pair.dom0.scratch + 512
            pair.dom0.write(UInt64(0x105), at: list)
            pair.dom0.write(UInt64(0x40_0000), at: list + 8)
            var argument = AddToPhysmapBatch<Caller64>()
            argument.domain = ReservedDomain.caller
            argument.space = UInt16(MapSpace.gmfnForeign.rawValue)
            argument.size = 1
            argument.foreignDomain = 4
            (argument.indexes, argument.gpfns, argument.errors) = (list.rawValue, list.rawValue + 8, list.rawValue + 16)
            let outcome = pair.dom0.memory(.addToPhysmapBatch, &argument)
            return "\(outcome) \(pair.dom0.read(Int32.self, at: list + 16))"
        },
        Allocating("acquire_resource") { pair in
            let list = pair.dom0.scratch + 512
            pair.dom0.write(UInt64(0x40_0000), at: list)
            var argument = AcquireResource<Caller64>()
            argument.domain = 4
            argument.type = ResourceType.grantTable.rawValue
            argument.nrFrames = 1
            argument.frame = 4
            argument.frameList = list.rawValue
            return "\(pair.dom0.memory(.acquireResource, &argument))"
        },
        Allocating("map_grant_ref", prepare: grantOne, mapGrant),
        Allocating("setup_table") { pair in
            var argument = GrantSetupTable<Caller64>()
            argument.domain = ReservedDomain.caller
            argument.nrFrames = 6
            argument.frameList = (pair.guest.scratch + 512).rawValue
            let outcome = pair.guest.grant(.setupTable, &argument)
            return "\(outcome) \(argument.status)"
        },
        Allocating("set_version") { pair in
            var argument = GrantSetVersion()
            argument.version = 2
            let outcome = pair.guest.grant(.setVersion, &argument)
            return "\(outcome) \(argument.version)"
        },
        Allocating(
            "alloc_unbound", prepare: fillPorts,
            event(.allocUnbound, EventAllocUnbound.self, { $0.domain = ReservedDomain.caller }, { .init() })),
        Allocating("bind_ipi", prepare: fillPorts, event(.bindIPI, EventBindIPI.self, { $0.vcpu = 1 }, { .init() })),
        Allocating(
            "bind_virq", prepare: fillPorts,
            event(.bindVIRQ, EventBindVIRQ.self, { $0.virq = VIRQ.timer.rawValue }, { .init() })),
    ]
}

/// Whatever allocation fails, the operation says so, and done again it leaves what it leaves when nothing fails: nothing has
/// been lost on the way, and nothing is held.
@Suite struct AllocationFailureTests {
    @Test(arguments: Allocating.all) func nothingIsLost(_ operation: Allocating) throws {
        let smooth = try Pair()
        operation.prepare(smooth)
        let before = smooth.host.machine.requests
        let wanted = operation.operate(smooth)
        let requests = smooth.host.machine.requests - before
        #expect(requests > 0)
        for failing in 0..<requests {
            let pair = try Pair()
            operation.prepare(pair)
            let references = pair.host.owners.values.map(\.holds).reduce(0, +)
            pair.host.machine.failAfter = failing
            let outcome = operation.operate(pair)
            pair.host.machine.failAfter = nil
            #expect(outcome != wanted, "failure \(failing)")
            #expect(pair.host.owners.values.map(\.holds).reduce(0, +) == references, "failure \(failing)")
            #expect(operation.operate(pair) == wanted, "failure \(failing)")
            #expect(pair.state == smooth.state, "failure \(failing)")
        }
        print("\(operation.name): \(requests) allocations, each failed")
    }
}
