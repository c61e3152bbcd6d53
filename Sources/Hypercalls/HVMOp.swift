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
        case .guestRequestVMEvent: return try requestEvent()
        case .setEvtchnUpcallVector: return try setUpcallVector()
        default: throw .enosys
        }
    }

    /// Xen: HVMOP_set_evtchn_upcall_vector
    private func setUpcallVector() throws(XenError) -> Outcome {
        guard platform.hasUpcallVectors else { throw .enosys }
        let argument = try platform.guest.read(HVMEvtchnUpcallVector.self, at: handle(1))
        // Below are exceptions.
        guard argument.vector >= 16 else { throw .einval }
        guard let target = domain.pointee.vcpu(VCPUID(argument.vcpu)) else { throw .enoent }
        try platform.setUpcallVector(argument.vector, target)
        return .success
    }

    /// Xen: HVMOP_set_param
    private func setParameter() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(HVMParamArgument.self, at: handle(1))
        try checkNumber(argument.index)
        let target = try target(argument.domain)
        try checkParameter(argument.index, of: target, among: platform.parameters.settable)
        target.pointee.parameters.withLock { $0[Int(argument.index)] = argument.value }
        // Among the first things that a guest's drivers do.
        if argument.index == HVMParam.callbackIRQ.rawValue, target == domain {
            target.pointee.latchWords(of: Caller.wordBits, platform)
        }
        return .success
    }

    /// Xen: HVMOP_get_param
    private func getParameter() throws(XenError) -> Outcome {
        var argument = try platform.guest.read(HVMParamArgument.self, at: handle(1))
        try checkNumber(argument.index)
        let target = try target(argument.domain)
        try checkParameter(argument.index, of: target, among: platform.parameters.readable)
        argument.value = target.pointee.parameters.withLock { $0[Int(argument.index)] }
        try platform.guest.write(argument, at: handle(1))
        return .success
    }

    /// x86 sees that there is no such parameter before it looks for the domain, ARM after.
    private func checkNumber(_ index: UInt32) throws(XenError) {
        guard !platform.hasUpcallVectors || index < HVMParam.count else { throw .einval }
    }

    /// Throws EINVAL for a parameter that there is not, EPERM for one that a domain may not reach of itself.
    private func checkParameter(_ index: UInt32, of target: Ref<Domain<P>>, among own: UInt64) throws(XenError) {
        let known = platform.parameters.readable | platform.parameters.settable | platform.parameters.toolstack
        guard index < 64, known >> UInt64(index) & 1 != 0 else { throw .einval }
        guard target != domain || own >> UInt64(index) & 1 != 0 else { throw .eperm }
    }

    /// Xen: HVMOP_guest_request_vm_event. Nobody listens for memory events, which only a domctl could arrange.
    private func requestEvent() throws(XenError) -> Outcome {
        guard handle(1).rawValue == 0 else { throw .einval }
        return .success
    }
}
