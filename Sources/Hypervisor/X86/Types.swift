// SPDX-License-Identifier: Apache-2.0

import Containers
import Firmware
import Machine
import Memory
import Sync
import Synchronization
import X86Machine

/// Machine memory on this ISA.
typealias Frames = DirectMap
var frames: Frames { Frames() }

/// The heap's frames on this machine.
typealias MetalFrames = HeapFrames<Frames>

/// Where a 16550 has its registers on this ISA.
typealias SerialBus = PortBus

/// The part of the root that is particular to this ISA.
struct MachineState: ~Copyable {
    let pc = Once<PC>()
    /// What the firmware said; the boot CPU's.
    let description = SpinLock(Description(), rank: .domainTable)
    /// Frames for the tables that map all RAM.
    let tableFrames = SpinLock(FramePool(), rank: .frameAllocator)
    let reset = Once<ResetRegister>()
    let clock = Once<PCClock>()
    let ticksAreReported = Atomic<Bool>(false)
    /// A CPU is cleaning free memory.
    let isBeingCleaned = Atomic<Bool>(false)
}
