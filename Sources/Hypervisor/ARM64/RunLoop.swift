// SPDX-License-Identifier: Apache-2.0

import ARM
import ARM64
import ArchARM64
import ArchCommon
import Base
import Boot
import Containers
import DomainBuilder
import Domains
import Drivers
import EventChannels
import Firmware
import GrantTables
import Hypercalls
import MMIO
import Machine
import Memory
import P2M
import Scheduler
import Sync
import Synchronization
import Timekeeping
import VirtualGIC
import XenABI

/// What one pCPU keeps to itself.
struct CPULocal {
    let pcpu: PCPU
    let node: NUMANode
    /// The vCPU that the scheduler wants here; nil: idle.
    var current: MetalVCPU?
    /// The vCPU whose registers, list registers and timer this pCPU holds. Stays after a block, until another one comes.
    var loaded: MetalVCPU?
    /// The vCPU whose FP registers this pCPU holds.
    var fpOwner: MetalVCPU?
    /// When the scheduler wants to be asked again.
    var sliceEnd = SystemTime.never
    /// Keeps guests' timers from filling the pCPU's time.
    var pacing = TimerPacing()

    init(pcpu: PCPU) {
        self.pcpu = pcpu
        node = root.state.machine.value.processors[pcpu.index].node
    }
}

/// A pCPU's life: ask the scheduler, run the guest until something happens, see to it. Never returns, never nests: the one
/// stack of the pCPU is empty again at every turn.
func runCPU(_ cpu: consuming CPULocal) -> Never {
    let pcpu = cpu.pcpu
    let machine = root.state.machine.reference
    while true {
        if cpu.current == nil || machine.pointee.states[pcpu.index].reschedule.load(ordering: .relaxed) {
            reschedule(&cpu)
        }
        if let vcpu = cpu.current { runGuest(vcpu, &cpu) } else { idle(&cpu) }
    }
}

private func reschedule(_ cpu: inout CPULocal) {
    let machine = root.state.machine.reference
    machine.pointee.states[cpu.pcpu.index].reschedule.store(false, ordering: .relaxed)
    var old = cpu.current
    var destination: PCPU?
    if let vcpu = old {
        vcpu.pointee.extra.place.store(0, ordering: .relaxed)
        if vcpu.pointee.extra.destination.load(ordering: .relaxed) != 0 {
            enter(.runnable, vcpu, cpu.pcpu)
            destination = depart(vcpu, &cpu)
            old = nil
        }
    }
    let decision = root.state.scheduler.next(on: cpu.pcpu, now: machine.pointee.now)
    if let destination { tickle(destination, from: cpu.pcpu) }
    cpu.sliceEnd = decision.until
    cpu.current = if let unit = decision.unit { root.state.units.value[unit] } else { nil }
    if let old, old != cpu.current {
        enter(old.pointee.pauses.load(ordering: .relaxed) > 0 ? .offline : .runnable, old, cpu.pcpu)
    }
    if let vcpu = cpu.current {
        vcpu.pointee.extra.place.store(cpu.pcpu.rawValue + 1, ordering: .relaxed)
        // Store buffering, the other half in `kick`: there news is stored, then a full barrier, then the place is read; here the
        // place is stored, then a full barrier, then `runGuest` reads the news. Without both the kick may go to nobody while the
        // news is not seen. A store with the order of its own (STLR) does not hold the loads behind it back.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        vcpu.pointee.extra.deadlines.runs()
        load(vcpu, &cpu)
        if vcpu != old { enter(.running, vcpu, cpu.pcpu) }
    }
    releasePaused(&cpu)
    programTimer(cpu)
    passGrace(cpu.pcpu)
}

/// The vCPU comes to this pCPU or leaves it, and its registers are here.
private func enter(_ state: Runstate, _ vcpu: MetalVCPU, _ pcpu: PCPU) {
    vcpu.pointee.changeRunstate(to: state, now: root.state.machine.value.now)
    vcpu.pointee.publishRunstate(Metal(pcpu: pcpu))
}

/// Runs the guest until the scheduler has to be asked.
private func runGuest(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    let domain = vcpu.pointee.domain
    let pcpu = cpu.pcpu
    let reschedule = root.state.machine.reference
    while true {
        enterInterface(vcpu, domain, pcpu)
        // SAFETY: this pCPU runs the vCPU: its frame is nobody else's until we are back.
        let reason = unsafe arm64_enter_guest(vcpu.pointee.extra.frame.address) & 3
        if reason == 0 {
            if handleTrap(vcpu, &cpu) { return }
        } else {
            handleInterrupt(&cpu)
            if reason == 3 { handleSystemError(vcpu, &cpu) }
        }
        if reschedule.pointee.states[pcpu.index].reschedule.load(ordering: .relaxed) { return }
    }
}

/// The vCPU waits, unless there is news already: an interrupt, or if it `polls` an event that has ended its poll.
func block(_ vcpu: MetalVCPU, _ cpu: inout CPULocal, polls: Bool = false) {
    vcpu.pointee.extra.place.store(0, ordering: .relaxed)
    enter(.blocked, vcpu, cpu.pcpu)
    root.state.scheduler.block(on: cpu.pcpu)
    // Pairs with `kick`.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let pollIsOver = polls && !vcpu.pointee.domain.pointee.events.pointee.isPolling(vcpu.pointee.id)
    if pollIsOver || hasInterrupt(vcpu, cpu.pcpu) {
        _ = root.state.scheduler.wake(UnitID(vcpu.pointee.unit))
    }
    cpu.current = nil
}

/// Until there is a reason to ask the scheduler: whoever has one for this pCPU says so (`tickle`).
private func idle(_ cpu: inout CPULocal) {
    let machine = root.state.machine.reference
    while !machine.pointee.states[cpu.pcpu.index].reschedule.load(ordering: .relaxed) { rest(&cpu) }
}

/// Nothing to run: cleans a piece of memory, or sleeps until an interrupt comes.
func rest(_ cpu: inout CPULocal) {
    if !root.heap.value.scrub(node: cpu.node) { arm64_wfi() }
    handleInterrupt(&cpu)
}

// MARK: Interrupts

/// Takes every physical interrupt that waits.
func handleInterrupt(_ cpu: inout CPULocal) {
    let machine = root.state.machine.reference
    while true {
        let value = machine.pointee.gic.acknowledge()
        let interrupt = value & 0x3ff
        guard interrupt < 1020 else { return }
        machine.pointee.gic.endPriority(value)
        if interrupt == machine.pointee.virtualTimer {
            handleVirtualTimer(interrupt, value, &cpu)
        } else if interrupt >= 32 {
            handleShared(interrupt, value, &cpu)
        } else if interrupt == machine.pointee.maintenance {
            handleMaintenance(&cpu)
            machine.pointee.gic.deactivate(value)
        } else {
            machine.pointee.gic.deactivate(value)
            // What the sender of a software interrupt stored before it is read after it. Pairs with `sendKick`.
            arm64_dmb_ishld()
            handlePrivate(interrupt, &cpu)
        }
    }
}

/// The virtual timer of the loaded vCPU has fired. Mapped, the physical interrupt stays active until the guest ends its
/// own. Else (GICv2, see `ARMMachine.mapsTimer`) the timer is masked, and the guest's handler programs it anew.
@inline(__always)
private func handleVirtualTimer(_ interrupt: UInt32, _ value: UInt32, _ cpu: inout CPULocal) {
    let machine = root.state.machine.reference
    if !machine.pointee.mapsTimer {
        write_cntv_ctl_el0(read_cntv_ctl_el0() | 2)
        arm64_isb()
        machine.pointee.gic.deactivate(value)
    }
    if let vcpu = cpu.loaded { pulse(vcpu.pointee.domain.pointee.extra.timer, vcpu, from: cpu.pcpu) }
}

private func handlePrivate(_ interrupt: UInt32, _ cpu: inout CPULocal) {
    let machine = root.state.machine.reference
    if interrupt == machine.pointee.hypervisorTimer {
        write_cnthp_ctl_el2(0)
        cpu.pacing.fired(now: machine.pointee.now)
        wakeExpired(cpu)
        if machine.pointee.now >= cpu.sliceEnd {
            machine.pointee.states[cpu.pcpu.index].reschedule.store(true, ordering: .relaxed)
        } else {
            programTimer(cpu)
        }
    }
}

/// List registers want looking at. The line stays up until they were, so that has to happen before it is taken again.
private func handleMaintenance(_ cpu: inout CPULocal) {
    guard let vcpu = cpu.loaded else { return }
    vcpu.pointee.domain.pointee.extra.gic.maintenance(vcpu.pointee.id)
    enterInterface(vcpu, vcpu.pointee.domain, cpu.pcpu)
}

private func handleShared(_ interrupt: UInt32, _ value: UInt32, _ cpu: inout CPULocal) {
    let machine = root.state.machine.reference
    let owner = machine.pointee.interrupts.withLock { $0.owners[Int(interrupt & 1023)] }
    switch owner {
    case .dom0:
        if let domain = Metal(pcpu: cpu.pcpu).domain(.dom0), let vcpu = domain.pointee.vcpu(VCPUID(0)) {
            pulse(interrupt, vcpu, from: cpu.pcpu)
        }
    case .console:
        machine.pointee.gic.deactivate(value)
        receiveConsoleInput(cpu.pcpu)
    case .nobody:
        machine.pointee.gic.distributor.disable(interrupt)
        machine.pointee.gic.deactivate(value)
        log.warning("unexpected interrupt \(interrupt), disabled")
    }
}

// MARK: The timer

/// EL2's timer at the next thing that this pCPU must not miss.
func programTimer(_ cpu: CPULocal) {
    var next = cpu.sliceEnd.nanoseconds
    forEachHere(cpu.pcpu) {
        next = min(next, $0.pointee.extra.deadlines.next.nanoseconds)
        next = min(next, $0.pointee.domain.pointee.watchdogDeadline.load(ordering: .relaxed))
    }
    let machine = root.state.machine.reference
    guard let wait = cpu.pacing.wait(until: SystemTime(nanoseconds: next), now: machine.pointee.now) else {
        write_cnthp_ctl_el2(0)
        return
    }
    write_cnthp_cval_el2(read_cntpct_el0() &+ TimerPacing.ticks(wait, frequency: machine.pointee.frequency))
    write_cnthp_ctl_el2(1)
    arm64_isb()
}

private func wakeExpired(_ cpu: CPULocal) {
    let now = root.state.machine.value.now
    forEachHere(cpu.pcpu) { vcpu in
        let domain = vcpu.pointee.domain
        let platform = Metal(pcpu: cpu.pcpu)
        if domain.pointee.takeExpiredWatchdog(platform) { watchdogExpired(domain, platform) }
        if vcpu.pointee.extra.deadlines.takeExpired(now: now) { kick(vcpu, from: cpu.pcpu) }
    }
}

/// Every vCPU whose home is this pCPU.
private func forEachHere(_ pcpu: PCPU, _ body: (MetalVCPU) -> Void) {
    guard root.state.units.isSet else { return }
    for index in 0..<root.state.units.value.count {
        if let vcpu = root.state.units.value[UnitID(UInt16(index))], root.state.units.value.home(index) == pcpu {
            body(vcpu)
        }
    }
}
