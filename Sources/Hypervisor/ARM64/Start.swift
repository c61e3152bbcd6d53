// SPDX-License-Identifier: Apache-2.0

import ARM64
import ArchARM64
import Base
import Boot
import Containers
import Drivers
import Firmware
import MMIO
import Machine
import Memory
import Sync

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
        let size = try DeviceTree.size(of: blob)
        let tree = try DeviceTree(blob.extracting(..<size))
        boot(tree, treeRange: covering(MachineAddress(treeAddress), UInt64(size)), image: image)
    } catch {
        panic("the device tree at 0x\(hex: treeAddress) is not valid: \(explain(error))")
    }
}

private func boot(_ tree: DeviceTree, treeRange: MachineRange, image: MachineRange) -> Never {
    let words = CommandLine(tree.hypervisorArguments())
    root.options.set(Options(words))
    let tableRoot = image.start.address + (boot_level0() - boot_image_start())
    var space = HostAddressSpace(root: tableRoot, frames: BootPool(image: image.start.address))
    var machine = MachineDescription(tree, bootProcessor: read_mpidr_el1() & 0xff_00ff_ffff)
    machine.findUART(tree, path: words.text("dtuart", default: .literal("")))
    startConsole(machine, &space)
    printBanner()
    mapAllRAM(machine, image: image, &space)
    machine.reserved.insert(image)
    machine.reserved.insert(treeRange)
    startHeap(memory: machine.memory, reserved: machine.reserved, nodes: machine.nodeCount)
    haltMachine()
}

private func startConsole(_ machine: borrowing MachineDescription, _ space: inout HostAddressSpace<BootPool>) {
    guard let uart = machine.uart, let base = space.mapDevice(uart.region.start, size: uart.region.size) else { return }
    // SAFETY: just mapped, for good.
    let registers = unsafe MappedBus(mappedAt: base)
    root.console.withLock { console in
        switch uart.kind {
        case .pl011: console.port = .pl011(PL011(registers))
        case .ns16550: console.port = .ns16550(NS16550(registers, stride: 4))
        }
        console.threshold = root.options.value.logLevel
        console.guestThreshold = root.options.value.guestLogLevel
        console.port.start()
        console.replay()
    }
}

/// The direct map: all RAM, the image's code and constants read-only.
private func mapAllRAM(
    _ machine: borrowing MachineDescription, image: MachineRange, _ space: inout HostAddressSpace<BootPool>
) {
    for index in 0..<machine.memory.count where !space.mapRAM(machine.memory[index].range) {
        panic("no page-table frames left to map memory")
    }
    let constants = MachineRange(start: image.start, count: (boot_rodata_end() - boot_image_start()) >> pageShift)
    guard space.mapRAM(constants, readOnly: true) else { panic("no page-table frames left to protect the image") }
}

@c(xen_secondary_arm64) func startSecondary(cpu: UInt64) -> Never {
    haltMachine()
}
