// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import Machine
import Memory
import Synchronization
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_sched_op
    @inline(__always) func schedOp() throws(XenError) -> Outcome {
        switch SchedOp(rawValue: word(0)) {
        case .yield: return .yield
        case .block: return try block()
        case .shutdown: return try shutdown()
        case .poll: return try poll()
        case .shutdownCode: return try shutdownCode()
        case .remoteShutdown: return try remoteShutdown()
        case .watchdog: return try watchdog()
        case .pinOverride: return try pinOverride()
        case nil: throw .enosys
        }
    }

    /// Xen: SCHEDOP_block. Unmasks upcalls first; whether one is pending is looked at when the vCPU has stopped.
    private func block() throws(XenError) -> Outcome {
        platform.unmaskUpcalls(vcpu)
        return .block
    }

    /// Xen: SCHEDOP_shutdown
    private func shutdown() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(SchedShutdown.self, at: handle(1))
        noteShutdownCode(argument.reason)
        let code = domain.pointee.shutdownCode.load(ordering: .relaxed)
        // A reason that nobody knows is as good as a crash: nothing was said about what to do.
        return .shutdown(ShutdownReason(rawValue: code) ?? .crash)
    }

    /// Xen: SCHEDOP_shutdown_code: says why, for a shutdown that comes otherwise.
    private func shutdownCode() throws(XenError) -> Outcome {
        noteShutdownCode(try platform.guest.read(SchedShutdown.self, at: handle(1)).reason)
        return .success
    }

    /// The first reason stands. Its lowest byte counts.
    private func noteShutdownCode(_ reason: UInt32) {
        _ = domain.pointee.shutdownCode.compareExchange(
            expected: .max, desired: reason & 0xFF, ordering: .acquiringAndReleasing)
    }

    /// Xen: SCHEDOP_remote_shutdown. Oneself is refused.
    private func remoteShutdown() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(SchedRemoteShutdown.self, at: handle(1))
        guard argument.domain != ReservedDomain.caller, let target = platform.domain(DomainID(argument.domain)) else {
            throw .esrch
        }
        guard target != domain, domain.pointee.isPrivileged else { throw .eperm }
        target.pointee.shutDown(argument.reason & 0xFF, platform)
        return .success
    }

    /// Xen: SCHEDOP_pin_override. The hardware domain's vCPU goes to a processor and stays there, until it says so with a
    /// negative number.
    private func pinOverride() throws(XenError) -> Outcome {
        guard domain.pointee.isPrivileged else { throw .eperm }
        let pcpu = try platform.guest.read(SchedPinOverride.self, at: handle(1)).pcpu
        guard pcpu >= 0 else {
            guard vcpu.pointee.isPinned.exchange(false, ordering: .relaxed) else { throw .einval }
            return .success
        }
        guard platform.canRun(on: UInt32(pcpu)) else { throw .einval }
        guard !vcpu.pointee.isPinned.load(ordering: .relaxed) else { throw .ebusy }
        platform.move(vcpu, to: UInt32(pcpu))
        vcpu.pointee.isPinned.store(true, ordering: .relaxed)
        return .success
    }

    /// Xen: SCHEDOP_watchdog. That there is no third one is said in 32 bits: the guest reads a large number.
    private func watchdog() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(SchedWatchdog.self, at: handle(1))
        do throws(XenError) {
            return try .value(
                Int64(domain.pointee.setWatchdog(argument.id, seconds: argument.timeout, by: vcpu, platform)))
        } catch {
            guard error == .enospc else { throw error }
            return .value(Int64(UInt32(bitPattern: Int32(truncatingIfNeeded: error.returnValue))))
        }
    }

    /// Xen: SCHEDOP_poll. At most 128 ports. From `beginPoll` on an event ends the poll, so that none slips by between
    /// the look at its port and the vCPU's stop; whether the poll has ended is looked at when it has stopped.
    private func poll() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(SchedPoll<Caller>.self, at: handle(1))
        guard argument.nrPorts <= 128 else { throw .einval }
        let events = domain.pointee.events
        let id = vcpu.pointee.id
        events.pointee.beginPoll(id)
        do throws(XenError) {
            for index in 0..<UInt64(argument.nrPorts) {
                let port = try platform.guest.read(UInt32.self, at: Address(argument.ports.wide &+ index * 4))
                if try events.pointee.isPending(polled: port) {
                    events.pointee.endPoll(id)
                    return .success
                }
                if argument.nrPorts == 1 { events.pointee.narrowPoll(id, to: port) }
            }
        } catch {
            events.pointee.endPoll(id)
            throw error
        }
        return .poll(until: argument.timeout.wide == 0 ? .never : SystemTime(nanoseconds: argument.timeout.wide))
    }
}
