// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Boot
import Drivers
import Firmware
import MMIO
import Machine
import Sync
import X86Machine

/// Where the firmware says that a write restarts the machine.
struct ResetRegister {
    enum Place {
        case port(UInt16)
        case memory(MappedBus)
        /// Address and offset for configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2).
        case configuration(address: UInt32, offset: UInt16)
    }
    let place: Place
    let value: UInt8

    /// Nil where there is none, or where it cannot be reached.
    init?(_ fixed: ACPI.FixedDescription?, _ space: inout HostAddressSpace<MetalFrames>) {
        guard let fixed, let register = fixed.reset else { return nil }
        value = fixed.resetValue
        switch register.space {
        case .port: place = .port(UInt16(truncatingIfNeeded: register.address))
        case .memory:
            guard let base = space.mapDevice(MachineAddress(register.address), size: 1) else { return nil }
            // SAFETY: just mapped, for good.
            place = .memory(unsafe MappedBus(mappedAt: base))
        case .configuration:
            // ACPI 6.5, table 5.1: device in bits 32-47, function in 16-31, offset in 0-15; bus 0.
            let device = UInt32(truncatingIfNeeded: register.address >> 32) & 0x1f
            let function = UInt32(truncatingIfNeeded: register.address >> 16) & 7
            let offset = UInt32(truncatingIfNeeded: register.address) & 0xff
            place = .configuration(
                address: 1 << 31 | device << 11 | function << 8 | offset & 0xfc,
                offset: UInt16(truncatingIfNeeded: offset & 3))
        }
    }

    func write() {
        switch place {
        case .port(let port): x86_out8(port, value)
        case .memory(let bus): bus.write8(0, value)
        case .configuration(let address, let offset):
            x86_out32(0xcf8, address)
            x86_out8(0xcfc + offset, value)
        }
    }
}

func haltMachine() -> Never {
    while true {
        x86_mask_interrupts()
        x86_halt()
    }
}

/// ACPI's register, the keyboard controller's reset line, the chipset's reset control, and at last a triple fault.
func restartMachine() -> Never {
    if root.state.reset.isSet {
        root.state.reset.value.write()
        pause(milliseconds: 100)
    }
    for _ in 0..<10 {
        // The controller must have taken what it was sent before (bit 1).
        var attempts = 0x10000
        while x86_in8(0x64) & 2 != 0, attempts > 0 { attempts -= 1 }
        x86_out8(0x64, 0xfe)
        pause(milliseconds: 50)
    }
    let control = x86_in8(0xcf9) & ~6
    x86_out8(0xcf9, control | 2)
    pause(milliseconds: 1)
    x86_out8(0xcf9, control | 6)
    pause(milliseconds: 100)
    x86_load_idt(0, 0)
    x86_trap()
    haltMachine()
}

func powerOffMachine() -> Never {
    haltMachine()
}

/// Five seconds for whoever reads the console.
func waitBeforeRestart() { pause(milliseconds: 5000) }

/// By the time stamp counter once its rate is known, else by the PIT: bounded either way.
private func pause(milliseconds: UInt64) {
    if root.state.clock.isSet { return root.state.clock.value.delay(microseconds: milliseconds * 1000) }
    let timer = IntervalTimer(timer: PortBus(0x40), control: PortBus(0x61))
    var left = timer.frequency * milliseconds / 1000
    var last = timer.read()
    var attempts = milliseconds * 10_000
    while left > 0, attempts > 0 {
        let now = timer.read()
        let elapsed = now &- last & timer.mask
        left -= min(left, elapsed)
        last = now
        attempts -= 1
    }
}
