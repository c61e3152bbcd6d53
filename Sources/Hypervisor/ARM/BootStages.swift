// SPDX-License-Identifier: Apache-2.0

#if arch(arm64)
    import ARM64
#else
    import ARM32
#endif
import Base
import Boot
import Containers
import Drivers
import Firmware
import MMIO
import Machine
import Memory
import P2M
import Sync

// Stages of the boot that 64-bit and 32-bit ARM have in common.

/// The tables that entry.S made, for more to be mapped in them from the image's own frames.
func bootSpace(_ image: MachineRange) -> HostAddressSpace<BootPool> {
    let tableRoot = image.start.address + (boot_table_root() - boot_image_start())
    return HostAddressSpace(root: tableRoot, frames: BootPool(image: image.start.address))
}

/// The command line's options, then the serial port that they or the tree name.
func startConsole(_ tree: DeviceTree, _ space: inout HostAddressSpace<BootPool>) -> ConsolePort? {
    let words = CommandLine(tree.hypervisorArguments())
    root.options.set(Options(words))
    let port = ConsolePort(tree, path: words.text("dtuart", default: .literal("")))
    startConsole(port, &space)
    return port
}

func startConsole(_ port: ConsolePort?, _ space: inout HostAddressSpace<BootPool>) {
    guard let uart = port, let base = space.mapDevice(uart.region.start, size: uart.region.size) else { return }
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
func mapAllRAM(
    _ machine: borrowing MachineDescription, image: MachineRange, _ space: inout HostAddressSpace<BootPool>
) {
    for index in 0..<machine.memory.count where !space.mapRAM(machine.memory[index].range) {
        panic("no page-table frames left to map memory")
    }
    let constants = MachineRange(start: image.start, count: (boot_rodata_end() - boot_image_start()) >> pageShift)
    guard space.mapRAM(constants, readOnly: true) else { panic("no page-table frames left to protect the image") }
}

/// What dom0's kernel and initrd are made of stays where the boot loader put it until they are copied.
func reserveModules(_ tree: DeviceTree, _ machine: inout MachineDescription) {
    var modules = tree.modules()
    while let module = modules.next() {
        let range = covering(module.region.start, module.region.size)
        guard isRAM(range, machine) else {
            panic("the boot module at 0x\(hex: module.region.start.rawValue), \(module.region.size) bytes, is not in RAM")
        }
        machine.reserved.insert(range)
    }
}

private func isRAM(_ range: MachineRange, _ machine: borrowing MachineDescription) -> Bool {
    for index in 0..<machine.memory.count {
        let bank = machine.memory[index].range
        if bank.start <= range.start, range.end <= bank.end { return true }
    }
    return false
}
