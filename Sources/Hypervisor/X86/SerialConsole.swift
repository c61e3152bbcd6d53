// SPDX-License-Identifier: Apache-2.0

import Base
import Drivers
import Firmware
import MMIO
import Machine
import Sync
import Synchronization
import X86Machine

/// A PC's serial port: where it is by default, and which line it interrupts by.
private struct StandardPort {
    let base: UInt16
    let pin: Int

    static func number(_ index: Int) -> Self { index == 0 ? Self(base: 0x3f8, pin: 4) : Self(base: 0x2f8, pin: 3) }
}

private typealias PCPort = NS16550<PortBus>

/// Starts the console that the command line asks for, COM1 without a word about it. Where nothing that it names can be used, the
/// first port that answers, and a line that says so: a machine without a console cannot even tell why it stops.
func startConsole(_ line: CommandLine) {
    var choice = readChoice(line)
    root.state.wantsScreen.store(choice.wantsScreen, ordering: .relaxed)
    if choice.port == nil, !choice.isUnwanted { choice = firstThatAnswers(line) }
    root.console.withLock { console in
        console.options = root.options.value.words
        guard let port = choice.port else { return }
        console.share = choice.share
        console.port = .ns16550(port)
        console.port.start()
        console.replay()
    }
    root.state.consolePin.store(choice.pin, ordering: .relaxed)
}

private struct Choice {
    var port: PCPort?
    /// Below 0: none.
    var pin = 4
    var share = ConsoleList.Share.none
    /// `console=none`, or the screen alone.
    var isUnwanted = false
    var wantsScreen = false
}

/// The last serial port that `console=` names and that answers, as in Xen.
private func readChoice(_ line: CommandLine) -> Choice {
    var choice = Choice()
    var list = ConsoleList(line.text("console", default: .literal("com1,vga")))
    while let name = list.next() {
        switch name {
        case .com(let index, let share):
            if let found = port(index, line) { (choice.port, choice.pin) = (found.port, found.pin) }
            choice.share = share
        case .nothing: choice.isUnwanted = true
        case .vga: choice.wantsScreen = isScreenShown()
        case .debugPort: log.info("console=\(list.text): not supported here")
        case .deviceTree, .other: log.warning("Bad console= option '\(list.text)'")
        }
    }
    // A screen alone is a console too.
    choice.isUnwanted = choice.isUnwanted || choice.wantsScreen
    return choice
}

private func isScreenShown() -> Bool { VGAText<MappedBus>.isShown(PortBus(0x3c0)) }

/// The screen, where `console=` wants it and it shows text. It is dom0's when that starts, unless `vga=keep`.
func startScreen(_ space: inout HostAddressSpace<MetalFrames>) {
    typealias Text = VGAText<MappedBus>
    guard root.state.wantsScreen.load(ordering: .relaxed),
        let base = space.mapDevice(MachineAddress(Text.address), size: Text.size)
    else { return }
    // SAFETY: just mapped, for good.
    let memory = unsafe MappedBus(mappedAt: base)
    root.console.withLock { $0.show(on: Text(memory)) }
}

func relinquishScreen() {
    guard root.state.wantsScreen.load(ordering: .relaxed), !root.options.value.words.keepsScreen else { return }
    log.notice("Xen is relinquishing VGA console.")
    root.console.withLock { $0.screen = nil }
}

private func firstThatAnswers(_ line: CommandLine) -> Choice {
    for index in 0..<2 {
        if let found = port(index, line) {
            log.warning("no port that console= names answers: using com\(index + 1)")
            return found
        }
    }
    return Choice()
}

/// `com1=` or `com2=`, where something answers there.
private func port(_ index: Int, _ line: CommandLine) -> Choice? {
    let standard = StandardPort.number(index)
    var options = SerialOptions(port: standard.base)
    let text = index == 0 ? line.text("com1", default: .literal("")) : line.text("com2", default: .literal(""))
    do throws(OptionError) {
        try options.read(text)
    } catch {
        log.warning("parameter \"com\(index + 1)\" has invalid value \"\(text)\", rc=-22!")
    }
    var pin = options.line.map { Int($0) } ?? standard.pin
    if let kind = options.card {
        if let card = SerialCard(in: LegacyConfiguration(), number: index, withAMT: kind == .anyWithAMT) {
            options.port = card.port
            // Its line is shared with dom0's devices.
            pin = -1
        } else {
            log.warning("com\(index + 1): no serial card: using the standard port")
        }
    }
    let port = PCPort(
        PortBus(options.port), stride: UInt64(1) << UInt64(options.shift), lineControl: options.lineControl,
        divisor: options.divisor)
    guard port.exists else { return nil }
    // Pin 0 of an I/O APIC is no line of the ISA bus.
    return Choice(port: port, pin: (1..<16).contains(pin) ? pin : -1)
}

/// PCI configuration by the first access mechanism (PCI Local Bus 3.0, 3.2.2.3.2). Boot only: nobody else uses the ports yet.
private struct LegacyConfiguration: SerialCardBus {
    private var ports: PortBus { PortBus(0xcf8) }

    private func select(_ function: UInt16, _ offset: UInt8) {
        ports.write32(0, 1 << 31 | UInt32(function) << 8 | UInt32(offset & 0xfc))
    }
    func read32(_ function: UInt16, _ offset: UInt8) -> UInt32 {
        select(function, offset)
        return ports.read32(4)
    }
    func write32(_ function: UInt16, _ offset: UInt8, _ value: UInt32) {
        select(function, offset)
        ports.write32(4, value)
    }
}

/// For last words before there is a console: COM1 or COM2 as the firmware left it.
func startEmergencyConsole() {
    ConsoleLog().emergency { console in
        guard case .none = console.port else { return }
        for index in 0..<2 {
            let port = PCPort(PortBus(StandardPort.number(index).base), stride: 1)
            guard port.exists else { continue }
            console.port = .ns16550(port)
            console.port.start()
            return console.replay()
        }
    }
}
