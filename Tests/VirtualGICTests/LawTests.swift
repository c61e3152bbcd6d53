// SPDX-License-Identifier: Apache-2.0

import Base
import Testing
import VirtualGIC

/// What a guest and a run loop may rely on, whatever the version and the format of list registers. A GICv2 guest also
/// runs on a GICv3's virtual interface.
struct Laws<Format: ListRegisterFormat> {
    let version: GICVersion
    func rig(vcpus: Int = 2, registers: Int = 4) throws -> Rig<Format> {
        let rig = try Rig<Format>(version, vcpus: vcpus, registers: registers)
        rig.switchOn()
        for vcpu in 0..<vcpus { rig.enter(vcpu) }
        return rig
    }

    func check() throws {
        try nothingWithoutEnable()
        try noNewsNoAccess()
        try levelComesBackUntilLowered()
        try edgeCountsOncePerAcknowledge()
        try disabledIsTakenBack()
        try mostUrgentFirst()
        try moreThanListRegisters()
        try softwareInterrupts()
        try mappedEndsThePhysicalOne()
        try movesBetweenVCPUs()
        try survivesLeaving()
        try turningOff()
        try blocking()
        try stateRegistersTellTheTruth()
        try distributorSwitch()
    }

    func nothingWithoutEnable() throws {
        let rig = try rig()
        rig.pulse(20)
        #expect(rig.acknowledge(0) == nil)
        rig.write(Offset.setEnable, interrupt: 20)
        rig.enter(0)
        #expect(rig.acknowledge(0)?.interrupt == 20)
        rig.end(20, 0)
        #expect(rig.acknowledge(0) == nil)
    }

    func noNewsNoAccess() throws {
        let rig = try rig()
        rig.write(Offset.setEnable, interrupt: 20)
        rig.enter(0)
        let before = rig.hosts[0].accesses
        for _ in 0..<10 { rig.enter(0) }
        #expect(rig.hosts[0].accesses == before)
        // An interrupt that the guest ended costs nothing until there is a new one.
        rig.pulse(20)
        #expect(rig.acknowledge(0)?.interrupt == 20)
        rig.end(20, 0)
        let after = rig.hosts[0].accesses
        #expect(!rig.hosts[0].maintenance)
        rig.enter(0)
        #expect(rig.hosts[0].accesses == after)
    }

    func levelComesBackUntilLowered() throws {
        let rig = try rig()
        rig.write(Offset.setEnable, interrupt: 40)
        rig.raise(40)
        for _ in 0..<3 {
            #expect(rig.acknowledge(0)?.interrupt == 40)
            #expect(rig.acknowledge(0) == nil)
            rig.end(40, 0)
        }
        #expect(rig.acknowledge(0)?.interrupt == 40)
        rig.lower(40)
        rig.end(40, 0)
        #expect(rig.acknowledge(0) == nil)
        // Raised and lowered before the guest could see it.
        rig.raise(40)
        rig.lower(40)
        #expect(rig.acknowledge(0) == nil)
        rig.raise(40)
        rig.enter(0)
        rig.lower(40)
        rig.enter(0)
        #expect(rig.acknowledge(0) == nil)
    }

    func edgeCountsOncePerAcknowledge() throws {
        let rig = try rig()
        rig.write(Offset.setEnable, interrupt: 41)
        rig.setEdge(41, true)
        rig.raise(41)
        rig.raise(41)
        rig.enter(0)
        rig.lower(41)
        rig.raise(41)
        #expect(rig.acknowledge(0)?.interrupt == 41)
        rig.lower(41)
        rig.raise(41)
        #expect(rig.acknowledge(0) == nil)
        rig.end(41, 0)
        #expect(rig.acknowledge(0)?.interrupt == 41)
        rig.end(41, 0)
        #expect(rig.acknowledge(0) == nil)
    }

    func disabledIsTakenBack() throws {
        let rig = try rig()
        rig.write(Offset.setEnable, interrupt: 42)
        rig.pulse(42)
        rig.enter(0)
        rig.write(Offset.clearEnable, interrupt: 42, by: 1)
        #expect(rig.acknowledge(0) == nil)
        rig.write(Offset.setEnable, interrupt: 42, by: 1)
        #expect(rig.acknowledge(0)?.interrupt == 42)
    }

    func mostUrgentFirst() throws {
        let rig = try rig()
        for (index, interrupt) in [20, 33, 40, 50].enumerated() {
            rig.write(Offset.setEnable, interrupt: UInt32(interrupt))
            rig.setPriority(UInt32(interrupt), UInt8(0xf0 - 16 * index))
            rig.pulse(UInt32(interrupt))
        }
        #expect(rig.acknowledge(0)?.interrupt == 50)
        #expect(rig.acknowledge(0) == nil)
        rig.end(50, 0)
        #expect(rig.acknowledge(0)?.interrupt == 40)
        rig.setPriority(60, 8)
        rig.write(Offset.setEnable, interrupt: 60)
        rig.pulse(60)
        // Preempts.
        #expect(rig.acknowledge(0)?.interrupt == 60)
        rig.end(60, 0)
        rig.end(40, 0)
        #expect(rig.acknowledge(0)?.interrupt == 33)
    }

    func moreThanListRegisters() throws {
        let rig = try rig(registers: 4)
        let interrupts = (33..<63).map { UInt32($0) }
        for interrupt in interrupts {
            rig.write(Offset.setEnable, interrupt: interrupt)
            rig.setPriority(interrupt, UInt8(8 * (63 - interrupt)))
        }
        for interrupt in interrupts { rig.pulse(interrupt) }
        var seen: [UInt32] = []
        while let entry = rig.acknowledge(0) {
            seen.append(entry.interrupt)
            rig.end(entry.interrupt, 0)
        }
        #expect(seen == interrupts.reversed())
        rig.enter(0)
        #expect(!rig.hosts[0].wantsUnderflow)
        // The same without priorities: each once, in whatever order.
        for interrupt in interrupts {
            rig.setPriority(interrupt, 0x80)
            rig.pulse(interrupt)
        }
        var again: Set<UInt32> = []
        while let entry = rig.acknowledge(0) {
            #expect(again.insert(entry.interrupt).inserted)
            rig.end(entry.interrupt, 0)
        }
        #expect(again == Set(interrupts))
    }

    func softwareInterrupts() throws {
        let rig = try rig(vcpus: 3)
        for vcpu in 0..<3 { rig.write(Offset.setEnable, 0xffff, vcpu: vcpu) }
        rig.sendSGI(5, to: 1, by: 0)
        #expect(rig.board.kicked == [1])
        rig.sendSGI(5, to: 1, by: 2)
        var senders: Set<UInt8> = []
        while let entry = rig.acknowledge(1) {
            #expect(entry.interrupt == 5)
            senders.insert(entry.source)
            rig.end(5, 1)
        }
        #expect(senders == (version == .v2 ? [0, 2] : [0]))
        // To itself: no kick needed, the next entry has it.
        rig.sendSGI(3, to: 0, by: 0)
        #expect(!rig.board.kicked.contains(0))
        rig.enter(0)
        #expect(rig.acknowledge(0)?.interrupt == 3)
        // A second one, from the same and from another sender, while the first is handled.
        rig.sendSGI(3, to: 0, by: 0)
        rig.sendSGI(3, to: 0, by: 1)
        #expect(rig.acknowledge(0) == nil)
        rig.end(3, 0)
        var count = 0
        while let entry = rig.acknowledge(0) {
            count += 1
            rig.end(entry.interrupt, 0)
        }
        #expect(count == (version == .v2 ? 2 : 1))
        // A second one from the same sender before the first is seen: one.
        rig.sendSGI(4, to: 1, by: 0)
        rig.enter(1)
        rig.sendSGI(4, to: 1, by: 0)
        #expect(rig.acknowledge(1)?.interrupt == 4)
        rig.end(4, 1)
        #expect(rig.acknowledge(1) == nil)
    }

    func mappedEndsThePhysicalOne() throws {
        let rig = try rig()
        rig.gic.map(40, vcpu: VCPUID(0), to: 99)
        rig.write(Offset.setEnable, interrupt: 40)
        #expect(rig.board.changed == [40])
        let mapping = rig.mapping(of: 40)
        #expect(mapping?.physical == 99 && mapping?.isEnabled == true && mapping?.isEdge == false)
        rig.pulse(40)
        #expect(rig.acknowledge(0)?.physical == 99)
        #expect(rig.board.deactivated.isEmpty)
        rig.end(40, 0)
        #expect(rig.board.deactivated == [99])
        // Given up by the guest without having seen it.
        rig.pulse(40)
        rig.enter(0)
        rig.write(Offset.clearPending, interrupt: 40)
        #expect(rig.board.deactivated == [99, 99])
        #expect(rig.acknowledge(0) == nil)
        rig.write(Offset.setPending, interrupt: 40)
        #expect(rig.board.pending == [99: true])
        // Active, ended by ICACTIVER: here, and from another vCPU.
        for writer in 0..<2 {
            rig.pulse(40)
            #expect(rig.acknowledge(0)?.interrupt == 40)
            rig.write(Offset.clearActive, interrupt: 40, by: writer)
            #expect(rig.acknowledge(0) == nil)
            #expect(rig.board.deactivated.count == 3 + writer)
            #expect(rig.hosts[0].entries.isEmpty)
        }
    }

    func movesBetweenVCPUs() throws {
        let rig = try rig()
        rig.write(Offset.setEnable, interrupt: 50)
        rig.pulse(50)
        rig.enter(0)
        rig.route(50, to: 1, by: 1)
        #expect(rig.acknowledge(0) == nil)
        #expect(rig.acknowledge(1)?.interrupt == 50)
        // Active on 1, routed to 0, pending again: comes to 0 when 1 is done with it.
        rig.route(50, to: 0, by: 1)
        rig.pulse(50)
        #expect(rig.acknowledge(0) == nil)
        #expect(rig.acknowledge(1) == nil)
        rig.end(50, 1)
        _ = rig.acknowledge(1)
        rig.enter(1)
        #expect(rig.acknowledge(0)?.interrupt == 50)
    }

    func survivesLeaving() throws {
        let rig = try rig()
        for interrupt: UInt32 in [20, 50, 51] { rig.write(Offset.setEnable, interrupt: interrupt) }
        rig.pulse(50)
        #expect(rig.acknowledge(0)?.interrupt == 50)
        rig.pulse(20)
        rig.pulse(51)
        rig.enter(0)
        rig.leave(0)
        #expect(rig.hosts[0].registers.allSatisfy { $0 == 0 })
        #expect(rig.hasPending(0))
        // Another vCPU on this pCPU sees nothing of it.
        rig.gic.enter(VCPUID(1), on: rig.hosts[0])
        #expect(rig.hosts[0].entries.isEmpty)
        rig.gic.leave(VCPUID(1), on: rig.hosts[0])
        // SPI 51 goes elsewhere meanwhile; 20 and the active 50 come back.
        rig.route(51, to: 1, by: 1)
        #expect(rig.acknowledge(1)?.interrupt == 51)
        rig.enter(0)
        #expect(Set(rig.hosts[0].entries.map(\.interrupt)) == [20, 50])
        rig.end(50, 0)
        #expect(rig.acknowledge(0)?.interrupt == 20)
    }

    func turningOff() throws {
        let rig = try rig()
        rig.gic.map(27, vcpu: VCPUID(1), to: 27)
        rig.write(Offset.setEnable, 0xffff_ffff, vcpu: 1)
        rig.write(Offset.setEnable, interrupt: 50)
        rig.route(50, to: 1)
        rig.pulse(50)
        #expect(rig.acknowledge(1)?.interrupt == 50)
        rig.pulse(27, vcpu: 1)
        rig.sendSGI(1, to: 1, by: 0)
        rig.enter(1)
        rig.leave(1)
        #expect(rig.isInFlight(27, 1))
        rig.gic.turnOff(VCPUID(1), on: rig.hosts[1])
        #expect(rig.board.deactivated == [27])
        #expect(!rig.isInFlight(27, 1))
        rig.enter(1)
        #expect(rig.acknowledge(1) == nil)
        // The SPI is free for others.
        rig.route(50, to: 0)
        rig.pulse(50)
        #expect(rig.acknowledge(0)?.interrupt == 50)
    }

    func blocking() throws {
        let rig = try rig()
        rig.leave(0)
        #expect(!rig.hasPending(0))
        rig.pulse(20)
        #expect(rig.board.kicked.contains(0))
        #expect(!rig.hasPending(0))
        rig.write(Offset.setEnable, interrupt: 20)
        #expect(rig.hasPending(0))
        rig.enter(0)
        #expect(rig.hasPending(running: 0))
        _ = rig.acknowledge(0)
        #expect(!rig.hasPending(running: 0))
        rig.end(20, 0)
        rig.raise(50)
        rig.write(Offset.setEnable, interrupt: 50)
        #expect(rig.hasPending(running: 0))
        #expect(!rig.hasPending(1))
    }

    func stateRegistersTellTheTruth() throws {
        let rig = try rig()
        rig.write(Offset.setEnable, interrupt: 20)
        rig.pulse(20)
        rig.enter(0)
        #expect(rig.read(Offset.setPending) == 1 << 20)
        rig.enter(0)
        #expect(rig.acknowledge(0)?.interrupt == 20)
        #expect(rig.read(Offset.clearPending) == 0)
        #expect(rig.read(Offset.setActive) == 1 << 20)
        rig.enter(0)
        #expect(rig.hosts[0].entries.map(\.state) == [.active])
        rig.end(20, 0)
        #expect(rig.read(Offset.clearActive) == 0)
        // Made active by a write, as when a saved state is put back: the guest ends it as usual.
        rig.write(Offset.setActive, interrupt: 20)
        rig.write(Offset.setPending, interrupt: 20)
        rig.enter(0)
        #expect(rig.acknowledge(0) == nil)
        rig.end(20, 0)
        #expect(rig.acknowledge(0)?.interrupt == 20)
    }

    func distributorSwitch() throws {
        let rig = try rig()
        rig.write(Offset.setEnable, interrupt: 20, vcpu: 1)
        rig.pulse(20, vcpu: 1)
        rig.enter(1)
        rig.write(Offset.control, 0)
        #expect(rig.acknowledge(1) == nil)
        #expect(!rig.hasPending(1))
        rig.switchOn()
        #expect(rig.acknowledge(1)?.interrupt == 20)
    }
}

@Suite struct LawTests {
    @Test func v2() throws { try Laws<ListRegisterV2>(version: .v2).check() }
    @Test func v3() throws { try Laws<ListRegisterV3>(version: .v3).check() }
    @Test func v2OnV3Hardware() throws { try Laws<ListRegisterV3>(version: .v2).check() }
}
