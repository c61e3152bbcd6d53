// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_hvm_op
    func hvmOp() throws(XenError) -> Outcome {
        switch HVMOp(rawValue: word(0)) {
        case .setParam: return try setParameter()
        case .getParam: return try getParameter()
        default: throw .enosys
        }
    }

    /// Xen: HVMOP_set_param
    private func setParameter() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(HVMParamArgument.self, at: handle(1))
        guard argument.index < 64 else { throw .einval }
        let target = try target(argument.domain)
        target.pointee.parameters.withLock { $0[Int(argument.index)] = argument.value }
        return .success
    }

    /// Xen: HVMOP_get_param
    private func getParameter() throws(XenError) -> Outcome {
        var argument = try platform.guest.read(HVMParamArgument.self, at: handle(1))
        guard argument.index < 64 else { throw .einval }
        let target = try target(argument.domain)
        argument.value = target.pointee.parameters.withLock { $0[Int(argument.index)] }
        try platform.guest.write(argument, at: handle(1))
        return .success
    }
}
