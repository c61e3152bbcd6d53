// SPDX-License-Identifier: Apache-2.0

import Base
import Drivers
import Firmware
import Machine
import Sync
import X86Machine

/// The PC's first serial port.
private var com1: UInt16 { 0x3f8 }

/// Starts the console that the command line asks for: COM1, which is also what there is without a word about it.
func startConsole(_ words: CommandLine) {
    let wanted = words.text("console", default: .literal("com1"))
    var serial = SerialOptions(port: com1)
    do throws(OptionError) {
        serial = try SerialOptions(words.text("com1", default: .literal("")), port: com1)
    } catch {
        log.warning("parameter \"com1\" has invalid value")
    }
    let port = NS16550(PortBus(serial.port), stride: 1, lineControl: serial.lineControl, divisor: serial.divisor)
    root.console.withLock { console in
        console.threshold = root.options.value.logLevel
        console.guestThreshold = root.options.value.guestLogLevel
        guard names(wanted, "com1"), port.exists else { return }
        console.port = .ns16550(port)
        console.port.start()
        console.replay()
    }
}

/// For last words before there is a console: COM1 as the firmware left it.
func startEmergencyConsole() {
    ConsoleLog().emergency { console in
        guard case .none = console.port else { return }
        let port = NS16550(PortBus(com1), stride: 1)
        guard port.exists else { return }
        console.port = .ns16550(port)
        console.port.start()
        console.replay()
    }
}

/// Whether a list separated by commas has `name` in it.
private func names(_ list: borrowing Span<UInt8>, _ name: StaticString) -> Bool {
    var rest = OptionText(copy list)
    repeat {
        if rest.piece(",").equals(name) { return true }
    } while rest.skip(",")
    return false
}
