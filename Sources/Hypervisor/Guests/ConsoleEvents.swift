// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import Machine
import Sync
import XenABI

/// Bytes have come: dom0 hears of them by VIRQ_CONSOLE.
func receiveConsoleInput(_ pcpu: PCPU) {
    guard root.console.withLock({ $0.drainPort() }), root.state.dom0.isSet else { return }
    root.state.dom0.value.pointee.events.pointee.raiseGlobal(.console, PlatformEvents(Metal(pcpu: pcpu)))
}
