// SPDX-License-Identifier: Apache-2.0

import ARM
import ARM32
import ArchARM32
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

/// Swift's first function on the boot CPU: the MMU is on, interrupts are masked, the boot stack is in use.
///
/// - Parameters:
///   - treeAddress: machine address of the device tree; `treePointer` is where it is mapped.
///   - image: machine address of the image's first byte.
@c(xen_start_arm32) func start(treeAddress: UInt32, treePointer: UInt32, image: UInt32) -> Never {
    Root.initialise()
    // SAFETY: entry.S mapped at least 2 MiB from the tree's start on, read-only, for good.
    let blob = unsafe Span<UInt8>(
        _unsafeStart: UnsafePointer(bitPattern: UInt(treePointer)).unsafelyUnwrapped, count: 2 << 20)
    let image = MachineRange(
        start: MachineAddress(UInt64(image)).frame, count: (boot_image_end() - boot_image_start()) >> pageShift)
    do throws(DeviceTreeError) {
        let tree = try DeviceTree(blob)
        boot(tree, treeRange: covering(MachineAddress(UInt64(treeAddress)), UInt64(tree.bytes.count)), image: image)
    } catch {
        var space = bootSpace(image)
        if let tree = DeviceTree(salvaging: blob) { _ = startConsole(tree, &space) }
        panic("the device tree at 0x\(hex: UInt64(treeAddress)) is not valid: \(explain(error))")
    }
}

private func boot(_ tree: DeviceTree, treeRange: MachineRange, image: MachineRange) -> Never {
    let hasKernel = startMachine(tree, treeRange: treeRange, image: image)
    if hasKernel { log.warning("a kernel is given, but on arm32 there is no dom0 yet") }
    reportTicks()
    log.notice("Idle")
    idle(PCPU(0))
}

/// Everything up to all CPUs ticking. Says whether the boot loader brought a kernel. Not inlined: its large values are
/// off the stack again afterwards.
@inline(never)
private func startMachine(_ tree: DeviceTree, treeRange: MachineRange, image: MachineRange) -> Bool {
    var space = bootSpace(image)
    let port = startConsole(tree, &space)
    printBanner()
    var machine = MachineDescription(
        tree, uart: port, bootProcessor: UInt64(read_mpidr() & 0xff_ffff), firmware: EFIMemoryMap(Span(), descriptorSize: 0))
    dropUnreachable(&machine.memory)
    mapAllRAM(machine, image: image, &space)
    machine.reserved.insert(image)
    machine.reserved.insert(treeRange)
    reserveModules(tree, &machine)
    startHeap(memory: machine.memory, reserved: machine.reserved, nodes: machine.nodeCount)
    root.maximumFrame.set(FrameNumber(machine.memory[machine.memory.count - 1].range.end.rawValue - 1))
    var heapSpace = HostAddressSpace(continuing: space, frames: MetalFrames(root.heap.reference))
    root.state.machine.set(ARMMachine(machine, &heapSpace))
    let gic = root.state.machine.value.gic
    gic.distributor.start(target: UInt64(gic.distributor.ownTarget))
    setUpCPU(PCPU(0))
    root.state.machine.value.states[0].isOnline.store(true, ordering: .releasing)
    startSecondaries(&heapSpace, image: image)
    return tree.module(.kernel) != nil
}

/// RAM that the direct map has no room for is not used.
private func dropUnreachable(_ memory: inout RangeList<MachineSpace>) {
    let all = memory.frames
    let reachable = DirectMap.range
    memory.remove(MachineRange(start: MFN(0), count: reachable.start.rawValue))
    memory.remove(MachineRange(start: reachable.end, count: UInt64.max >> pageShift - reachable.end.rawValue))
    let left = all - memory.frames
    if left > 0 { log.warning("\(left >> 8) MiB of RAM below 1 GiB or above 4 GiB are not used") }
    if memory.count == 0 { panic("no memory in the device tree: expected a memory node between 1 and 4 GiB") }
}
