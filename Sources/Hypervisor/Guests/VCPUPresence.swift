// SPDX-License-Identifier: Apache-2.0

import ArchCommon
import Base
import Containers
import Domains
import Machine
import Scheduler
import Sync
import Synchronization
import XenABI

// vCPUs that come and go, stop and go on, while the machine runs.
extension Metal {
    func takeUnit() -> UInt16? { root.state.units.value.take()?.rawValue }
    func giveBackUnit(_ unit: UInt16) { root.state.units.value.giveBack(UnitID(unit)) }

    func admit(_ vcpu: MetalVCPU) {
        let unit = UnitID(vcpu.pointee.unit)
        let home = root.state.units.value.leastUsed(of: Int(processorCount))
        root.state.units.value.set(unit, vcpu, home: home)
        _ = root.state.scheduler.add(unit, on: home, isAsleep: true)
        prepare(vcpu)
    }

    func dismiss(_ vcpu: MetalVCPU) {
        let unit = UnitID(vcpu.pointee.unit)
        _ = root.state.scheduler.remove(unit)
        root.state.units.value.giveBack(unit)
    }

    func sleep(_ vcpu: MetalVCPU) { follow(root.state.scheduler.sleep(UnitID(vcpu.pointee.unit))) }
    func endSleep(_ vcpu: MetalVCPU) { follow(root.state.scheduler.endSleep(UnitID(vcpu.pointee.unit))) }

    private func follow(_ hint: SchedulingHint) {
        if case .tickle(let target) = hint { tickle(target, from: pcpu) }
    }

    private func registersHolder(_ vcpu: MetalVCPU) -> PCPU? {
        let holder = vcpu.pointee.extra.holder.load(ordering: .acquiring)
        return holder == 0 ? nil : PCPU(holder - 1)
    }

    /// The pCPU that has its registers lets go of them when it asks the scheduler (`releasePaused`).
    func waitUntilStopped(_ vcpu: MetalVCPU) {
        LockOrder.willWaitForProcessor()
        let unit = UnitID(vcpu.pointee.unit)
        var asked: PCPU?
        func holder() -> PCPU? {
            root.state.scheduler.mustLetGo(unit) { registersHolder(vcpu) }
        }
        while let holder = holder(), holder != pcpu {
            if holder != asked { tickle(holder, from: pcpu) }
            asked = holder
            cpu_relax()
        }
    }

    /// Seen to when this pCPU asks the scheduler, which is as soon as the hypercall is done.
    func move(_ vcpu: MetalVCPU, to processor: UInt32) {
        guard processor != pcpu.rawValue else { return }
        vcpu.pointee.extra.destination.store(processor + 1, ordering: .relaxed)
        root.state.scheduler.move(UnitID(vcpu.pointee.unit), to: PCPU(processor))
        tickle(pcpu, from: pcpu)
    }

    /// A vCPU's registers have been made anew, while it is asleep: this says whether it runs when that ends.
    func setRunnable(_ vcpu: MetalVCPU, _ isUp: Bool) {
        vcpu.pointee.extra.isRunnable.store(isUp, ordering: .releasing)
        vcpu.pointee.isUp.store(isUp, ordering: .releasing)
        vcpu.pointee.changeRunstate(to: .offline, now: now())
        let unit = UnitID(vcpu.pointee.unit)
        if isUp { _ = root.state.scheduler.start(unit) } else { root.state.scheduler.rest(unit) }
    }

    /// A vCPU that was down has its registers, and runs.
    func startRunning(_ vcpu: MetalVCPU) {
        vcpu.pointee.extra.isRunnable.store(true, ordering: .releasing)
        follow(root.state.scheduler.start(UnitID(vcpu.pointee.unit)))
    }

    // MARK: Grace periods

    func beginGrace() -> UInt64 {
        let period = root.state.grace.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
        for number in 0..<UInt32(root.state.graces.indices.count) where canRun(on: number) {
            tickle(PCPU(number), from: pcpu)
        }
        return period
    }

    func graceHasPassed(_ period: UInt64) -> Bool {
        for index in root.state.graces.indices
        where root.state.graces[index].load(ordering: .acquiring) < period && canRun(on: UInt32(index)) { return false }
        return true
    }
}

/// This pCPU refers to no domain besides those of its own vCPUs, which live.
@inline(__always) func passGrace(_ pcpu: PCPU) {
    let grace = root.state.grace.load(ordering: .acquiring)
    root.state.graces[pcpu.index].store(grace, ordering: .releasing)
    root.state.domains.value.bury(Metal(pcpu: pcpu))
}
