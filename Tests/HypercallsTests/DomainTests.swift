// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import GrantTables
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

/// What of a domain no hypercall of a common guest shows.
@Suite struct DomainTests {
    let host = FakeHost()

    /// Its frames are its own by number: what it gives back it can have again, and nothing else.
    @Test func aDirectMappedDomainKeepsItsFrames() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true, isDirectMapped: true)
        let outstanding = host.machine.outstanding
        let own = try #require(dom0.ram.first)
        try dom0.ref.pointee.map(GFN(own.rawValue), to: own, type: .ramReadWrite, dom0.platform)
        var one = dom0.reservation(1, from: own.rawValue)
        #expect(dom0.memory(.decreaseReservation, &one) == .value(1))
        #expect(dom0.type(own.rawValue) == .invalid && host.owners[own]?.givenUp == false)
        #expect(dom0.memory(.decreaseReservation, &one) == .value(0))
        #expect(dom0.memory(.populatePhysmap, &one) == .value(1))
        #expect(dom0.frame(own.rawValue) == own)
        #expect(host.machine.outstanding <= outstanding + 3)
        one = dom0.reservation(1, from: dom0.ref.pointee.sharedInfo.rawValue)
        #expect(dom0.memory(.populatePhysmap, &one) == .value(0))
    }

    /// A vCPU without a FIFO control block loses its events, and the log says so.
    @Test func lostEventsAreTold() throws {
        let guest = try FakeDomain(4, host: host)
        var control = EventInitControl()
        control.controlGFN = 0x102
        #expect(guest.event(.initControl, &control) == .success)
        var expand = EventExpandArray()
        expand.arrayGFN = 0x103
        #expect(guest.event(.expandArray, &expand) == .success)
        var ipi = EventBindIPI()
        ipi.vcpu = 1
        #expect(guest.event(.bindIPI, &ipi) == .success)
        var send = EventPort()
        send.port = ipi.port
        host.lines = []
        #expect(guest.event(.send, &send) == .success)
        #expect(host.lines == ["d4v1 has no FIFO event channel control block"])
        let sink = PlatformEvents(guest.platform)
        sink.eventLost(guest.vcpus[0], port: 9, .contention)
        sink.eventLost(guest.vcpus[0], port: 9, .queueChanges)
        #expect(host.lines.count == 3 && host.lines.allSatisfy { $0.hasPrefix("d4") })
    }

    /// What a machine has that says nothing of its own.
    @Test func aPlainMachine() throws {
        let guest = try FakeDomain(4, host: host)
        let platform = guest.platform
        platform.timersChanged(guest.vcpus[0])
        platform.vcpuInfoMoved(guest.vcpus[0])
        #expect(!platform.handsOnPCI)
        #expect(throws: XenError.enosys) { try platform.setUpcallVector(0x30, guest.vcpus[0]) }
        let sink = PlatformEvents(platform)
        sink.routePIRQ(1, to: guest.vcpus[0])
        #expect(host.upcalls.isEmpty)
    }

    @Test func parametersAndNumbers() throws {
        let guest = try FakeDomain(4, host: host)
        guest.ref.pointee.setParameter(.consoleEvtchn, 9)
        #expect(guest.ref.pointee.parameters.withLock { $0[Int(HVMParam.consoleEvtchn.rawValue)] } == 9)
        #expect(guest.ref.pointee.vcpuCount == 2)
        #expect(Domain<FakePlatform>.maximumVCPUs == 128)
        #expect(guest.ref.pointee.vcpu(VCPUID(2)) == nil)
    }

    /// A table that was never shown to anybody is taken apart as one that was.
    @Test func aGrantTableThatNobodySaw() throws {
        let guest = try FakeDomain(4, host: host)
        let before = host.machine.outstanding
        let sharing = NewGrantFrames(DomainID(9), guest.platform)
        let box = try GrantTable<FakeFrames>.create(
            domain: DomainID(9), frames: guest.platform.frames, maximumFrames: 4, maximumMaptrackFrames: 1,
            maximumVersion: 2,
            sharing)
        try box.ref.pointee.setVersion(2, sharing)
        try box.ref.pointee.setVersion(1, sharing)
        GrantTable.destroy(box, sharing)
        #expect(host.machine.outstanding == before)
    }
}
