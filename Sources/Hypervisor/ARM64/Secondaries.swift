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

/// Frames of a CPU's stack: 32 KiB.
let stackOrder = 3

/// Starts every other CPU and waits for it, a bounded time each.
func startSecondaries(
    _ description: borrowing MachineDescription, _ space: inout HostAddressSpace<MetalFrames>, image: MachineRange
) {
    let machine = root.state.machine.reference
    var online = 1
    let wanted = min(machine.pointee.processorCount, Int(root.options.value.words.maximumCPUs))
    for number in 1..<max(wanted, 1) {
        if startSecondary(number, description, &space, image: image) { online += 1 }
    }
    log.notice("Brought up \(online) CPUs")
}

private func startSecondary(
    _ number: Int, _ description: borrowing MachineDescription, _ space: inout HostAddressSpace<MetalFrames>,
    image: MachineRange
) -> Bool {
    let machine = root.state.machine.reference
    let node = machine.pointee.processors[number].node
    guard let frame = root.heap.value.allocate(order: stackOrder, node: node),
        let argument = root.heap.value.allocate(order: 0, node: node),
        let stack = space.mapStack(frame, frames: 1 << UInt64(stackOrder))
    else {
        log.error("CPU\(number): no memory for its stack")
        return false
    }
    let level0 = image.start.address.rawValue + (boot_table_root() - boot_image_start())
    frames.store(level0, at: argument.address)
    frames.store(UInt64(stack), at: argument.address + 8)
    frames.store(UInt64(number), at: argument.address + 16)
    frames.store(machine.pointee.processors[number].mpidr, at: argument.address + 24)
    cleanToMemory(argument.address, bytes: 32)
    guard release(number, description, argument.address, &space, image: image) else { return false }
    let end = read_cntpct_el0() &+ machine.pointee.frequency
    while !machine.pointee.states[number].isOnline.load(ordering: .acquiring) {
        cpu_relax()
        guard read_cntpct_el0() < end else {
            log.error("CPU\(number): did not come up")
            return false
        }
    }
    return true
}

/// By the word that it watches, or by PSCI.
private func release(
    _ number: Int, _ description: borrowing MachineDescription, _ argument: MachineAddress,
    _ space: inout HostAddressSpace<MetalFrames>, image: MachineRange
) -> Bool {
    let processor = description.processors[number]
    if processor.release.rawValue != 0 {
        let word = image.start.address + (boot_spin_argument() - boot_image_start())
        frames.store(argument.rawValue, at: word)
        cleanToMemory(word, bytes: 8)
        return writeSpinTable(processor.release, boot_spin_entry(), &space, image: image)
    }
    guard let psci = description.psci else {
        log.error("CPU\(number): neither PSCI nor a spin table to start it by")
        return false
    }
    let function = psci.hasVersion ? nil : psci.cpuOn
    let start = image.start.address.rawValue + (boot_secondary_entry() - boot_image_start())
    let result = PSCI.call(UInt64(function ?? 0xc400_0003), processor.mpidr, start, argument.rawValue)
    if result != 0 { log.error("CPU\(number): the firmware refuses to start it (PSCI \(result))") }
    return result == 0
}

/// The word may lie in RAM that the firmware keeps, or in memory that the tree does not tell of
/// (Devicetree Specification 0.4, 3.8.1: cpu-release-addr).
private func writeSpinTable(
    _ place: MachineAddress, _ entry: UInt64, _ space: inout HostAddressSpace<MetalFrames>, image: MachineRange
) -> Bool {
    let target = image.start.address.rawValue + (entry - boot_image_start())
    if root.frameTable.value.index(of: place.frame) != nil {
        frames.store(target, at: place)
        cleanToMemory(place, bytes: 8)
    } else {
        guard let base = space.mapDevice(place, size: 8) else {
            log.error("the spin table at 0x\(hex: place.rawValue) cannot be mapped")
            return false
        }
        // SAFETY: just mapped, for good.
        unsafe MappedBus(mappedAt: base).write64(0, target)
    }
    arm64_sev()
    return true
}

/// The CPU that starts reads this with its caches off.
func cleanToMemory(_ start: MachineAddress, bytes: UInt64) {
    var address = UInt64(DirectMap.base) + alignedDown(start.rawValue, to: 64)
    let end = UInt64(DirectMap.base) + start.rawValue + bytes
    while address < end {
        arm64_dc_civac(address)
        address += 64
    }
    arm64_dsb_sy()
}

@c(xen_secondary_arm64) func secondary(number: UInt64) -> Never {
    let pcpu = PCPU(UInt32(number))
    setUpCPU(pcpu)
    root.state.machine.value.states[pcpu.index].isOnline.store(true, ordering: .releasing)
    var cpu = CPULocal(pcpu: pcpu)
    // dom0 is built by the boot CPU meanwhile.
    while !root.state.dom0IsReady.load(ordering: .acquiring) { rest(&cpu) }
    runCPU(cpu)
}

/// This CPU's share of the interrupt controller, timer and trap configuration.
func setUpCPU(_ pcpu: PCPU) {
    let machine = root.state.machine.reference
    let record = machine.pointee.processors[pcpu.index]
    machine.pointee.gic.startCPU(record)
    machine.pointee.gic.setPrivate(machine.pointee.hypervisorTimer, enabled: true, record)
    machine.pointee.gic.setPrivate(machine.pointee.virtualTimer, enabled: true, record)
    machine.pointee.gic.setPrivate(machine.pointee.maintenance, enabled: true, record)
    write_cnthp_ctl_el2(0)
    // EL1 reads the counters; its physical timer traps (ARM DDI 0487, CNTHCTL_EL2).
    write_cnthctl_el2(1)
    write_cntvoff_el2(0)
    write_cntv_ctl_el0(0)
    configureTraps()
    hardenCPU(pcpu)
}
