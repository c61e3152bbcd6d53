// SPDX-License-Identifier: Apache-2.0

import ARM64

/// Machine memory on this ISA.
typealias Frames = DirectMap
var frames: Frames { Frames() }
