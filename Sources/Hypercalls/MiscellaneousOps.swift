// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Synchronization
import XenABI

/// The small ones: platform_op, vm_assist.
extension Call {
    /// Xen: __HYPERVISOR_platform_op
    func platformOp() throws(XenError) -> Outcome {
        let header = try platform.guest.read(PlatformOpHeader.self, at: handle(0))
        // Xen copies the structure whole, however little of it the operation needs. It lies in two frames at most.
        _ = try platform.guest.read(UInt8.self, at: handle(0) + (8 + UInt64(PlatformOp.payloadSize) - 1))
        guard header.interfaceVersion == PlatformOp.interfaceVersion else { throw .eacces }
        guard domain.pointee.isPrivileged else { throw .eperm }
        switch PlatformOp(rawValue: header.command) {
        case .setTime64: return try setTime()
        default: throw .enosys
        }
    }

    /// Xen: XENPF_settime64
    private func setTime() throws(XenError) -> Outcome {
        let time = try platform.guest.read(PlatformSetTime64<Caller>.self, at: handle(0) + 8)
        guard time.mbz == 0 else { throw .einval }
        platform.setWallclock(
            seconds: time.seconds.wide, nanoseconds: time.nanoseconds, at: time.systemTime.wide)
        return .success
    }

    /// Xen: __HYPERVISOR_vm_assist (unsigned int cmd, unsigned int type). ARM has runstate_update_flag only.
    func vmAssist() throws(XenError) -> Outcome {
        guard word(1) < 64 else { throw .einval }
        guard platform.assists >> UInt64(word(1)) & 1 != 0 else { throw .einval }
        let bit: UInt64 = 1 << UInt64(word(1))
        switch VMAssistCommand(rawValue: word(0)) {
        case .enable: domain.pointee.assists.bitwiseOr(bit, ordering: .relaxed)
        case .disable: domain.pointee.assists.bitwiseAnd(~bit, ordering: .relaxed)
        case nil: throw .enosys
        }
        return .success
    }

}
