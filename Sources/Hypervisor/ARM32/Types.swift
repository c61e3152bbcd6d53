// SPDX-License-Identifier: Apache-2.0

import ARM32
import Memory
import Sync
import Synchronization

/// Machine memory on this ISA.
typealias Frames = DirectMap
var frames: Frames { Frames() }

/// The heap's frames on this machine.
typealias MetalFrames = HeapFrames<Frames>

/// The part of the root that is particular to this ISA.
struct MachineState: ~Copyable {
    let machine = Once<ARMMachine>()
    let ticksAreReported = Atomic<Bool>(false)
}
