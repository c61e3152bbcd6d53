// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import Synchronization
import X86
import X86Machine
import XenABI

/// vCPUs that their domain sets up, starts and stops by hypercall.
extension Metal {
    /// Xen: VCPUOP_initialise
    func initialise(_ target: MetalVCPU, from context: GuestVirtualAddress) throws(XenError) {
        let argument = try guest.read(VCPUHVMContext.self, at: context)
        guard target.pointee.extra.setUp.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged else {
            throw .eexist
        }
        guard let start = VCPUStart(argument.words, root.state.policy.value.controls) else {
            target.pointee.extra.setUp.store(0, ordering: .relaxed)
            throw .einval
        }
        reset(target, to: start)
    }

    /// Xen: VCPUOP_up
    func start(_ target: MetalVCPU) -> Bool {
        guard target.pointee.extra.setUp.load(ordering: .acquiring) == 2 else { return false }
        let startup = Startup.self
        // It was to stop, and has not begun to; or it is at it, and starts itself afterwards.
        if target.pointee.extra.startup.replace(startup.isDown, by: 0) { return true }
        if target.pointee.extra.startup.replace(startup.isStopping, by: startup.isStopping | startup.isAgain) { return true }
        return startAgain(target, from: pcpu)
    }

    /// Xen: VCPUOP_down
    func bringDown(_ target: MetalVCPU) {
        guard target.pointee.isUp.load(ordering: .acquiring), target.pointee.extra.startup.replace(0, by: Startup.isDown)
        else { return }
        kick(target, from: pcpu)
    }

    /// Xen: VCPUOP_send_nmi
    func sendNMI(_ target: MetalVCPU) {
        target.pointee.extra.hasNMI.store(true, ordering: .relaxed)
        kick(target, from: pcpu)
    }
}

/// Runs a vCPU on that is down, from where it was.
func startAgain(_ vcpu: MetalVCPU, from pcpu: PCPU) -> Bool {
    guard vcpu.pointee.isUp.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    else {
        return true
    }
    vcpu.pointee.changeRunstate(to: .runnable, now: systemTime())
    Metal(pcpu: pcpu).startRunning(vcpu)
    return true
}

extension Atomic where Value == UInt32 {
    /// True where it was `old`, and is `new` now.
    func replace(_ old: UInt32, by new: UInt32) -> Bool {
        compareExchange(expected: old, desired: new, ordering: .sequentiallyConsistent).exchanged
    }
}
