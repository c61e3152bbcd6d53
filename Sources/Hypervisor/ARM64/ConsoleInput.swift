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

/// Routes the serial port's interrupt to the boot CPU.
func startConsoleInput(_ description: borrowing MachineDescription) {
    guard let interrupt = description.uart?.interrupt, interrupt.id >= 32 else { return }
    let machine = root.state.machine.reference
    machine.pointee.interrupts.withLock { $0.owners[Int(interrupt.id & 1023)] = .console }
    let distributor = machine.pointee.gic.distributor
    distributor.configure(interrupt.id, isEdge: interrupt.isEdge)
    distributor.enable(interrupt.id)
}
