// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import Machine
import Memory
import XenABI

extension Call {
    @inline(__always) private var events: Ref<EventChannels<P.Frames, Ref<VCPU<P>>>> { domain.pointee.events }
    @inline(__always) private var sink: PlatformEvents<P> { PlatformEvents(platform) }

    /// Xen: __HYPERVISOR_event_channel_op. All callers lay out its structures alike.
    @inline(__always) func eventChannelOp() throws(XenError) -> Outcome {
        switch EventChannelOp(rawValue: word(0)) {
        case .send: try events.pointee.send(from: portArgument(), sink)
        case .unmask: try events.pointee.unmask(portArgument(), sink)
        case .close: try events.pointee.close(portArgument())
        case .allocUnbound: try allocateUnbound()
        case .bindInterdomain: try bindInterdomain()
        case .bindVIRQ: try bindVIRQ()
        case .bindPIRQ: try bindPIRQ()
        case .bindIPI: try bindIPI()
        case .bindVCPU: try bindVCPU()
        case .status: try eventStatus()
        case .reset: return try resetEvents(resuming: false)
        case .resetContinued: return try resetEvents(resuming: true)
        case .initControl: try initControl()
        case .expandArray: try expandArray()
        case .setPriority: try setPriority()
        case .queryABIs: try queryABIs()
        case .register3LevelBitmaps: try registerBitmaps()
        case .register3LevelSelector: try registerSelector()
        case nil: throw .enosys
        }
        return .success
    }

    @inline(__always) private func portArgument() throws(XenError) -> UInt32 {
        try platform.guest.read(EventPort.self, at: handle(1)).port
    }

    /// Any domain that there is, whatever the caller may do to it. Throws ESRCH.
    private func anyDomain(_ id: UInt16) throws(XenError) -> Ref<Domain<P>> {
        if id == ReservedDomain.caller || DomainID(id) == domain.pointee.id { return domain }
        guard let found = platform.domain(DomainID(id)) else { throw .esrch }
        return found
    }

    private func allocateUnbound() throws(XenError) {
        var argument = try platform.guest.read(EventAllocUnbound.self, at: handle(1))
        let target = try target(argument.domain)
        // Looked up only to see that it is there, as Xen's silo mode does, which is the default on ARM.
        let remote = try anyDomain(argument.remoteDomain).pointee.id
        argument.port = try target.pointee.events.pointee.allocateUnbound(for: remote)
        try platform.guest.write(argument, at: handle(1))
    }

    private func bindInterdomain() throws(XenError) {
        var argument = try platform.guest.read(EventBindInterdomain.self, at: handle(1))
        let remote = try anyDomain(argument.remoteDomain).pointee.events
        argument.localPort = try EventChannels.bindInterdomain(
            local: events, remote: remote, remotePort: argument.remotePort, sink)
        try platform.guest.write(argument, at: handle(1))
    }

    private func bindVIRQ() throws(XenError) {
        var argument = try platform.guest.read(EventBindVIRQ.self, at: handle(1))
        argument.port = try events.pointee.bindVIRQ(argument.virq, vcpu: argument.vcpu)
        try platform.guest.write(argument, at: handle(1))
    }

    private func bindPIRQ() throws(XenError) {
        var argument = try platform.guest.read(EventBindPIRQ.self, at: handle(1))
        argument.port = try events.pointee.bindPIRQ(argument.pirq)
        try platform.guest.write(argument, at: handle(1))
    }

    private func bindIPI() throws(XenError) {
        var argument = try platform.guest.read(EventBindIPI.self, at: handle(1))
        argument.port = try events.pointee.bindIPI(vcpu: argument.vcpu)
        try platform.guest.write(argument, at: handle(1))
    }

    private func bindVCPU() throws(XenError) {
        let argument = try platform.guest.read(EventBindVCPU.self, at: handle(1))
        try events.pointee.bindVCPU(port: argument.port, vcpu: argument.vcpu, sink)
    }

    private func eventStatus() throws(XenError) {
        var argument = try platform.guest.read(EventStatus.self, at: handle(1))
        try target(argument.domain).pointee.events.pointee.status(port: argument.port, &argument)
        try platform.guest.write(argument, at: handle(1))
    }

    private func resetEvents(resuming: Bool) throws(XenError) -> Outcome {
        let argument = try platform.guest.read(EventReset.self, at: handle(1))
        let target = try target(argument.domain)
        guard target == domain || target.pointee.isPausedByToolstack else { throw .einval }
        let done = try target.pointee.events.pointee.reset(resuming: resuming, EventFrames(target, platform)) {
            platform.shouldPreempt
        }
        return done ? .success : .again(first: UInt64(EventChannelOp.resetContinued.rawValue))
    }

    // MARK: FIFO

    private func initControl() throws(XenError) {
        var argument = try platform.guest.read(EventInitControl.self, at: handle(1))
        argument.linkBits = try events.pointee.initControl(
            vcpu: argument.vcpu, gfn: GFN(argument.controlGFN), offset: argument.offset, EventFrames(domain, platform))
        try platform.guest.write(argument, at: handle(1))
    }

    private func expandArray() throws(XenError) {
        let argument = try platform.guest.read(EventExpandArray.self, at: handle(1))
        try events.pointee.expandArray(gfn: GFN(argument.arrayGFN), EventFrames(domain, platform), sink)
    }

    private func setPriority() throws(XenError) {
        let argument = try platform.guest.read(EventSetPriority.self, at: handle(1))
        try events.pointee.setPriority(port: argument.port, priority: argument.priority)
    }

    // MARK: 3-level

    private func queryABIs() throws(XenError) {
        var answer = EventQueryABIs()
        answer.abis = domain.pointee.isPrivileged ? 0b111 : 0b011
        answer.wordBits = Caller.wordBits
        answer.maxPorts3Level = answer.wordBits * answer.wordBits * answer.wordBits
        try platform.guest.write(answer, at: handle(1))
    }

    private func registerBitmaps() throws(XenError) {
        guard domain.pointee.isPrivileged else { throw .eperm }
        let argument = try platform.guest.read(EventRegister3LevelBitmaps.self, at: handle(1))
        try events.pointee.registerBitmaps(argument, EventFrames(domain, platform))
    }

    private func registerSelector() throws(XenError) {
        guard domain.pointee.isPrivileged else { throw .eperm }
        let argument = try platform.guest.read(EventRegister3LevelSelector.self, at: handle(1))
        try events.pointee.registerSelector(
            vcpu: argument.vcpu, gfn: GFN(argument.gfn), offset: argument.offset, EventFrames(domain, platform), sink)
    }
}
