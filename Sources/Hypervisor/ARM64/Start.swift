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

/// Swift's first function on the boot CPU: the MMU is on, interrupts are masked, the boot stack is in use.
///
/// - Parameters:
///   - treeAddress: machine address of the device tree; `treePointer` is where it is mapped.
///   - image: machine address of the image's first byte.
@c(xen_start_arm64) func start(treeAddress: UInt64, treePointer: UInt64, image: UInt64) -> Never {
    Root.initialise()
    // SAFETY: entry.S mapped at least 2 MiB from the tree's start on, read-only, for good.
    let blob = unsafe Span<UInt8>(
        _unsafeStart: UnsafePointer(bitPattern: UInt(treePointer)).unsafelyUnwrapped, count: 2 << 20)
    let image = MachineRange(
        start: MachineAddress(image).frame, count: (boot_image_end() - boot_image_start()) >> pageShift)
    do throws(DeviceTreeError) {
        let tree = try DeviceTree(blob)
        boot(tree, treeRange: covering(MachineAddress(treeAddress), UInt64(tree.bytes.count)), image: image)
    } catch {
        var space = bootSpace(image)
        if let tree = DeviceTree(salvaging: blob) { _ = startConsole(tree, &space) }
        panic("the device tree at 0x\(hex: treeAddress) is not valid: \(explain(error))")
    }
}

private func boot(_ tree: DeviceTree, treeRange: MachineRange, image: MachineRange) -> Never {
    var space = bootSpace(image)
    let port = startConsole(tree, &space)
    printBanner()
    // SAFETY: boot/arm64/efi.c left that many bytes there, none where there was no EFI firmware, and nobody writes them.
    let map = unsafe Span<UInt8>(
        _unsafeStart: boot_efi_map().assumingMemoryBound(to: UInt8.self), count: Int(boot_efi_map_size()))
    var machine = MachineDescription(
        tree, uart: port, bootProcessor: read_mpidr_el1() & 0xff_00ff_ffff,
        firmware: EFIMemoryMap(map, descriptorSize: boot_efi_descriptor_size()))
    root.state.canPowerOff.store(machine.psci?.hasVersion ?? false, ordering: .relaxed)
    mapAllRAM(machine, image: image, &space)
    machine.reserved.insert(image)
    machine.reserved.insert(treeRange)
    reserveModules(tree, &machine)
    let dom0Memory = chooseDom0Memory(&machine)
    startHeap(memory: machine.memory, reserved: machine.reserved, nodes: machine.nodeCount)
    root.maximumFrame.set(FrameNumber(machine.memory[machine.memory.count - 1].range.end.rawValue - 1))
    var heapSpace = HostAddressSpace(continuing: space, frames: MetalFrames(root.heap.reference))
    startProcessors(tree, &machine, &heapSpace, image: image)
    buildDom0(tree, machine, memory: dom0Memory, image: image)
    runCPU(CPULocal(pcpu: PCPU(0)))
}

/// The interrupt controller, this CPU's share of the machine, then the other CPUs.
private func startProcessors(
    _ tree: DeviceTree, _ description: inout MachineDescription, _ space: inout HostAddressSpace<MetalFrames>,
    image: MachineRange
) {
    let gic = PhysicalGIC(description.gic, &space)
    var records = InlineArray<256, ProcessorRecord>(repeating: ProcessorRecord())
    for index in 0..<description.processorCount {
        let processor = description.processors[index]
        records[index] = ProcessorRecord(
            mpidr: processor.mpidr, target: UInt8(truncatingIfNeeded: 1 << UInt64(index & 7)), node: processor.node)
    }
    if case .v3 = gic { findRedistributors(tree, description.gic, &records, count: description.processorCount, &space) }
    if case .v2(let gic) = gic { records[0].target = gic.distributor.ownTarget }
    description.redistributors = tree.redistributors(of: description.gic, 0)?.start
    gic.distributor.start(target: gic.routeTarget(records[0]))
    root.state.machine.set(ARMMachine(description, gic: gic, processors: records, count: description.processorCount))
    setUpCPU(PCPU(0))
    root.state.machine.value.states[0].isOnline.store(true, ordering: .releasing)
    startConsoleInput(description)
    startSecondaries(description, &space, image: image)
}
