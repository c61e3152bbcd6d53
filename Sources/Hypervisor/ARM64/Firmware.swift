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

/// Calls into the firmware (ARM DEN 0022, PSCI 1.1).
enum PSCI {
    static var version: UInt64 { 0x8400_0000 }
    static var cpuOn64: UInt64 { 0xc400_0003 }
    static var systemOff: UInt64 { 0x8400_0008 }
    static var systemReset: UInt64 { 0x8400_0009 }

    @discardableResult static func call(_ function: UInt64, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0) -> Int64 {
        Int64(bitPattern: arm64_smc(function, a, b, c).a0)
    }
}

func haltMachine() -> Never {
    while true { arm64_wfi() }
}

func restartMachine() -> Never {
    PSCI.call(PSCI.systemReset)
    haltMachine()
}

func powerOffMachine() -> Never {
    PSCI.call(PSCI.systemOff)
    haltMachine()
}

/// Five seconds for whoever reads the console.
func waitBeforeRestart() {
    let end = read_cntpct_el0() &+ 5 &* read_cntfrq_el0()
    while read_cntpct_el0() < end { arm64_isb() }
}
