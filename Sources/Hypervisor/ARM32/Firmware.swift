// SPDX-License-Identifier: Apache-2.0

import ARM
import ArchARM32

/// Calls into the firmware (ARM DEN 0022, PSCI 1.1). SMC, whatever the device tree names: HVC would come to ourselves.
enum PSCI {
    @discardableResult static func call(_ function: UInt32, _ a: UInt32 = 0, _ b: UInt32 = 0, _ c: UInt32 = 0) -> Int32 {
        Int32(bitPattern: arm32_smc(function, a, b, c))
    }
}

func haltMachine() -> Never {
    while true { arm32_wfe() }
}

func restartMachine() -> Never {
    PSCI.call(PSCIFunction.systemReset.rawValue)
    haltMachine()
}

func powerOffMachine() -> Never {
    PSCI.call(PSCIFunction.systemOff.rawValue)
    haltMachine()
}

/// Five seconds for whoever reads the console.
func waitBeforeRestart() {
    let end = read_cntpct() &+ 5 &* UInt64(read_cntfrq())
    while read_cntpct() < end { arm32_isb() }
}
