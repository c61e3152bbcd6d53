// SPDX-License-Identifier: Apache-2.0

import ARM32
import ArchARM32
import ArchCommon
import Base
import Boot
import Containers
import Drivers
import Firmware
import MMIO
import Machine
import Memory
import Sync
import Synchronization

/// Frames of a CPU's stack: 32 KiB.
private let stackOrder = 3

/// Starts every other CPU and waits for it, a bounded time each.
@inline(never) func startSecondaries(_ space: inout HostAddressSpace<MetalFrames>, image: MachineRange) {
    let machine = root.state.machine.reference
    var online = 1
    let wanted = min(machine.pointee.processorCount, Int(root.options.value.words.maximumCPUs))
    for number in 1..<max(wanted, 1) where startSecondary(number, &space, image: image) { online += 1 }
    log.notice("Brought up \(online) CPUs")
}

/// False, with a word about it, where the CPU does not come.
private func startSecondary(_ number: Int, _ space: inout HostAddressSpace<MetalFrames>, image: MachineRange) -> Bool {
    let machine = root.state.machine.reference
    let processor = machine.pointee.processors[number]
    guard let frame = root.heap.value.allocate(order: stackOrder, node: processor.node),
        let argument = root.heap.value.allocate(order: 0, node: processor.node)?.address,
        let stack = space.mapStack(frame, frames: 1 << UInt64(stackOrder))
    else {
        log.error("CPU\(number): no memory for its stack")
        return false
    }
    let table = image.start.address + (boot_table_root() - boot_image_start())
    let start = image.start.address + (boot_secondary_entry() - boot_image_start())
    // struct secondary_start.
    frames.store(UInt32(truncatingIfNeeded: table.rawValue), at: argument)
    frames.store(UInt32(truncatingIfNeeded: stack), at: argument + 4)
    frames.store(UInt32(truncatingIfNeeded: number), at: argument + 8)
    // The CPU that starts reads this with its caches off.
    arm32_dsb_sy()
    arm32_clean_line(UInt32(truncatingIfNeeded: argument.rawValue))
    arm32_dsb_sy()
    let result = PSCI.call(
        machine.pointee.cpuOn, UInt32(truncatingIfNeeded: processor.mpidr), UInt32(truncatingIfNeeded: start.rawValue),
        UInt32(truncatingIfNeeded: argument.rawValue))
    guard result == 0 else {
        log.error("CPU\(number): the firmware refuses to start it (PSCI \(result))")
        return false
    }
    let end = read_cntpct() &+ machine.pointee.frequency
    while !machine.pointee.states[number].isOnline.load(ordering: .acquiring) {
        cpu_relax()
        guard read_cntpct() < end else {
            log.error("CPU\(number): did not come up")
            return false
        }
    }
    return true
}

@c(xen_secondary_arm32) func secondary(number: UInt32) -> Never {
    let pcpu = PCPU(number)
    setUpCPU(pcpu)
    root.state.machine.value.states[pcpu.index].isOnline.store(true, ordering: .releasing)
    idle(pcpu)
}

/// This CPU's share of the interrupt controller, its timer and its trap configuration.
func setUpCPU(_ pcpu: PCPU) {
    let machine = root.state.machine.reference
    // Interrupts, fast ones and asynchronous aborts come to HYP mode (ARM DDI 0406C, HCR.IMO, FMO, AMO).
    write_hcr(1 << 5 | 1 << 4 | 1 << 3)
    machine.pointee.gic.startCPU()
    machine.pointee.gic.distributor.enable(machine.pointee.timer)
    write_cnthctl(1)
    write_cntvoff(0)
    write_cntv_ctl(0)
    startTicking()
}

/// Takes what is pending. The hypervisor runs with interrupts masked: this is the only place where it looks.
func takeInterrupts(_ pcpu: PCPU) {
    let machine = root.state.machine.reference
    while true {
        let value = machine.pointee.gic.acknowledge()
        let interrupt = value & 0x3ff
        guard interrupt < 1020 else { return }
        if interrupt == machine.pointee.timer {
            tick(pcpu)
        } else if interrupt >= 16 {
            log.warning("CPU\(pcpu.rawValue): interrupt \(interrupt) is nobody's: disabled")
            machine.pointee.gic.distributor.disable(interrupt)
        }
        machine.pointee.gic.endPriority(value)
        machine.pointee.gic.deactivate(value)
    }
}

/// Nothing to run: clean memory as long as there is dirty memory, else sleep.
func idle(_ pcpu: PCPU) -> Never {
    while true {
        if !root.heap.value.scrub() { arm32_wfi() }
        takeInterrupts(pcpu)
    }
}
