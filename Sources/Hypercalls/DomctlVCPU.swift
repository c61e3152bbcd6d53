// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Synchronization
import XenABI

/// The vCPUs of a domain, as its toolstack sets and sees them.
extension Call {
    /// Xen: XEN_DOMCTL_setvcpucontext. A null handle resets the vCPU.
    func setVCPUContext(_ target: Ref<Domain<P>>) throws(XenError) {
        let argument = try payload(DomctlVCPUContext.self)
        guard target != domain, let vcpu = target.pointee.vcpu(VCPUID(argument.vcpu)) else { throw .einval }
        target.pointee.pause(platform)
        defer { target.pointee.unpause(platform) }
        guard argument.context != 0 else {
            return platform.forgetContext(of: vcpu)
        }
        try platform.writeContext(of: vcpu, from: Address(argument.context))
    }

    /// Xen: XEN_DOMCTL_getvcpucontext
    func getVCPUContext(_ target: Ref<Domain<P>>) throws(XenError) {
        let argument = try payload(DomctlVCPUContext.self)
        guard let vcpu = target.pointee.vcpu(VCPUID(argument.vcpu)), vcpu != self.vcpu else { throw .einval }
        guard vcpu.pointee.isInitialised.load(ordering: .acquiring) else { throw .enodata }
        VCPU.pause(vcpu, platform)
        platform.waitUntilStopped(vcpu)
        defer { VCPU.unpause(vcpu, platform) }
        try platform.readContext(of: vcpu, to: Address(argument.context))
    }

    /// Xen: XEN_DOMCTL_getvcpuinfo
    func getVCPUInfo(_ target: Ref<Domain<P>>) throws(XenError) {
        var argument = try payload(DomctlVCPUInfo.self)
        guard argument.vcpu < UInt32(target.pointee.vcpuLimit) else { throw .einval }
        guard let vcpu = target.pointee.vcpu(VCPUID(argument.vcpu)) else { throw .esrch }
        let standing = platform.standing(of: vcpu)
        argument.online = vcpu.pointee.isUp.load(ordering: .relaxed) ? 1 : 0
        argument.blocked = standing.isBlocked ? 1 : 0
        argument.running = standing.isRunning ? 1 : 0
        argument.cpuTime = vcpu.pointee.cpuTime(now: platform.now())
        argument.cpu = standing.processor
        try writePayload(argument)
    }
}
