// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
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
        case .watchdog, .pinOverride, nil: throw .enosys
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
        return try .shutdown(reason(argument.reason))
    }

    /// Xen: SCHEDOP_shutdown_code: says why, for a shutdown that comes otherwise.
    private func shutdownCode() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(SchedShutdown.self, at: handle(1))
        _ = try reason(argument.reason)
        return .success
    }

    private func reason(_ raw: UInt32) throws(XenError) -> ShutdownReason {
        guard let reason = ShutdownReason(rawValue: raw) else { throw .einval }
        return reason
    }

    /// Xen: SCHEDOP_remote_shutdown. There is no other domain to shut down yet, and oneself is refused.
    private func remoteShutdown() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(SchedRemoteShutdown.self, at: handle(1))
        guard argument.domain != ReservedDomain.caller, platform.domain(DomainID(argument.domain)) != nil else {
            throw .esrch
        }
        throw .eperm
    }

    /// Xen: SCHEDOP_poll. At most 128 ports.
    private func poll() throws(XenError) -> Outcome {
        throw .enosys
    }
}
