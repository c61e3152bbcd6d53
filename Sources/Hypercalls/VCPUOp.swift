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
        let known = platform.vcpuOperations
        guard word(0) < 64, known >> UInt64(word(0)) & 1 != 0 else {
            throw known >> UInt64(VCPUOp.isUp.rawValue) & 1 != 0 ? .enosys : .einval
        }
        switch VCPUOp(rawValue: word(0)) {
        case .registerVCPUInfo: try registerVCPUInfo(target)
        case .registerRunstateMemoryArea: try registerRunstateArea(target)
        case .initialise: try platform.initialise(target, from: handle(2))
        case .up: guard platform.start(target) else { throw .einval }
        case .down: return bringDown(target)
        case .sendNMI: platform.sendNMI(target)
        case .isUp: return .value(target.pointee.isUp.load(ordering: .acquiring) ? 1 : 0)
        case .getRunstateInfo:
            try platform.guest.write(
                target.pointee.runstateInformation(for: Caller.self, now: platform.now()), at: handle(2))
        case .setSingleshotTimer: try setSingleshot(target)
        case .stopSingleshotTimer: try stopSingleshot(target)
        case .setPeriodicTimer: try setPeriodic(target)
        case .stopPeriodicTimer: try stopPeriodic(target)
        default: throw .enosys
        }
        return .success
    }

    /// Xen: VCPUOP_down. Without its last vCPU a domain is over.
    private func bringDown(_ target: Ref<VCPU<P>>) -> Outcome {
        var others = false
        for number in 0..<UInt32(domain.pointee.vcpuCount) where VCPUID(number) != target.pointee.id {
            if let other = domain.pointee.vcpu(VCPUID(number)), other.pointee.isUp.load(ordering: .acquiring) {
                others = true
            }
        }
        guard others else { return .shutdown(.powerOff) }
        platform.bringDown(target)
        return .success
    }

    /// Xen: VCPUOP_set_singleshot_timer. The caller's own only; the structure of a 32-bit caller is read before that is seen.
    private func setSingleshot(_ target: Ref<VCPU<P>>) throws(XenError) {
        guard target == vcpu || Caller.wordBits == 32 else { throw .einval }
        let argument = try platform.guest.read(VCPUSetSingleshotTimer<Caller>.self, at: handle(2))
        guard target == vcpu else { throw .einval }
        let time = SystemTime(nanoseconds: argument.timeout.wide)
        // Xen 4.17 does not look at the flags: a time that is past is now.
        let now = platform.now()
        try VCPU.changeTimers(of: target, platform) { (timers) throws(XenError) in timers.setSingleshot(time, now: now) }
    }

    /// Xen: VCPUOP_stop_singleshot_timer
    private func stopSingleshot(_ target: Ref<VCPU<P>>) throws(XenError) {
        guard target == vcpu else { throw .einval }
        try VCPU.changeTimers(of: target, platform) { (timers) throws(XenError) in
            timers.stopSingleshot()
            return false
        }
    }

    /// Xen: VCPUOP_set_periodic_timer
    private func setPeriodic(_ target: Ref<VCPU<P>>) throws(XenError) {
        let argument = try platform.guest.read(VCPUSetPeriodicTimer.self, at: handle(2))
        let now = platform.now()
        try VCPU.changeTimers(of: target, platform) { (timers) throws(XenError) in
            try timers.setPeriodic(argument.period, now: now)
            return false
        }
    }

    /// Xen: VCPUOP_stop_periodic_timer
    private func stopPeriodic(_ target: Ref<VCPU<P>>) throws(XenError) {
        try VCPU.changeTimers(of: target, platform) { (timers) throws(XenError) in
            timers.stopPeriodic()
            return false
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
        // Of struct vcpu_register_runstate_memory_area the handle alone.
        let area = try platform.guest.read(Caller.Word.self, at: handle(2)).wide
        target.pointee.registerRunstateArea(GuestVirtualAddress(area), for: Caller.self, platform)
    }
}
