// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Drivers
import EventChannels
import Machine
import Memory
import Scheduler
import Sync
import Synchronization
import Timekeeping
import VirtualAPIC
import X86
import X86Machine
import XenABI

/// What one pCPU keeps to itself.
struct CPULocal {
    let pcpu: PCPU
    let node: NUMANode
    /// Machine address of the control block that has this pCPU's own FS, GS, TR and so on.
    let hostBlock: UInt64
    /// The vCPU that the scheduler wants here; nil: idle.
    var current: MetalVCPU?
    /// The vCPU whose vector registers this pCPU holds. Stays after a block, until another one comes.
    var loaded: MetalVCPU?
    var predictions = PredictionOwner()
    /// When the scheduler wants to be asked again.
    var sliceEnd = SystemTime.never
    /// Keeps guests' timers from filling the pCPU's time.
    var pacing = TimerPacing()

    init(pcpu: PCPU) {
        self.pcpu = pcpu
        node = root.state.pc.value.processors[pcpu.index].node
        hostBlock = root.state.pc.value.states[pcpu.index].hostBlock.load(ordering: .relaxed)
    }
}

/// A pCPU's life: ask the scheduler, run the guest until something happens, see to it. Never returns, never nests.
func runCPU(_ pcpu: PCPU) -> Never {
    let pc = root.state.pc.reference
    var cpu = CPULocal(pcpu: pcpu)
    while true {
        if cpu.current == nil || pc.pointee.states[pcpu.index].reschedule.load(ordering: .relaxed) { reschedule(&cpu) }
        if let vcpu = cpu.current { runGuest(vcpu, &cpu) } else { idle(&cpu) }
    }
}

private func reschedule(_ cpu: inout CPULocal) {
    let pc = root.state.pc.reference
    pc.pointee.states[cpu.pcpu.index].reschedule.store(false, ordering: .relaxed)
    var old = cpu.current
    var destination: PCPU?
    if let vcpu = old {
        vcpu.pointee.extra.place.store(0, ordering: .relaxed)
        if vcpu.pointee.extra.destination.load(ordering: .relaxed) != 0 {
            note(.runnable, vcpu, cpu.pcpu)
            destination = depart(vcpu, &cpu)
            old = nil
        }
    }
    let decision = root.state.scheduler.next(on: cpu.pcpu, now: systemTime())
    if let destination { tickle(destination, from: cpu.pcpu) }
    cpu.sliceEnd = decision.until
    cpu.current = if let unit = decision.unit { root.state.units.value[unit] } else { nil }
    if let old, old != cpu.current {
        note(old.pointee.pauses.load(ordering: .relaxed) > 0 ? .offline : .runnable, old, cpu.pcpu)
    }
    if let vcpu = cpu.current {
        vcpu.pointee.extra.place.store(cpu.pcpu.rawValue + 1, ordering: .sequentiallyConsistent)
        vcpu.pointee.extra.deadline.store(.max, ordering: .relaxed)
        load(vcpu, &cpu)
        if vcpu != old { note(.running, vcpu, cpu.pcpu) }
    }
    releasePaused(&cpu)
    programTimer(cpu)
    passGrace(cpu.pcpu)
}

/// The vCPU comes to this pCPU or leaves it. Its memory is read by its own control block, wherever its registers are.
private func note(_ state: Runstate, _ vcpu: MetalVCPU, _ pcpu: PCPU) {
    vcpu.pointee.changeRunstate(to: state, now: systemTime())
    vcpu.pointee.publishRunstate(Metal(pcpu: pcpu, vcpu: vcpu))
}

/// Gives the pCPU's vector registers to `vcpu`, saving whoever had them.
private func load(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    if cpu.loaded == vcpu { return }
    saveLoaded(&cpu)
    let domain = vcpu.pointee.domain.pointee.id.rawValue
    if cpu.predictions.mustForget(domain: domain, vcpu: vcpu.pointee.id.rawValue) { forgetPredictions() }
    setGuards(of: vcpu)
    vcpu.pointee.extra.holder.store(cpu.pcpu.rawValue + 1, ordering: .relaxed)
    let states = extendedStates()
    if states != 0 { x86_write_xcr0(states) }
    // SAFETY: the area is the vCPU's frame, which nobody else uses.
    unsafe x86_restore_fp(UInt64(UInt(bitPattern: frames.pointer(to: vcpu.pointee.extra.vectors))), states)
    // SAFETY: this pCPU runs the vCPU.
    unsafe x86_restore_breakpoints(
        UnsafePointer(UnsafeRawPointer(vcpu.pointee.extra.breakpoints.address).assumingMemoryBound(to: UInt64.self)))
    if states != 0 { x86_write_xcr0(vcpu.pointee.extra.extendedControl.load(ordering: .relaxed)) }
    cpu.loaded = vcpu
    // A vCPU that was here before may have left its translations under the same tag.
    vcpu.pointee.extra.mustFlush.store(true, ordering: .relaxed)
}

/// Saves the vector registers of the vCPU that this pCPU holds, and holds none.
func saveLoaded(_ cpu: inout CPULocal) {
    guard let old = cpu.loaded else { return }
    cpu.loaded = nil
    saveVectors(old)
    old.pointee.extra.holder.store(0, ordering: .releasing)
}

private func saveVectors(_ old: MetalVCPU) {
    let states = extendedStates()
    // What the guest has made of it: QEMU (7.2) does not intercept XSETBV.
    if states != 0 {
        old.pointee.extra.extendedControl.store(x86_read_xcr0(), ordering: .relaxed)
        x86_write_xcr0(states)
    }
    // SAFETY: the area is the vCPU's frame, which nobody else uses.
    unsafe x86_save_fp(UInt64(UInt(bitPattern: frames.pointer(to: old.pointee.extra.vectors))), states)
    // SAFETY: this pCPU ran the vCPU last.
    unsafe x86_save_breakpoints(
        UnsafeMutableRawPointer(old.pointee.extra.breakpoints.address).assumingMemoryBound(to: UInt64.self))
}

/// Lets go of the registers of a vCPU that is paused: somebody may wait for them, to look at them or to free them.
@inline(__always) private func releasePaused(_ cpu: inout CPULocal) {
    if let vcpu = cpu.loaded, vcpu != cpu.current, vcpu.pointee.pauses.load(ordering: .relaxed) > 0 {
        saveLoaded(&cpu)
        cpu.predictions.isUnknown()
    }
}

/// The vCPU that runs here goes to another pCPU, and takes its registers along. Returns that pCPU.
@inline(never) private func depart(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> PCPU {
    let destination = PCPU(vcpu.pointee.extra.destination.exchange(0, ordering: .relaxed) - 1)
    cpu.current = nil
    if cpu.loaded == vcpu { saveLoaded(&cpu) }
    cpu.predictions.isUnknown()
    root.state.units.value.set(UnitID(vcpu.pointee.unit), vcpu, home: destination)
    return destination
}

/// The parts of XCR0 that are moved between vCPUs; 0 where there is no XSAVE.
func extendedStates() -> UInt64 { root.state.pc.value.extendedStates }

/// Runs the guest until the scheduler has to be asked.
private func runGuest(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    let pc = root.state.pc.reference
    while true {
        if pc.pointee.states[cpu.pcpu.index].hasNews, handleNews(&cpu) { return }
        if vcpu.pointee.extra.startup.load(ordering: .relaxed) != 0 { return takeStop(vcpu, &cpu) }
        prepareInterrupts(vcpu)
        enter(vcpu, cpu)
        if handleExit(vcpu, &cpu) { return }
    }
}

@inline(__always)
private func enter(_ vcpu: MetalVCPU, _ cpu: CPULocal) {
    let block = vcpu.pointee.extra.block
    // Pairs with `NestedCache.invalidate`: either it sees that we are inside, or we see that we must flush.
    vcpu.pointee.extra.isInside.store(true, ordering: .sequentiallyConsistent)
    let mustFlush = vcpu.pointee.extra.mustFlush.load(ordering: .sequentiallyConsistent)
    block.store(mustFlush ? 1 as UInt8 : 0, VMCBField.tlbControl)
    if mustFlush {
        // SAFETY: this pCPU runs the vCPU.
        unsafe vcpu.pointee.extra.codePage.address.pointee = CodePage()
        vcpu.pointee.extra.mustFlush.store(false, ordering: .releasing)
    }
    // SAFETY: this pCPU runs the vCPU: its registers are nobody else's until we are back.
    if unsafe vcpu.pointee.extra.switchGuard.address.pointee.flags == 0 {
        unsafe x86_enter_svm(vcpu.pointee.extra.registers.address, block.address.rawValue, cpu.hostBlock)
    } else {
        unsafe x86_enter_svm_guarded(
            vcpu.pointee.extra.registers.address, block.address.rawValue, cpu.hostBlock,
            vcpu.pointee.extra.switchGuard.address)
    }
    vcpu.pointee.extra.isInside.store(false, ordering: .releasing)
}

/// What interrupts have left to do. True: the scheduler has to be asked.
func handleNews(_ cpu: inout CPULocal) -> Bool {
    let state = Ref(root.state.pc.reference, cpu.pcpu)
    if state.pointee.timerFired.exchange(false, ordering: .relaxed) {
        fireTimers(&cpu)
        if cpu.pcpu.rawValue == 0, root.state.remapping.isSet { root.state.remapping.value.reportFaults() }
        if systemTime() >= cpu.sliceEnd { state.pointee.reschedule.store(true, ordering: .relaxed) }
    }
    if state.pointee.consoleFired.exchange(false, ordering: .relaxed) { receiveConsoleInput(cpu.pcpu) }
    if state.pointee.reschedule.load(ordering: .relaxed) { return true }
    if state.pointee.timerChanged.exchange(false, ordering: .relaxed) { programTimer(cpu) }
    return false
}

extension Ref where Value == ProcessorState {
    /// The state of one pCPU.
    init(_ pc: Ref<PC>, _ pcpu: PCPU) {
        // SAFETY: the PC is never moved.
        unsafe self.init(
            unsafe: UnsafeMutablePointer(mutating: withUnsafePointer(to: pc.pointee.states[pcpu.index]) { unsafe $0 }))
    }
}

/// The vCPU waits, unless there is news already: an interrupt, or if it `polls` an event that has ended its poll.
func block(_ vcpu: MetalVCPU, _ cpu: inout CPULocal, polls: Bool = false) {
    vcpu.pointee.extra.place.store(0, ordering: .relaxed)
    note(.blocked, vcpu, cpu.pcpu)
    root.state.scheduler.block(on: cpu.pcpu)
    // Pairs with `kick`.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let pollIsOver = polls && !vcpu.pointee.domain.pointee.events.pointee.isPolling(vcpu.pointee.id)
    if pollIsOver || hasInterrupt(vcpu) { _ = root.state.scheduler.wake(UnitID(vcpu.pointee.unit)) }
    cpu.current = nil
}

/// The vCPU does not run again until somebody starts it, which may happen as soon as `isUp` is false. Where it is to go on then,
/// and is not made anew, it `keeps` its registers.
func stop(_ vcpu: MetalVCPU, _ cpu: inout CPULocal, keeps: Bool = false) {
    vcpu.pointee.extra.isRunnable.store(false, ordering: .sequentiallyConsistent)
    vcpu.pointee.changeRunstate(to: .offline, now: systemTime())
    let isHere = cpu.loaded == vcpu
    if isHere {
        if keeps { saveVectors(vcpu) }
        cpu.loaded = nil
    }
    vcpu.pointee.extra.place.store(0, ordering: .relaxed)
    root.state.scheduler.stop(on: cpu.pcpu)
    cpu.current = nil
    vcpu.pointee.isUp.store(false, ordering: .sequentiallyConsistent)
    // Last: whoever waits for that makes its registers anew.
    if isHere { vcpu.pointee.extra.holder.store(0, ordering: .releasing) }
}

/// Until there is a reason to ask the scheduler: whoever has one for this pCPU says so (`tickle`).
private func idle(_ cpu: inout CPULocal) {
    let state = Ref(root.state.pc.reference, cpu.pcpu)
    while true {
        if state.pointee.hasNews {
            if handleNews(&cpu) { return }
        } else if root.heap.value.scrub(node: cpu.node) {
            x86_take_interrupts()
        } else {
            clearBuffersBeforeSleep()
            x86_wait_for_interrupt()
            reportNMI(cpu.pcpu)
        }
    }
}

// MARK: Kicks

/// There is news for `vcpu`: gets it out of the guest, or awake, unless it is on this very pCPU.
func kick(_ vcpu: MetalVCPU, from pcpu: PCPU) {
    // Pairs with `block`: the news was published before; the other side says that it blocks before it looks for news.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let place = vcpu.pointee.extra.place.load(ordering: .relaxed)
    if place == pcpu.rawValue + 1 { return }
    if place != 0 {
        sendKick(to: PCPU(place - 1))
    } else if vcpu.pointee.extra.isRunnable.load(ordering: .acquiring),
        case .tickle(let target) = root.state.scheduler.wake(UnitID(vcpu.pointee.unit))
    {
        tickle(target, from: pcpu)
    }
}

/// A pCPU is to ask the scheduler.
func tickle(_ target: PCPU, from pcpu: PCPU) {
    root.state.pc.value.states[target.index].reschedule.store(true, ordering: .releasing)
    if target != pcpu { sendKick(to: target) }
}

func sendKick(to pcpu: PCPU) {
    let pc = root.state.pc.reference
    pc.pointee.localAPIC.send(Vector.kick, to: pc.pointee.processors[pcpu.index].apicID)
}
