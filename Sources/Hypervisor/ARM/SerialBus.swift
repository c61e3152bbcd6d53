// SPDX-License-Identifier: Apache-2.0

import MMIO

/// Where a 16550 has its registers on this ISA.
typealias SerialBus = MappedBus
