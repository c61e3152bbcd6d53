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
    /// Xen: __HYPERVISOR_vcpu_op (int cmd, unsigned int vcpu, void *arg). ARM has two of its operations and answers EINVAL to
    /// the others.
    func vcpuOp() throws(XenError) -> Outcome {
        guard let target = domain.pointee.vcpu(VCPUID(word(1))) else { throw .enoent }
        switch VCPUOp(rawValue: word(0)) {
        case .registerVCPUInfo: try registerVCPUInfo(target)
        case .registerRunstateMemoryArea: try registerRunstateArea(target)
        default: throw .einval
        }
        return .success
    }

    /// Xen: VCPUOP_register_vcpu_info. For oneself, or for a vCPU that is down.
    private func registerVCPUInfo(_ target: Ref<VCPU<P>>) throws(XenError) {
        let argument = try platform.guest.read(VCPURegisterInfo.self, at: handle(2))
        guard target == vcpu || !target.pointee.isUp.load(ordering: .acquiring) else { throw .einval }
        try domain.pointee.events.pointee.registerVCPUInfo(
            vcpu: target.pointee.id, gfn: GFN(argument.gfn), offset: argument.offset, EventFrames(domain, platform),
            PlatformEvents(platform))
    }

    /// Xen: VCPUOP_register_runstate_memory_area
    private func registerRunstateArea(_ target: Ref<VCPU<P>>) throws(XenError) {
        let argument = try platform.guest.read(VCPURegisterArea.self, at: handle(2))
        target.pointee.registerRunstateArea(GuestVirtualAddress(argument.address), platform)
    }
}
