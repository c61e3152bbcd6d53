// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Drivers
import Firmware
import MMIO
import Machine
import Sync
import Synchronization
import X86
import X86Machine

/// Measures the time stamp counter by the best reference there is, and starts system time.
func startClock(
    _ description: borrowing Description, _ features: ProcessorFeatures, _ space: inout HostAddressSpace<MetalFrames>
) {
    let measured = measure(description, &space)
    guard let frequency = Calibration.settle(measured: measured, stated: features.tscFrequency), frequency >= 1_000_000
    else {
        panic("nothing tells the rate of the time stamp counter: no HPET, no PM timer, no PIT that counts")
    }
    root.state.clock.set(PCClock(frequency: frequency))
    let fraction = frequency / 1000 % 1000
    log.notice("Detected \(frequency / 1_000_000).\(fraction / 100)\(fraction / 10 % 10)\(fraction % 10) MHz processor.")
}

private func measure(_ description: borrowing Description, _ space: inout HostAddressSpace<MetalFrames>) -> UInt64? {
    if let register = description.eventTimer, register.space == .memory,
        let counter = EventTimerCounter(mapDevice(register.address, "the HPET", &space)),
        let frequency = measure(counter, "HPET")
    {
        return frequency
    }
    if let register = description.fixed?.timer, register.space == .port {
        let counter = ACPITimer(
            PortBus(UInt16(truncatingIfNeeded: register.address)), is32Bits: description.fixed?.timerIs32Bits ?? false)
        if let frequency = measure(counter, "ACPI PM timer") { return frequency }
    }
    return measure(IntervalTimer(timer: PortBus(0x40), control: PortBus(0x61)), "PIT")
}

private func measure(_ counter: some ReferenceCounter, _ name: StaticString) -> UInt64? {
    let frequency = Calibration.frequency(of: TimeStampCounter(), by: counter, milliseconds: 40)
    log.info("Platform timer is \(counter.frequency / 1000) kHz \(name)")
    return frequency
}

// MARK: Ticks

/// Each CPU proves that its timer interrupts it: so many times at least, this far apart.
let tickTarget: UInt32 = 100
private var tickNanoseconds: UInt64 { 1_000_000 }

/// Starts the calling CPU's timer.
func startTicking(_ pcpu: PCPU) {
    let pc = root.state.pc.reference
    switch pc.pointee.timer {
    case .deadline:
        pc.pointee.localAPIC.startDeadlineTimer(vector: Vector.timer)
        // The mode is set before the first deadline is (Intel SDM 3A, 10.5.4.1).
        x86_fence()
    case .count: pc.pointee.localAPIC.startOneShotTimer(vector: Vector.timer)
    }
    pc.pointee.states[pcpu.index].deadline.store(x86_read_tsc(), ordering: .relaxed)
    setNextTick(pcpu)
}

/// The timer interrupt.
func tick(_ pcpu: PCPU) {
    let pc = root.state.pc.reference
    if root.state.dom0IsReady.load(ordering: .acquiring) {
        pc.pointee.states[pcpu.index].timerFired.store(true, ordering: .relaxed)
        return
    }
    let ticks = pc.pointee.states[pcpu.index].ticks.wrappingAdd(1, ordering: .relaxed).newValue
    // Until all have ticked, because the boot CPU sleeps between its ticks while it waits for the others.
    if ticks < tickTarget || !root.state.ticksAreReported.load(ordering: .relaxed) { setNextTick(pcpu) }
}

private func setNextTick(_ pcpu: PCPU) {
    let pc = root.state.pc.reference
    let clock = root.state.clock.reference
    let now = x86_read_tsc()
    let due =
        pc.pointee.states[pcpu.index].deadline.load(ordering: .relaxed) &+ clock.pointee.counts(nanoseconds: tickNanoseconds)
    // A machine that was asleep for longer does not make up for it.
    let deadline = Int64(bitPattern: due &- now) > 0 ? due : now &+ 1
    pc.pointee.states[pcpu.index].deadline.store(deadline, ordering: .relaxed)
    setTimer(at: deadline, now: now)
}

/// Interrupts the calling CPU when the time stamp counter reaches `deadline`, or a little earlier where that is far away.
func setTimer(at deadline: UInt64, now: UInt64) {
    let pc = root.state.pc.reference
    switch pc.pointee.timer {
    case .deadline: x86_write_msr(MSR.tscDeadline, deadline)
    case .count(let frequency):
        let counts = Calibration.scale(deadline &- now, by: frequency, over: root.state.clock.value.frequency)
        pc.pointee.localAPIC.setTimer(max(1, UInt32(clamping: counts)))
    }
}

/// Waits until every CPU that is online has ticked as often as it should, ten seconds at most, and says how often each did.
func reportTicks() {
    let pc = root.state.pc.reference
    let clock = root.state.clock.reference
    let end = clock.pointee.now() + 10_000_000_000
    while clock.pointee.now() < end, !allHaveTicked() { x86_wait_for_interrupt() }
    root.state.ticksAreReported.store(true, ordering: .relaxed)
    for cpu in 0..<pc.pointee.states.count where pc.pointee.states[cpu].isOnline.load(ordering: .acquiring) {
        log.notice("Timer: CPU \(cpu) ticked \(pc.pointee.states[cpu].ticks.load(ordering: .relaxed)) times")
    }
}

private func allHaveTicked() -> Bool {
    let pc = root.state.pc.reference
    for cpu in 0..<pc.pointee.states.count where pc.pointee.states[cpu].isOnline.load(ordering: .acquiring) {
        if pc.pointee.states[cpu].ticks.load(ordering: .relaxed) < tickTarget { return false }
    }
    return true
}
