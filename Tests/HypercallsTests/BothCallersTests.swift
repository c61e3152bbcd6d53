// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
@testable import EventChannels
import GrantTables
import Machine
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// Where an operation's structure is.
enum Place: CaseIterable {
    case good, misaligned, nowhere, halfNowhere, atTheEnd
}

/// Every operation whose structure, lists or handles have the caller's width, asked for by a caller of one width. What it tells
/// is what both must tell.
struct CallerOperations<Caller: CallerABI> {
    let pair: Pair
    var guest: FakeDomain { pair.guest }
    var dom0: FakeDomain { pair.dom0 }

    init() throws {
        pair = try Pair()
        pair.host.isX86 = true
        pair.host.preempts = true
    }

    static var size: UInt64 { UInt64(MemoryLayout<Caller.Word>.size) }

    func address<Value>(_ place: Place, _ type: Value.Type, of domain: FakeDomain) -> UInt64 {
        let size = UInt64(MemoryLayout<Value>.size)
        return switch place {
        case .good: domain.scratch.rawValue
        case .misaligned: domain.scratch.rawValue + 1
        case .nowhere: 0xf000_0000
        case .halfNowhere: domain.end - size / 2
        case .atTheEnd: domain.end - size
        }
    }

    /// Makes the call, again for as long as it wants to be.
    func call(_ domain: FakeDomain, _ number: Hypercall, _ arguments: [UInt64]) -> String {
        var list = InlineArray<5, UInt64>(repeating: 0)
        for (index, argument) in arguments.enumerated() { list[index] = argument }
        while true {
            let call = Call<FakePlatform, Caller>(platform: domain.platform, vcpu: domain.vcpus[0], arguments: list)
            switch call.perform(number.rawValue) {
            case .again(let first): list[0] = first
            case .againWithRest(let first, let second, let third): (list[0], list[1], list[2]) = (first, second, third)
            case let outcome: return "\(outcome)"
            }
        }
    }

    /// The call with a structure at `place`; what comes of it, and what `tell` says of the structure then.
    func ask<Argument: BitwiseCopyable>(
        _ number: Hypercall, _ operation: UInt32, _ argument: Argument, _ place: Place, by domain: FakeDomain,
        third: UInt64 = 1, _ tell: (Argument) -> String = { _ in "" }
    ) -> String {
        let address = address(place, Argument.self, of: domain)
        if place != .nowhere && place != .halfNowhere { domain.write(argument, at: Address(address)) }
        let outcome = call(domain, number, [UInt64(operation), address, third])
        guard place != .nowhere && place != .halfNowhere else { return outcome }
        return outcome + " " + tell(domain.read(at: Address(address)))
    }

    func memory<Argument: BitwiseCopyable>(
        _ operation: MemoryOp, _ argument: Argument, _ place: Place, by domain: FakeDomain,
        _ tell: (Argument) -> String = { _ in "" }
    ) -> String {
        ask(.memoryOp, operation.rawValue, argument, place, by: domain, tell)
    }

    /// A list of words where nothing else is, and its handle.
    func list(_ values: [UInt64], at offset: UInt64, of domain: FakeDomain) -> Caller.Word {
        let start = domain.scratch + 1024 + offset
        for (index, value) in values.enumerated() {
            domain.write(Caller.Word(lowBits: value), at: start + UInt64(index) * Self.size)
        }
        return Caller.Word(lowBits: start.rawValue)
    }

    func told(_ handle: Caller.Word, _ count: Int, of domain: FakeDomain) -> [UInt64] {
        (0..<UInt64(count)).map {
            domain.read(Caller.Word.self, at: Address(handle.wide + $0 * Self.size)).wide & 0xffff_ffff
        }
    }
}

/// Whether both decoders lead to the same: results, what is written back, and what the domains look like.
@Suite struct BothCallersTests {
    @Test(arguments: CallerOperations<Caller64>.names) func agree(_ name: String) throws {
        for place in Place.allCases {
            let (narrow, wide) = (try CallerOperations<Caller32>(), try CallerOperations<Caller64>())
            #expect(narrow.perform(name, place) == wide.perform(name, place), "\(place)")
            #expect(narrow.pair.state == wide.pair.state, "\(place)")
        }
    }

    /// Allocations fail at the same points, with the same to show for it.
    @Test(arguments: CallerOperations<Caller64>.names) func failAlike(_ name: String) throws {
        let smooth = try CallerOperations<Caller32>()
        let before = smooth.pair.host.machine.requests
        _ = smooth.perform(name, .good)
        for failing in 0..<smooth.pair.host.machine.requests - before {
            let (narrow, wide) = (try CallerOperations<Caller32>(), try CallerOperations<Caller64>())
            for host in [narrow.pair.host, wide.pair.host] { host.machine.failAfter = failing }
            #expect(narrow.perform(name, .good) == wide.perform(name, .good), "failure \(failing)")
            #expect(narrow.pair.state == wide.pair.state, "failure \(failing)")
        }
    }

    /// What the two are told differently, as on Xen.
    @Test func differ() throws {
        let (narrow, wide) = (try CallerOperations<Caller32>(), try CallerOperations<Caller64>())
        #expect(narrow.claim() == "\(Outcome.error(.enosys)) " && wide.claim() == "\(Outcome.success) ")
        #expect(narrow.setUpNone() == "\(Outcome.success) " && wide.setUpNone() == "\(Outcome.error(.einval)) ")
        #expect(
            narrow.timerOfAnother() == "\(Outcome.error(.efault))" && wide.timerOfAnother() == "\(Outcome.error(.einval))")
    }
}
