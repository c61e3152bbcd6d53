// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import Machine
import Memory
import Sync
import Synchronization
import Timekeeping
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_vcpu_op (int cmd, unsigned int vcpu, void *arg). An operation that the ISA does not have is EINVAL on
    /// ARM, where there is one of `operations`; ENOSYS elsewhere.
    func vcpuOp() throws(XenError) -> Outcome {
        guard let target = domain.pointee.vcpu(VCPUID(word(1))) else { throw .enoent }
        guard let operation = VCPUOp(rawValue: word(0)), platform.vcpuOperations >> UInt64(operation.rawValue) & 1 != 0
        else {
            throw platform.vcpuOperations >> UInt64(VCPUOp.isUp.rawValue) & 1 != 0 ? .enosys : .einval
        }
        switch operation {
        case .registerVCPUInfo: try registerVCPUInfo(target)
        case .registerRunstateMemoryArea: try registerRunstateArea(target)
        case .isUp: return .value(target.pointee.isUp.load(ordering: .acquiring) ? 1 : 0)
        case .getRunstateInfo:
            try platform.guest.write(target.pointee.runstateInformation(now: platform.now()), at: handle(2))
        case .setSingleshotTimer, .stopSingleshotTimer, .setPeriodicTimer, .stopPeriodicTimer:
            try timer(operation, target)
        default: throw .enosys
        }
        return .success
    }

    /// Xen: VCPUOP_set_singleshot_timer and its likes. The one-shot timer is the caller's own.
    private func timer(_ operation: VCPUOp, _ target: Ref<VCPU<P>>) throws(XenError) {
        let now = platform.now()
        switch operation {
        case .setSingleshotTimer:
            guard target == vcpu else { throw .einval }
            let argument = try platform.guest.read(VCPUSetSingleshotTimer<Caller64>.self, at: handle(2))
            let time = SystemTime(nanoseconds: argument.timeout)
            if argument.flags & VCPUSetSingleshotTimer<Caller64>.future != 0, time < now { throw .etime }
            try VCPU.changeTimers(of: target, platform) { (timers) throws(XenError) in timers.setSingleshot(time, now: now) }
        case .setPeriodicTimer:
            let argument = try platform.guest.read(VCPUSetPeriodicTimer.self, at: handle(2))
            try VCPU.changeTimers(of: target, platform) { (timers) throws(XenError) in
                try timers.setPeriodic(argument.period, now: now)
                return false
            }
        default:
            if operation == .stopSingleshotTimer, target != vcpu { throw .einval }
            try VCPU.changeTimers(of: target, platform) { (timers) throws(XenError) in
                if operation == .stopSingleshotTimer { timers.stopSingleshot() } else { timers.stopPeriodic() }
                return false
            }
        }
    }

    /// Xen: VCPUOP_register_vcpu_info. For oneself, or for a vCPU that is down.
    private func registerVCPUInfo(_ target: Ref<VCPU<P>>) throws(XenError) {
        let argument = try platform.guest.read(VCPURegisterInfo.self, at: handle(2))
        guard target == vcpu || !target.pointee.isUp.load(ordering: .acquiring) else { throw .einval }
        try domain.pointee.events.pointee.registerVCPUInfo(
            vcpu: target.pointee.id, gfn: GFN(argument.gfn), offset: argument.offset, EventFrames(domain, platform),
            PlatformEvents(platform))
        platform.vcpuInfoMoved(target)
    }

    /// Xen: VCPUOP_register_runstate_memory_area
    private func registerRunstateArea(_ target: Ref<VCPU<P>>) throws(XenError) {
        let argument = try platform.guest.read(VCPURegisterArea.self, at: handle(2))
        target.pointee.registerRunstateArea(GuestVirtualAddress(argument.address), platform)
    }
}
