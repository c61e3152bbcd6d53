// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Support
import Testing
import XenABI

@testable import Hypercalls

@Suite struct VirtualNUMATests {
    let host = FakeHost()
    let dom0: FakeDomain
    let guest: FakeDomain

    init() throws {
        dom0 = try FakeDomain(0, host: host, privileged: true)
        guest = try FakeDomain(4, host: host)
    }

    /// Two nodes, three ranges, on the physical nodes 0 and 9.
    func give() throws {
        let frames = guest.platform.frames
        let numa = try VirtualNUMA(nodes: 2, ranges: 3, vcpus: 2, frames)
        for index in 0..<4 as Range<UInt32> { numa.setDistance(index, 10 + index, frames) }
        for index in 0..<3 as Range<UInt32> {
            var range = VMemRange<Caller64>()
            range.start = UInt64(index) << 30
            range.node = index & 1
            try numa.setRange(index, range, frames)
        }
        for index in 0..<2 as Range<UInt32> {
            try numa.setNode(ofVCPU: index, 1 - index, frames)
            try numa.setPhysicalNode(of: index, index * 9, frames)
        }
        guest.ref.pointee.setVirtualNUMA(numa, guest.platform)
    }

    func ask(
        by domain: FakeDomain? = nil, _ change: (inout VNUMATopologyInfo<Caller64>) -> Void = { _ in }
    ) -> (Outcome, VNUMATopologyInfo<Caller64>) {
        let domain = domain ?? guest
        var argument = VNUMATopologyInfo<Caller64>()
        argument.domain = 4
        (argument.nrVnodes, argument.nrVCPUs, argument.nrVMemRanges) = (8, 8, 8)
        argument.vdistance = domain.scratch.rawValue + 512
        argument.vcpuToVnode = domain.scratch.rawValue + 1024
        argument.vmemrange = domain.scratch.rawValue + 2048
        change(&argument)
        let outcome = domain.memory(.getVNUMAInfo, &argument)
        return (outcome, argument)
    }

    /// Shows: XENMEM_get_vnumainfo
    @Test func told() throws {
        #expect(ask().0 == .error(.eopnotsupp))
        let before = host.machine.outstanding
        try give()
        let (outcome, told) = ask()
        #expect(outcome == .success && told.nrVnodes == 2 && told.nrVCPUs == 2 && told.nrVMemRanges == 3)
        let distances = (0..<4).map { guest.read(UInt32.self, at: guest.scratch + 512 + UInt64($0) * 4) }
        let nodes = (0..<2).map { guest.read(UInt32.self, at: guest.scratch + 1024 + UInt64($0) * 4) }
        #expect(distances == [10, 11, 12, 13] && nodes == [1, 0])
        let range: VMemRange<Caller64> = guest.read(at: guest.scratch + 2048 + 48)
        #expect(range.start == 2 << 30 && range.node == 0)
        // Less room: how much there is.
        let fields: [WritableKeyPath<VNUMATopologyInfo<Caller64>, UInt32>] = [\.nrVnodes, \.nrVCPUs, \.nrVMemRanges]
        for field in fields {
            for count in 0...1 as ClosedRange<UInt32> {
                let (outcome, told) = ask { $0[keyPath: field] = count }
                #expect(outcome == .error(.enobufs) && told.nrVnodes == 2 && told.nrVCPUs == 2 && told.nrVMemRanges == 3)
            }
            #expect(ask { $0[keyPath: field] = .max }.0 == .success)
        }
        #expect(ask { $0.pad = 1 }.0 == .error(.einval))
        #expect(ask { $0.domain = 9 }.0 == .error(.esrch))
        #expect(ask { $0.domain = 0 }.0 == .error(.eperm))
        #expect(ask(by: dom0).0 == .success)
        let places: [WritableKeyPath<VNUMATopologyInfo<Caller64>, UInt64>] = [\.vdistance, \.vcpuToVnode, \.vmemrange]
        for place in places {
            for bad in [1 << 39, UInt64.max - 7, 1 << 63] { #expect(ask { $0[keyPath: place] = bad }.0 == .error(.efault)) }
        }
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.getVNUMAInfo.rawValue), 1 << 39) == .error(.efault))
        #expect(guest.call(.memoryOp, UInt64(MemoryOp.getVNUMAInfo.rawValue) | 64, 0) == .error(.einval))
        try give()
        #expect(host.machine.outstanding == before + 3)
        guest.ref.pointee.setVirtualNUMA(nil, guest.platform)
        #expect(host.machine.outstanding == before && ask().0 == .error(.eopnotsupp))
    }

    /// Shows: XENMEM_populate_physmap
    @Test func memoryGoesToTheNodeUnderneath() throws {
        func populate(_ node: UInt32, isExact: Bool, at gfn: UInt64) -> Outcome {
            var argument = guest.reservation(1, from: gfn)
            let flags = MemoryFlags.virtualNodeBit | (isExact ? MemoryFlags.exactNodeBit : 0)
            argument.flags = MemoryFlags(rawValue: flags | (node &+ 1) << 8)
            return guest.memory(.populatePhysmap, &argument)
        }
        #expect(populate(7, isExact: true, at: 0x400) == .value(1), "no virtual nodes, no wish")
        try give()
        #expect(populate(0, isExact: true, at: 0x401) == .value(1))
        #expect(populate(1, isExact: true, at: 0x402) == .value(0), "physical node 9 there is not")
        #expect(populate(1, isExact: false, at: 0x402) == .value(1))
        #expect(populate(2, isExact: false, at: 0x403) == .value(0))
        #expect(populate(.max, isExact: false, at: 0x403) == .value(0))
    }

    @Test func limits() throws {
        let frames = host.machine.source
        for (nodes, ranges, vcpus) in [(0, 1, 1), (33, 1, 1), (.max, 1, 1), (1, 171, 1), (1, .max, 1), (1, 1, 513)]
            as [(UInt32, UInt32, UInt32)]
        {
            #expect(throws: XenError.einval) {
                let numa = try VirtualNUMA(nodes: nodes, ranges: ranges, vcpus: vcpus, frames)
                numa.destroy(frames)
            }
        }
        let before = host.machine.outstanding
        for failing in 0..<3 {
            host.machine.failAfter = failing
            #expect(throws: XenError.enomem) {
                let numa = try VirtualNUMA(nodes: 32, ranges: 170, vcpus: 128, frames)
                numa.destroy(frames)
            }
        }
        host.machine.failAfter = nil
        #expect(host.machine.outstanding == before)
        let numa = try VirtualNUMA(nodes: 32, ranges: 170, vcpus: 128, frames)
        #expect(throws: XenError.e2big) { try numa.setNode(ofVCPU: 0, 32, frames) }
        #expect(throws: XenError.e2big) { try numa.setPhysicalNode(of: 0, 64, frames) }
        var range = VMemRange<Caller64>()
        range.flags = 1
        #expect(throws: XenError.einval) { try numa.setRange(0, range, frames) }
        numa.destroy(frames)
        #expect(host.machine.outstanding == before)
    }
}
