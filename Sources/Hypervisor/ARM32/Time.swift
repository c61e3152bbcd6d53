// SPDX-License-Identifier: Apache-2.0

import ARM32
import ArchARM32
import Base
import Containers
import Machine
import Sync
import Synchronization

/// Each CPU proves that its timer interrupts it: so many times at least, a millisecond apart.
private let tickTarget: UInt32 = 100
private var ticksPerSecond: UInt64 { 1000 }

/// CNTHP_CTL: on, interrupt not masked.
private let timerOn: UInt32 = 1

/// Starts the calling CPU's timer.
func startTicking() {
    write_cnthp_cval(read_cntpct() &+ root.state.machine.value.frequency / ticksPerSecond)
    write_cnthp_ctl(timerOn)
    arm32_isb()
}

/// The timer interrupt. The next tick is set, or the timer turned off, before the interrupt ends: its line is a level.
func tick(_ pcpu: PCPU) {
    let machine = root.state.machine.reference
    let ticks = machine.pointee.states[pcpu.index].ticks.wrappingAdd(1, ordering: .relaxed).newValue
    // Until all have ticked, because the boot CPU sleeps between its ticks while it waits for the others.
    if ticks < tickTarget || !root.state.ticksAreReported.load(ordering: .relaxed) {
        startTicking()
    } else {
        write_cnthp_ctl(0)
        arm32_isb()
    }
}

/// Waits until every CPU that is online has ticked as often as it should, ten seconds at most, and says how often each did.
func reportTicks() {
    let machine = root.state.machine.reference
    let end = read_cntpct() &+ machine.pointee.frequency &* 10
    while read_cntpct() < end, !allHaveTicked() {
        arm32_wfi()
        takeInterrupts(PCPU(0))
    }
    root.state.ticksAreReported.store(true, ordering: .relaxed)
    for cpu in 0..<machine.pointee.processorCount where machine.pointee.states[cpu].isOnline.load(ordering: .acquiring) {
        log.notice("Timer: CPU \(cpu) ticked \(machine.pointee.states[cpu].ticks.load(ordering: .relaxed)) times")
    }
}

private func allHaveTicked() -> Bool {
    let machine = root.state.machine.reference
    for cpu in 0..<machine.pointee.processorCount where machine.pointee.states[cpu].isOnline.load(ordering: .acquiring) {
        if machine.pointee.states[cpu].ticks.load(ordering: .relaxed) < tickTarget { return false }
    }
    return true
}
