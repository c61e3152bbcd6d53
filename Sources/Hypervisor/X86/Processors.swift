// SPDX-License-Identifier: Apache-2.0

import ArchCommon
import ArchX86
import Base
import Boot
import Containers
import Drivers
import Firmware
import Machine
import Memory
import Sync
import Synchronization
import X86
import X86Machine

/// Starts every other CPU and waits for it, a bounded time each (Intel SDM 3A, 8.4.4.1).
@inline(never)
func startSecondaries(
    _ description: borrowing Description, page: MFN?, _ space: inout HostAddressSpace<MetalFrames>,
    startTable: MachineAddress, image: MachineRange
) {
    let wanted = min(description.processorCount, Int(root.options.value.words.maximumCPUs))
    var online = 1
    if wanted > 1, let page {
        let pc = root.state.pc.reference
        copyTrampoline(to: page, image: image)
        for number in 1..<wanted { pc.pointee.localAPIC.sendInit(to: description.processors[number].apicID) }
        root.state.clock.value.delay(microseconds: 10_000)
        for number in 1..<wanted {
            if startSecondary(number, description.processors[number], page, startTable, &space) { online += 1 }
        }
    } else if wanted > 1 {
        log.error("no free page below 1 MiB: the other CPUs cannot be started")
    }
    log.notice("Brought up \(online) CPUs")
}

private func copyTrampoline(to page: MFN, image: MachineRange) {
    let source = image.start.address + (boot_trampoline() - boot_image_start())
    frames.copy(from: source, to: page.address, count: boot_trampoline_size())
}

/// False, with a word about it, where the CPU does not come.
private func startSecondary(
    _ number: Int, _ processor: Description.Processor, _ page: MFN, _ startTable: MachineAddress,
    _ space: inout HostAddressSpace<MetalFrames>
) -> Bool {
    let slot = ProcessorSlot(cpu: number)
    guard let tables = root.heap.value.allocate(order: 0, node: processor.node),
        let stack = root.heap.value.allocate(order: 3, node: processor.node),
        space.mapSlot(slot, tables: tables, stack: stack)
    else {
        log.error("CPU\(number): no memory for its stack")
        return false
    }
    slot.setNumber(number)
    describe(slot, startTable: startTable, at: page.address + UInt64(X86_TRAMPOLINE_BLOCK))
    let pc = root.state.pc.reference
    let clock = root.state.clock.reference
    let frame = UInt8(truncatingIfNeeded: page.rawValue)
    // A second startup only where the first was not heard.
    for _ in 0..<2 {
        pc.pointee.localAPIC.sendStartup(frame: frame, to: processor.apicID)
        clock.pointee.delay(microseconds: 200)
        if frames.load(UInt32.self, at: page.address + UInt64(X86_TRAMPOLINE_BLOCK)) == 0 { break }
    }
    let end = clock.pointee.now() + 5_000_000_000
    while !pc.pointee.states[number].isOnline.load(ordering: .acquiring) {
        cpu_relax()
        guard clock.pointee.now() < end else {
            frames.store(0 as UInt32, at: page.address + UInt64(X86_TRAMPOLINE_BLOCK))
            log.error("CPU\(number): APIC ID \(processor.apicID) did not come up")
            return false
        }
    }
    return true
}

/// Fills struct trampoline_block.
private func describe(_ slot: ProcessorSlot, startTable: MachineAddress, at block: MachineAddress) {
    let pc = root.state.pc.reference
    frames.store(UInt32(truncatingIfNeeded: startTable.rawValue), at: block + 4)
    frames.store(boot_secondary_entry(), at: block + 8)
    frames.store(UInt64(slot.stackTop), at: block + 16)
    frames.store(pc.pointee.table.rawValue, at: block + 24)
    // Last: from here on a CPU may take it. Stores stay in order.
    frames.atomic(UInt32.self, at: block).pointee.store(1, ordering: .sequentiallyConsistent)
}

@c(xen_secondary_x86) func startSecondary(cpu: UInt64) -> Never {
    startExceptions(cpu)
    let pc = root.state.pc.reference
    LocalAPICMode.enable(x2: pc.pointee.localAPIC.isX2)
    let id = pc.pointee.processors[Int(cpu)].apicID
    guard pc.pointee.localAPIC.id == id else {
        log.error("CPU\(cpu): its APIC ID is \(pc.pointee.localAPIC.id), not \(id): not used")
        haltMachine()
    }
    pc.pointee.localAPIC.start(spurious: Vector.spurious, error: Vector.error)
    let pcpu = PCPU(UInt32(truncatingIfNeeded: cpu))
    setUpCPU(pcpu)
    pc.pointee.states[pcpu.index].isOnline.store(true, ordering: .releasing)
    idle(pcpu)
}

/// What every CPU does for itself once its APIC is on.
func setUpCPU(_ pcpu: PCPU) {
    // Xen's page attributes: WB, WT, UC-, UC, WC, WP (Xen: XEN_MSR_PAT). Ours use the first and the fourth.
    x86_write_msr(MSR.attributes, 0x0501_0007_0406)
    guardSpeculation(pcpu)
    startVirtualisation(pcpu)
    startTicking(pcpu)
}

/// Nothing to run: clean memory as long as there is dirty memory, else sleep. MWAIT is not used: an emulator that offers it
/// faults.
///
/// Once there is a dom0 the run loop does this instead.
func idle(_ pcpu: PCPU) -> Never {
    let node = root.state.pc.value.processors[pcpu.index].node
    // The interrupt that says that there is a dom0 may be taken while this cleans.
    while !root.state.dom0IsReady.load(ordering: .acquiring) {
        if root.heap.value.scrub(node: node) { x86_take_interrupts() } else { x86_wait_for_interrupt() }
    }
    runCPU(pcpu)
}
