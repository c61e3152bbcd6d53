// SPDX-License-Identifier: Apache-2.0

import X86Machine

/// Machine memory on this ISA.
typealias Frames = DirectMap
var frames: Frames { Frames() }

/// Where a 16550 has its registers on this ISA.
typealias SerialBus = PortBus

/// The part of the root that is particular to this ISA.
struct MachineState: ~Copyable {
}
