// SPDX-License-Identifier: Apache-2.0

import ArchX86

func haltMachine() -> Never {
    while true {
        x86_mask_interrupts()
        x86_halt()
    }
}

func restartMachine() -> Never {
    x86_out8(0x64, 0xfe)
    haltMachine()
}

func powerOffMachine() -> Never {
    haltMachine()
}

/// Five seconds for whoever reads the console.
func waitBeforeRestart() {
}
