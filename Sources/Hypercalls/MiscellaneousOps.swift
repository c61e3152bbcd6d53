// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Synchronization
import XenABI

/// The small ones: physdev_op, platform_op, vm_assist, multicall.
extension Call {
    /// Xen: __HYPERVISOR_physdev_op. On ARM no operation exists without PCI passthrough (Xen: arch/arm/physdev.c).
    func physdevOp() throws(XenError) -> Outcome { throw .enosys }

    /// Xen: __HYPERVISOR_platform_op
    func platformOp() throws(XenError) -> Outcome {
        let header = try platform.guest.read(PlatformOpHeader.self, at: handle(0))
        guard header.interfaceVersion == PlatformOp.interfaceVersion else { throw .eacces }
        guard domain.pointee.isPrivileged else { throw .eperm }
        guard PlatformOp(rawValue: header.command) == .setTime64 else { throw .enosys }
        // Xen: XENPF_settime64
        let time = try platform.guest.read(PlatformSetTime64<Caller64>.self, at: handle(0) + 8)
        guard time.mbz == 0 else { throw .einval }
        platform.setWallclock(seconds: time.seconds, nanoseconds: time.nanoseconds, at: time.systemTime)
        return .success
    }

    /// Xen: __HYPERVISOR_vm_assist (unsigned int cmd, unsigned int type). ARM has runstate_update_flag only.
    func vmAssist() throws(XenError) -> Outcome {
        guard word(1) < 64 else { throw .einval }
        guard platform.assists >> UInt64(word(1)) & 1 != 0 else { throw .enosys }
        let bit: UInt64 = 1 << UInt64(word(1))
        switch VMAssistCommand(rawValue: word(0)) {
        case .enable: domain.pointee.assists.bitwiseOr(bit, ordering: .relaxed)
        case .disable: domain.pointee.assists.bitwiseAnd(~bit, ordering: .relaxed)
        case nil: throw .enosys
        }
        return .success
    }

    /// Xen: __HYPERVISOR_multicall (multicall_entry_t *list, unsigned int count). A call that is not done is made again
    /// from where it stands; the list is not looked at again before that.
    func multicall() throws(XenError) -> Outcome {
        let size = UInt64(MemoryLayout<MulticallEntry<Caller64>>.size)
        for index in 0..<UInt64(word(1)) {
            let address = handle(0) + index * size
            let entry = try platform.guest.read(MulticallEntry<Caller64>.self, at: address)
            var arguments = InlineArray<5, UInt64>(repeating: 0)
            for argument in 0..<5 { arguments[argument] = entry.arguments[argument] }
            guard entry.operation != UInt64(Hypercall.multicall.rawValue) else { throw .einval }
            var outcome: Outcome
            repeat {
                outcome = Call(platform: platform, vcpu: vcpu, arguments: arguments)
                    .perform(UInt32(truncatingIfNeeded: entry.operation))
                outcome.update(&arguments)
            } while outcome.isAgain
            guard case .value(let result) = outcome else { throw .einval }
            try platform.guest.write(UInt64(bitPattern: result), at: address + 8)
        }
        return .success
    }
}

extension Outcome {
    var isAgain: Bool {
        switch self {
        case .again, .againWithRest: true
        default: false
        }
    }

    /// Puts in the arguments of a call that is to be made again.
    public func update(_ arguments: inout InlineArray<5, UInt64>) {
        switch self {
        case .again(let first): arguments[0] = first
        case .againWithRest(let first, let second, let third):
            arguments[0] = first
            arguments[1] = second
            arguments[2] = third
        default: break
        }
    }
}
