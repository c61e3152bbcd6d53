// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Support
import Testing
import XenABI

@testable import Hypercalls

@Suite struct MulticallTests {
    let host = FakeHost()
    typealias Entry = MulticallEntry<Caller64>
    static let size = UInt64(MemoryLayout<Entry>.size)

    func put(_ domain: FakeDomain, _ calls: [(Hypercall, [UInt64])]) {
        for (index, call) in calls.enumerated() {
            var entry = Entry()
            entry.operation = UInt64(call.0.rawValue)
            entry.result = 0xAAAA
            for (number, argument) in call.1.enumerated() { entry.arguments[number] = argument }
            domain.write(entry, at: domain.scratch + UInt64(index) * Self.size)
        }
    }

    func result(_ domain: FakeDomain, _ index: UInt64) -> Int64 {
        Int64(bitPattern: domain.read(Entry.self, at: domain.scratch + index * Self.size).result)
    }

    /// Shows: __HYPERVISOR_multicall
    @Test func eachHasItsResult() throws {
        let domain = try FakeDomain(1, host: host)
        put(domain, [(.xenVersion, [0]), (.multicall, [0, 1]), (.sysctl, []), (.xenVersion, [99])])
        #expect(domain.call(.multicall, domain.scratch.rawValue, 4) == .success)
        #expect(result(domain, 0) == 0x4_0011)
        #expect(result(domain, 1) == Int64(XenError.einval.returnValue))
        #expect(result(domain, 2) == Int64(XenError.enosys.returnValue))
        #expect(result(domain, 3) == Int64(XenError.enosys.returnValue))
        #expect(domain.call(.multicall, domain.scratch.rawValue, 0) == .success)
        #expect(domain.call(.multicall, 1 << 39, 1) == .error(.efault))
        domain.write(UInt64(1) << 32 | 17, at: domain.scratch)
        #expect(domain.call(.multicall, domain.scratch.rawValue, 1) == .success)
        #expect(result(domain, 0) == Int64(XenError.enosys.returnValue))
    }

    /// Shows: __HYPERVISOR_multicall
    @Test func interruptsComeInBetween() throws {
        let domain = try FakeDomain(1, host: host)
        put(domain, (0..<5).map { _ in (.xenVersion, [0]) })
        host.preempts = true
        var (list, count, calls) = (domain.scratch.rawValue, UInt64(5), 0)
        while case .againWithRest(let first, let second, _) = domain.call(.multicall, list, count) {
            (list, count) = (first, second)
            calls += 1
        }
        #expect(calls == 4)
        for index in 0..<5 as Range<UInt64> { #expect(result(domain, index) == 0x4_0011) }
    }

    /// Shows: __HYPERVISOR_multicall
    @Test func aCallGoesOnWhereItStopped() throws {
        let domain = try FakeDomain(1, host: host)
        let argument = domain.reservation(100, from: 0x400)
        let place = GuestVirtualAddress(0x101 << 12)
        domain.write(argument, at: place)
        let copy = domain.scratch + 256
        for index in 0..<100 as Range<UInt64> { domain.write(0x400 + index, at: copy + index * 8) }
        put(
            domain,
            [
                (.xenVersion, [0]), (.memoryOp, [UInt64(MemoryOp.populatePhysmap.rawValue), place.rawValue]),
                (.xenVersion, [0]),
            ])
        host.preempts = true
        var (list, count, calls) = (domain.scratch.rawValue, UInt64(3), 0)
        while case .againWithRest(let first, let second, _) = domain.call(.multicall, list, count) {
            (list, count) = (first, second)
            calls += 1
        }
        #expect(result(domain, 1) == 100 && result(domain, 2) == 0x4_0011)
        #expect(calls == 8)
        #expect(domain.totalPages == 132)
    }

    /// Shows: __HYPERVISOR_multicall
    @Test func waits() throws {
        let domain = try FakeDomain(1, host: host)
        let block: (Hypercall, [UInt64]) = (.schedOp, [UInt64(SchedOp.block.rawValue)])
        put(domain, [block, (.xenVersion, [0]), block])
        #expect(domain.call(.multicall, domain.scratch.rawValue, 3) == .block)
        #expect(result(domain, 0) == 0 && result(domain, 1) == 0x4_0011 && result(domain, 2) == 0)
        put(domain, [block, (.xenVersion, [0])])
        #expect(domain.call(.multicall, domain.scratch.rawValue, 2) == .success)
    }
}
