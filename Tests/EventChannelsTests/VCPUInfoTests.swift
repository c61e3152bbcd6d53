// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Testing
import XenABI

@testable import EventChannels

@Suite struct VCPUInfoTests {
    let machine = FakeMachine(frames: 256)

    @Test func checks() throws {
        let domain = try TestDomain(1, machine: machine, registers: false)
        let gfn = try domain.addFrame()
        func register(_ vcpu: UInt32, _ gfn: GFN, _ offset: UInt32) throws {
            try domain.events.registerVCPUInfo(vcpu: VCPUID(vcpu), gfn: gfn, offset: offset, domain, domain.sink)
        }
        #expect(domain.events.vcpuInfo(VCPUID(1)) == nil)
        #expect(!domain.events.isUpcallPending(VCPUID(1)))
        #expect(domain.events.vcpuInfo(VCPUID(5)) == nil)
        for offset in [1, 4, 4049, 4096, .max] as [UInt32] {
            #expect(throws: XenError.enxio) { try register(1, gfn, offset) }
        }
        #expect(throws: XenError.enoent) { try register(2, gfn, 0) }
        #expect(throws: XenError.einval) { try register(1, GFN(77), 0) }
        try register(1, gfn, 4096 - 48)
        #expect(domain.events.isUpcallPending(VCPUID(1)))
        #expect(throws: XenError.einval) { try register(1, gfn, 0) }
        #expect(domain.pinned == 1)
        domain.destroy()
        #expect(domain.pinned == 0)
        #expect(machine.outstanding == 0)
    }

    @Test func whatWasPendingMovesAlong() throws {
        let domain = try TestDomain(1, machine: machine, vcpus: 1)
        let port = try domain.events.bindIPI(vcpu: 0)
        try domain.events.send(from: port, domain.sink)
        let old = try #require(domain.events.vcpuInfo(VCPUID(0)))
        machine.source.store(UInt64(0x1122_3344_5566_7788), at: old + domain.layout.time + 8)
        let gfn = try domain.addFrame()
        try domain.events.registerVCPUInfo(vcpu: VCPUID(0), gfn: gfn, offset: 16, domain, domain.sink)
        let new = try #require(domain.events.vcpuInfo(VCPUID(0)))
        #expect(new == domain.frame(gfn).address + 16)
        #expect(machine.source.load(UInt64.self, at: new + domain.layout.time + 8) == 0x1122_3344_5566_7788)
        #expect(machine.source.load(UInt64.self, at: new + domain.layout.pendingSelector) == .max)
        #expect(domain.handleUpcall(0) == [port])
    }

    /// A guest that changes the width of its words finds its events where it has them then; one with three levels keeps them.
    @Test func wordsFollowTheGuest() throws {
        let domain = try TestDomain(1, machine: machine, vcpus: 1, layout: .x86_64)
        let port = try domain.events.bindIPI(vcpu: 0)
        #expect(domain.ref.pointee.layout.mask == 2560)
        domain.ref.pointee.latchWords(of: 32)
        let narrow = domain.ref.pointee.layout
        #expect(narrow.mask == 2176 && narrow.pendingSelector == 4 && narrow.wordBits == 32)
        domain.setBit(port, at: domain.sharedInfo.address + 2176)
        try domain.events.send(from: port, domain.sink)
        #expect(domain.trace.takeUpcalls().isEmpty)
        domain.ref.pointee.latchWords(of: 64)
        try domain.events.send(from: port, domain.sink)
        // The 64-bit guest's mask is clear, but the event is pending already.
        #expect(domain.trace.takeUpcalls().isEmpty)
        #expect(domain.clearBit(port, at: domain.sharedInfo.address + 2048))
        try domain.events.send(from: port, domain.sink)
        #expect(domain.trace.takeUpcalls().count == 1)
        try domain.use(.threeLevel)
        domain.ref.pointee.latchWords(of: 32)
        #expect(domain.ref.pointee.layout.wordBits == 64)
        domain.destroy()
        #expect(machine.outstanding == 0)
    }

    /// An event for a vCPU that has no vcpu_info yet is handled once it has.
    @Test func eventsBeforeThereIsAnInfo() throws {
        let domain = try TestDomain(1, machine: machine, vcpus: 2, registers: false)
        let port = try domain.events.bindIPI(vcpu: 1)
        try domain.events.send(from: port, domain.sink)
        #expect(domain.trace.takeUpcalls().isEmpty)
        try domain.registerVCPUInfoKeepingEvents()
        #expect(domain.handleUpcall(1) == [port])
    }

    @Test func sizes() {
        // 128 ports and 16 vCPUs to a frame.
        #expect(MemoryLayout<Port<FakeFrames, Name>>.stride == 32)
        #expect(MemoryLayout<VCPUEvents<UInt64>>.stride == 256)
        #expect(MemoryLayout<Events>.stride <= 4096)
        print("events: \(MemoryLayout<Port<FakeFrames, Name>>.stride) bytes a port")
    }
}

@Suite struct ThreeLevelTests {
    let machine = FakeMachine(frames: 256)

    @Test func registrationChecks() throws {
        let domain = try TestDomain(1, machine: machine, vcpus: 2)
        let gfns = try (0..<16).map { _ in try domain.addFrame() }
        let before = domain.pinned
        func bitmaps(_ pages: UInt32 = 8, pad: UInt32 = 0) -> EventRegister3LevelBitmaps {
            var bitmaps = EventRegister3LevelBitmaps()
            bitmaps.nrPages = pages
            bitmaps.pad = pad
            for index in 0..<8 {
                bitmaps.pendingGFN[index] = gfns[index].rawValue
                bitmaps.maskGFN[index] = gfns[8 + index].rawValue
            }
            return bitmaps
        }
        #expect(throws: XenError.eopnotsupp) {
            try domain.events.registerSelector(vcpu: 0, gfn: gfns[0], offset: 0, domain, domain.sink)
        }
        for pages in [0, 1, 7, 9, .max] as [UInt32] {
            #expect(throws: XenError.einval) { try domain.events.registerBitmaps(bitmaps(pages), domain) }
        }
        #expect(throws: XenError.einval) { try domain.events.registerBitmaps(bitmaps(pad: 1), domain) }
        for (first, second) in [(0, 5), (3, 8), (15, 12)] {
            var twice = bitmaps()
            let gfn = gfns[first].rawValue
            if second < 8 { twice.pendingGFN[second] = gfn } else { twice.maskGFN[second - 8] = gfn }
            #expect(throws: XenError.einval) { try domain.events.registerBitmaps(twice, domain) }
        }
        // Each pin fails in turn: none is kept.
        for point in 0..<16 {
            domain.failPinAfter = point
            #expect(throws: XenError.enomem) { try domain.events.registerBitmaps(bitmaps(), domain) }
            #expect(domain.pinned == before)
            #expect(domain.events.abi == .twoLevel)
        }
        domain.failPinAfter = nil
        try domain.events.registerBitmaps(bitmaps(), domain)
        #expect(domain.pinned == before + 16)
        #expect(throws: XenError.einval) { try domain.events.registerBitmaps(bitmaps(), domain) }
        #expect(throws: XenError.einval) { try domain.events.initControl(vcpu: 0, gfn: gfns[0], offset: 0, domain) }
        let selector = try domain.addFrame()
        #expect(throws: XenError.enoent) {
            try domain.events.registerSelector(vcpu: 2, gfn: selector, offset: 0, domain, domain.sink)
        }
        for offset in [4, 3592, 4096, .max] as [UInt32] {
            #expect(throws: XenError.einval) {
                try domain.events.registerSelector(vcpu: 0, gfn: selector, offset: offset, domain, domain.sink)
            }
        }
        try domain.events.registerSelector(vcpu: 0, gfn: selector, offset: 3584, domain, domain.sink)
        #expect(throws: XenError.einval) {
            try domain.events.registerSelector(vcpu: 0, gfn: selector, offset: 0, domain, domain.sink)
        }
        domain.destroy()
        #expect(domain.pinned == 0)
    }

    @Test func eventsBetweenTheTwoSteps() throws {
        let domain = try TestDomain(1, machine: machine, vcpus: 2)
        try domain.registerBitmaps()
        let ports = try (0..<700).map { try domain.events.bindIPI(vcpu: UInt32($0 & 1)) }
        for port in ports { try domain.events.send(from: port, domain.sink) }
        #expect(domain.trace.takeUpcalls().isEmpty)
        try domain.registerSelector(0)
        try domain.registerSelector(1)
        #expect(domain.handleAll() == Set(ports))
    }

    @Test func masksAreCarriedOver() throws {
        let domain = try TestDomain(1, machine: machine, vcpus: 1)
        let ports = try (0..<100).map { _ in try domain.events.bindIPI(vcpu: 0) }
        for port in ports where port % 7 == 0 { domain.mask(port) }
        for port in ports where port % 2 == 0 { try domain.events.send(from: port, domain.sink) }
        try domain.use(.threeLevel)
        #expect(domain.handleAll() == Set(ports.filter { $0 % 2 == 0 && $0 % 7 != 0 }))
        for port in ports where port % 7 == 0 { try domain.unmask(port) }
        #expect(domain.handleAll() == Set(ports.filter { $0 % 14 == 0 }))
    }
}
