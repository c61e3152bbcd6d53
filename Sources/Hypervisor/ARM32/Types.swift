// SPDX-License-Identifier: Apache-2.0

import ARM32
import ArchARM32
import Base
import Machine
import Memory
import Sync
import Synchronization

/// Machine memory on this ISA.
typealias Frames = DirectMap
var frames: Frames { Frames() }

/// The heap's frames on this machine.
typealias MetalFrames = HeapFrames<Frames>

/// The log is not told of the time here.
func uptime() -> SystemTime? { nil }
func counterTicks() -> UInt64 { read_cntpct() }

/// The part of the root that is particular to this ISA.
struct MachineState: ~Copyable {
    let machine = Once<ARMMachine>()
    let ticksAreReported = Atomic<Bool>(false)
}
