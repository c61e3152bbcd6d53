// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import Support
import Testing
import XenABI

@testable import Hypercalls

@Suite struct EventChannelOpTests {
    let host = FakeHost()

    /// Shows: EVTCHNOP_alloc_unbound, EVTCHNOP_bind_interdomain, EVTCHNOP_send, EVTCHNOP_status, EVTCHNOP_close
    @Test func interdomainFromEndToEnd() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(5, host: host)
        var allocate = EventAllocUnbound()
        allocate.domain = ReservedDomain.caller
        allocate.remoteDomain = 0
        #expect(guest.event(.allocUnbound, &allocate) == .success)
        #expect(allocate.port == 1)
        var bind = EventBindInterdomain()
        bind.remoteDomain = 5
        bind.remotePort = 1
        #expect(dom0.event(.bindInterdomain, &bind) == .success)
        #expect(bind.localPort == 1)
        host.upcalls = []
        var send = EventPort()
        send.port = 1
        #expect(dom0.event(.send, &send) == .success)
        #expect(host.upcalls == [VCPUID(0)])
        var status = EventStatus()
        status.domain = 5
        status.port = 1
        #expect(dom0.event(.status, &status) == .success)
        #expect(status.status == EventStatus.State.interdomain.rawValue)
        // A guest may not look at another.
        status.domain = 0
        #expect(guest.event(.status, &status) == .error(.eperm))
        status.domain = 77
        #expect(dom0.event(.status, &status) == .error(.esrch))
        allocate.domain = 0
        #expect(guest.event(.allocUnbound, &allocate) == .error(.eperm))
        // The toolstack makes ports for others.
        allocate.domain = 5
        allocate.remoteDomain = ReservedDomain.caller
        #expect(dom0.event(.allocUnbound, &allocate) == .success)
        #expect(allocate.port == 2)
        #expect(dom0.event(.close, &send) == .success)
        #expect(dom0.event(.close, &send) == .error(.einval))
        bind.remoteDomain = 99
        #expect(dom0.event(.bindInterdomain, &bind) == .error(.esrch))
    }

    /// Shows: EVTCHNOP_bind_ipi, EVTCHNOP_bind_virq, EVTCHNOP_bind_pirq, EVTCHNOP_bind_vcpu, EVTCHNOP_unmask
    @Test func bindingsAndErrors() throws {
        let domain = try FakeDomain(3, host: host)
        var ipi = EventBindIPI()
        ipi.vcpu = 1
        #expect(domain.event(.bindIPI, &ipi) == .success)
        ipi.vcpu = 2
        #expect(domain.event(.bindIPI, &ipi) == .error(.enoent))
        var virq = EventBindVIRQ()
        virq.virq = VIRQ.timer.rawValue
        virq.vcpu = 1
        #expect(domain.event(.bindVIRQ, &virq) == .success)
        #expect(virq.port == 2)
        #expect(domain.event(.bindVIRQ, &virq) == .error(.eexist))
        var pirq = EventBindPIRQ()
        #expect(domain.event(.bindPIRQ, &pirq) == .error(.einval))
        var move = EventBindVCPU()
        move.port = 2
        #expect(domain.event(.bindVCPU, &move) == .error(.einval))
        var port = EventPort()
        port.port = 1
        #expect(domain.event(.unmask, &port) == .success)
        var priority = EventSetPriority()
        priority.port = 1
        #expect(domain.event(.setPriority, &priority) == .error(.enosys))
        #expect(domain.call(.eventChannelOp, 99, domain.scratch.rawValue) == .error(.enosys))
        #expect(domain.call(.eventChannelOp, UInt64(EventChannelOp.send.rawValue), 1 << 39) == .error(.efault))
        var reset = EventReset()
        reset.domain = ReservedDomain.caller
        #expect(domain.event(.reset, &reset) == .success)
        #expect(domain.event(.send, &port) == .error(.einval))
        #expect(domain.event(.resetContinued, &reset) == .error(.ebusy))
    }

    /// Of another domain while its toolstack has paused it, and not else.
    ///
    /// Shows: EVTCHNOP_reset
    @Test func anotherDomainsReset() throws {
        let host = FakeHost()
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        var bind = EventBindIPI()
        #expect(guest.event(.bindIPI, &bind) == .success)
        var reset = EventReset()
        reset.domain = 4
        #expect(dom0.event(.reset, &reset) == .error(.einval))
        try guest.ref.pointee.pauseByToolstack(dom0.platform)
        #expect(dom0.event(.reset, &reset) == .success)
        var status = EventStatus()
        (status.domain, status.port) = (4, bind.port)
        #expect(dom0.event(.status, &status) == .success && status.status == EventStatus.State.closed.rawValue)
    }

    /// Xen allocates 64 ports at a time: the next ones are none until one of them is in use.
    ///
    /// Shows: EVTCHNOP_status, EVTCHNOP_set_priority
    @Test func portsThatHaveNeverBeenInUse() throws {
        let domain = try FakeDomain(4, host: FakeHost())
        func status(_ port: UInt32) -> Outcome {
            var argument = EventStatus()
            (argument.domain, argument.port) = (ReservedDomain.caller, port)
            return domain.event(.status, &argument)
        }
        func priority(_ port: UInt32) -> Outcome {
            var argument = EventSetPriority()
            argument.port = port
            return domain.event(.setPriority, &argument)
        }
        #expect(status(63) == .success && priority(63) == .error(.enosys))
        #expect(status(64) == .error(.einval) && priority(64) == .error(.einval))
        var bind = EventBindIPI()
        for _ in 1...64 { #expect(domain.event(.bindIPI, &bind) == .success) }
        #expect(bind.port == 64 && status(127) == .success && priority(127) == .error(.enosys))
        #expect(status(128) == .error(.einval) && status(.max) == .error(.einval))
        var close = EventPort()
        close.port = 64
        #expect(domain.event(.close, &close) == .success && status(64) == .success && status(100) == .success)
    }

    /// Shows: EVTCHNOP_reset, EVTCHNOP_reset_cont
    @Test func resetIsDoneInPieces() throws {
        let domain = try FakeDomain(3, host: host)
        var ipi = EventBindIPI()
        for _ in 0..<300 { #expect(domain.event(.bindIPI, &ipi) == .success) }
        host.preempts = true
        var reset = EventReset()
        reset.domain = ReservedDomain.caller
        var outcome = domain.event(.reset, &reset)
        var pieces = 0
        while case .again(let first) = outcome {
            pieces += 1
            outcome = domain.call(.eventChannelOp, first, domain.scratch.rawValue)
        }
        #expect(pieces >= 4)
        #expect(outcome == .success)
    }

    /// Shows: EVTCHNOP_init_control, EVTCHNOP_expand_array, EVTCHNOP_set_priority
    @Test func fifo() throws {
        let domain = try FakeDomain(3, host: host)
        var expand = EventExpandArray()
        expand.arrayGFN = 0x101
        #expect(domain.event(.expandArray, &expand) == .error(.eopnotsupp))
        var control = EventInitControl()
        control.controlGFN = 0x102
        #expect(domain.event(.initControl, &control) == .success)
        #expect(control.linkBits == 17)
        #expect(domain.event(.expandArray, &expand) == .success)
        #expect(host.owners[domain.frame(0x101)]?.holds == 1)
        expand.arrayGFN = 0x9999
        #expect(domain.event(.expandArray, &expand) == .error(.einval))
        var priority = EventSetPriority()
        priority.port = 1
        #expect(domain.event(.setPriority, &priority) == .error(.eacces))
        var reset = EventReset()
        reset.domain = ReservedDomain.caller
        #expect(domain.event(.reset, &reset) == .success)
        #expect(host.owners[domain.frame(0x101)]?.holds == 0)
    }

    /// Shows: EVTCHNOP_query_abis, EVTCHNOP_register_3level_bitmaps, EVTCHNOP_register_3level_selector
    @Test func threeLevelIsForThePrivileged() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(1, host: host)
        var query = EventQueryABIs()
        #expect(guest.event(.queryABIs, &query) == .success)
        #expect(query.abis == 0b011)
        #expect(dom0.event(.queryABIs, &query) == .success)
        #expect(query.abis == 0b111)
        #expect(query.maxPorts3Level == 262_144)
        var bitmaps = EventRegister3LevelBitmaps()
        bitmaps.nrPages = 8
        for index in 0..<8 {
            bitmaps.pendingGFN[index] = 0x104 + UInt64(index)
            bitmaps.maskGFN[index] = 0x10C + UInt64(index)
        }
        #expect(guest.event(.register3LevelBitmaps, &bitmaps) == .error(.eperm))
        var selector = EventRegister3LevelSelector()
        selector.gfn = 0x103
        #expect(dom0.event(.register3LevelSelector, &selector) == .error(.eopnotsupp))
        #expect(dom0.event(.register3LevelBitmaps, &bitmaps) == .success)
        #expect(dom0.event(.register3LevelSelector, &selector) == .success)
        #expect(guest.event(.register3LevelSelector, &selector) == .error(.eperm))
    }

    /// Shows: SCHEDOP_poll
    @Test func poll() throws {
        let domain = try FakeDomain(3, host: host)
        var ipi = EventBindIPI()
        #expect(domain.event(.bindIPI, &ipi) == .success)
        let list = domain.scratch + 64
        domain.write(ipi.port, at: list)
        var poll = SchedPoll<Caller64>()
        poll.ports = list.rawValue
        poll.nrPorts = 1
        #expect(domain.operate(.schedOp, SchedOp.poll.rawValue, &poll) == .poll(until: .never))
        poll.timeout = 500
        #expect(domain.operate(.schedOp, SchedOp.poll.rawValue, &poll) == .poll(until: SystemTime(nanoseconds: 500)))
        var send = EventPort()
        send.port = ipi.port
        #expect(domain.event(.send, &send) == .success)
        #expect(host.woken == [VCPUID(0)])
        #expect(domain.operate(.schedOp, SchedOp.poll.rawValue, &poll) == .success)
        poll.nrPorts = 129
        #expect(domain.operate(.schedOp, SchedOp.poll.rawValue, &poll) == .error(.einval))
        poll.nrPorts = 2
        #expect(domain.operate(.schedOp, SchedOp.poll.rawValue, &poll) == .success)
        domain.write(UInt32(4000), at: list)
        #expect(domain.operate(.schedOp, SchedOp.poll.rawValue, &poll) == .error(.einval))
        poll.ports = 1 << 39
        #expect(domain.operate(.schedOp, SchedOp.poll.rawValue, &poll) == .error(.efault))
    }

    /// Shows: VCPUOP_register_vcpu_info, VCPUOP_register_runstate_memory_area
    @Test func vcpuInfoAndRunstate() throws {
        let domain = try FakeDomain(3, host: host)
        func vcpuOp<Value: BitwiseCopyable>(_ operation: VCPUOp, _ vcpu: UInt64, _ argument: Value) -> Outcome {
            domain.write(argument, at: domain.scratch)
            return domain.call(.vcpuOp, UInt64(operation.rawValue), vcpu, domain.scratch.rawValue)
        }
        var info = VCPURegisterInfo()
        info.gfn = 0x105
        info.offset = 64
        #expect(vcpuOp(.registerVCPUInfo, 2, info) == .error(.enoent))
        #expect(vcpuOp(.registerVCPUInfo, 0, info) == .success)
        #expect(vcpuOp(.registerVCPUInfo, 0, info) == .error(.einval))
        info.offset = 128
        // Another vCPU only while it is down.
        domain.vcpus[1].pointee.isUp.store(true, ordering: .relaxed)
        #expect(vcpuOp(.registerVCPUInfo, 1, info) == .error(.einval))
        domain.vcpus[1].pointee.isUp.store(false, ordering: .relaxed)
        #expect(vcpuOp(.registerVCPUInfo, 1, info) == .success)
        // ARM has no other operation.
        #expect(vcpuOp(.isUp, 0, info) == .error(.einval))
        #expect(domain.call(.vcpuOp, 77, 0, domain.scratch.rawValue) == .error(.einval))

        let area = GuestVirtualAddress(0x106 << 12)
        var register = VCPURegisterArea()
        register.address = area.rawValue
        host.time = SystemTime(nanoseconds: 5000)
        #expect(vcpuOp(.registerRunstateMemoryArea, 0, register) == .success)
        #expect(domain.read(RunstateInfo<Caller64>.self, at: area).time[1] == 5000)
        domain.vcpus[0].pointee.changeRunstate(to: .running, now: SystemTime(nanoseconds: 6000))
        domain.vcpus[0].pointee.publishRunstate(domain.platform)
        let told: RunstateInfo<Caller64> = domain.read(at: area)
        #expect(told.state == Runstate.running.rawValue)
        #expect(told.entryTime == 6000)
        #expect(domain.call(.vmAssist, 0, UInt64(VMAssist.runstateUpdateFlag.rawValue)) == .success)
        domain.vcpus[0].pointee.changeRunstate(to: .blocked, now: SystemTime(nanoseconds: 7000))
        domain.vcpus[0].pointee.publishRunstate(domain.platform)
        let flagged: RunstateInfo<Caller64> = domain.read(at: area)
        #expect(flagged.entryTime == 7000)
        #expect(flagged.time[0] == 1000)
        register.address = 0
        #expect(vcpuOp(.registerRunstateMemoryArea, 0, register) == .success)
        domain.vcpus[0].pointee.publishRunstate(domain.platform)
    }
}
