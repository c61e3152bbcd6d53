// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Boot
import Drivers
import Machine
import Sync
import X86Machine

/// Swift's first function on the boot CPU: long mode, interrupts masked, the boot CPU's own stack.
///
/// - Parameters:
///   - loader: one of BOOT_*.
///   - information: machine address of what the loader left for us, below 4 GiB.
///   - image: machine address of the image's first byte.
@c(xen_start_x86) func start(loader: UInt64, information: UInt64, image: UInt64) -> Never {
    Root.initialise()
    root.console.withLock { console in
        console.port = .ns16550(NS16550(PortBus(0x3f8), stride: 1))
        console.port.start()
    }
    printBanner()
    log.notice("loader \(loader) information 0x\(hex: information) image 0x\(hex: image)")
    haltMachine()
}

@c(xen_secondary_x86) func startSecondary(cpu: UInt64) -> Never {
    haltMachine()
}

@c(xen_host_exception) func hostException(_ frame: UnsafePointer<host_frame>, cpu: UInt64) {
}

@c(xen_interrupt_x86) func interrupt(cpu: UInt64, vector: UInt64) {
}
