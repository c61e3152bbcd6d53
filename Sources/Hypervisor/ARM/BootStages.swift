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
func startConsole(_ tree: DeviceTree, _ space: inout HostAddressSpace<BootPool>) -> SerialNode? {
    let words = CommandLine(tree.hypervisorArguments())
    root.options.set(Options(words, isX86: false))
    let (share, isWanted) = readConsoleList(words)
    let name = words.text("dtuart", default: .literal(""))
    let named = name.isEmpty ? tree.chosenSerialPort() : tree.serialPort(at: name)
    // A machine without a console cannot even tell why it stops.
    guard isWanted, let port = named ?? tree.firstSerialPort() else { return nil }
    if named == nil {
        let place = port.region.start.rawValue
        log.warning("neither dtuart= nor stdout-path names a serial port: using the one at 0x\(hex: place)")
    }
    root.console.withLock { $0.share = share }
    startConsole(port, &space)
    return port
}

/// Whether `console=` wants a console at all, and with whom it shares the port.
private func readConsoleList(_ words: CommandLine) -> (share: ConsoleList.Share, isWanted: Bool) {
    var result = (share: ConsoleList.Share.none, isWanted: true)
    var list = ConsoleList(words.text("console", default: .literal("dtuart")))
    while let name = list.next() {
        switch name {
        case .deviceTree(let share): result = (share, true)
        case .nothing: result.isWanted = false
        case .vga, .debugPort: log.info("console=\(list.text): not supported here")
        case .com, .other: log.warning("Bad console= option '\(list.text)'")
        }
    }
    return result
}

private func startConsole(_ port: SerialNode, _ space: inout HostAddressSpace<BootPool>) {
    guard let base = space.mapDevice(port.region.start, size: port.region.size) else { return }
    // SAFETY: just mapped, for good.
    let registers = unsafe MappedBus(mappedAt: base)
    root.console.withLock { console in
        console.port = serialPort(port, registers)
        console.options = root.options.value.words
        console.port.start()
        console.replay()
    }
}

private func serialPort(_ port: SerialNode, _ registers: MappedBus) -> SerialPort {
    switch port.kind {
    case .pl011: .pl011(PL011(registers))
    case .ns16550: .ns16550(NS16550(registers, stride: 1 << UInt64(port.shift), isWide: port.width == 4))
    case .cadence: .other(RegisterUART(registers, .cadence))
    case .lpuart: .other(RegisterUART(registers, .lpuart))
    case .meson: .other(RegisterUART(registers, .meson))
    case .exynos4210: .other(RegisterUART(registers, .exynos4210))
    case .scif: .other(RegisterUART(registers, .scif))
    case .scifa: .other(RegisterUART(registers, .scifa))
    case .linflex: .other(RegisterUART(registers, .linflex))
    case .armada3700: .other(RegisterUART(registers, .armada3700))
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
