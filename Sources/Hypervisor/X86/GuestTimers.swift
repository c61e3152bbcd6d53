// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Drivers
import Machine
import Scheduler
import Sync
import Synchronization
import Timekeeping
import VirtualAPIC
import X86Machine

/// This pCPU's timer at the next thing that it must not miss.
func programTimer(_ cpu: CPULocal) {
    var next = cpu.sliceEnd
    forEachHere(cpu.pcpu) { vcpu in
        next = min(next, SystemTime(nanoseconds: vcpu.pointee.extra.deadline.load(ordering: .relaxed)))
        next = min(
            next, SystemTime(nanoseconds: vcpu.pointee.domain.pointee.watchdogDeadline.load(ordering: .relaxed)))
        next = min(next, vcpu.pointee.timers.withLock { $0.next })
        next = min(next, vcpu.pointee.extra.apic.deadline)
    }
    let clock = root.state.clock.reference
    guard let wait = cpu.pacing.wait(until: next, now: clock.pointee.now()) else { return stopTimer() }
    let counter = x86_read_tsc()
    setTimer(at: counter &+ TimerPacing.ticks(wait, frequency: clock.pointee.frequency), now: counter)
}

private func stopTimer() {
    switch root.state.pc.value.timer {
    case .deadline: x86_write_msr(MSR.tscDeadline, 0)
    case .count: root.state.pc.value.localAPIC.setTimer(0)
    }
}

/// The timer of this pCPU has fired: everything of its vCPUs that is due.
func fireTimers(_ cpu: inout CPULocal) {
    let now = systemTime()
    cpu.pacing.fired(now: now)
    let pcpu = cpu.pcpu
    forEachHere(pcpu) { vcpu in
        let platform = Metal(pcpu: pcpu)
        let domain = vcpu.pointee.domain
        if domain.pointee.takeExpiredWatchdog(platform) { watchdogExpired(domain, platform) }
        VCPU.fireTimers(of: vcpu, platform, now: now)
        if vcpu.pointee.extra.apic.fire(now: now) { kick(vcpu, from: pcpu) }
        guard vcpu.pointee.extra.deadline.load(ordering: .relaxed) <= now.nanoseconds else { return }
        vcpu.pointee.extra.deadline.store(.max, ordering: .relaxed)
        kick(vcpu, from: pcpu)
    }
    programTimer(cpu)
}

/// The vCPU's timers have changed: its home programs its own again.
func requestTimer(of vcpu: MetalVCPU, from pcpu: PCPU) {
    guard root.state.units.isSet else { return }
    let home = root.state.units.value.home(Int(vcpu.pointee.unit))
    root.state.pc.value.states[home.index].timerChanged.store(true, ordering: .releasing)
    if home != pcpu { sendKick(to: home) }
}

/// Every vCPU whose home is this pCPU.
private func forEachHere(_ pcpu: PCPU, _ body: (MetalVCPU) -> Void) {
    guard root.state.units.isSet else { return }
    for index in 0..<root.state.units.value.count where root.state.units.value.home(index) == pcpu {
        if let vcpu = root.state.units.value[UnitID(UInt16(index))] { body(vcpu) }
    }
}
