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

/// Calls into the firmware (ARM DEN 0022, PSCI 1.1). Where it has no PSCI the instruction may not even exist.
enum PSCI {
    static var version: UInt64 { 0x8400_0000 }
    static var features: UInt64 { 0x8400_000a }
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
    if root.state.canPowerOff.load(ordering: .relaxed) { PSCI.call(PSCI.systemReset) }
    log.notice("The firmware has no way to restart the machine")
    haltMachine()
}

func powerOffMachine() -> Never {
    if root.state.canPowerOff.load(ordering: .relaxed) { PSCI.call(PSCI.systemOff) }
    log.notice("The firmware has no way to turn the machine off")
    haltMachine()
}

/// Five seconds for whoever reads the console.
func waitBeforeRestart() {
    let end = read_cntpct_el0() &+ 5 &* read_cntfrq_el0()
    while read_cntpct_el0() < end { arm64_isb() }
}
