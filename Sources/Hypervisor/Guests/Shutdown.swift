// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Sync
import Synchronization
import XenABI

/// A domain ends. dom0's end is the machine's; any other is its toolstack's to take apart or to resume.
func shutDown(_ domain: MetalDomain, _ reason: ShutdownReason, _ platform: Metal) {
    guard domain.pointee.id == .dom0 else { return domain.pointee.shutDown(reason.rawValue, platform) }
    guard
        domain.pointee.shutdown.compareExchange(
            expected: 0, desired: reason.rawValue + 1, ordering: .acquiringAndReleasing
        ).exchanged
    else { return }
    switch reason {
    case .powerOff:
        log.notice("Hardware Dom0 halted: halting machine")
        powerOffMachine()
    case .reboot:
        log.notice("Hardware Dom0 shutdown: rebooting machine")
        restartMachine()
    case .crash:
        log.notice("Hardware Dom0 crashed: rebooting machine in 5 seconds.")
        restartAfterPanic()
    case .watchdog:
        log.notice("Hardware Dom0 shutdown: watchdog rebooting machine")
        restartMachine()
    case .suspend, .softReset:
        log.notice("Hardware Dom0 shutdown: reason \(reason.rawValue)")
        restartMachine()
    }
}

/// A domain did not poke its watchdog.
func watchdogExpired(_ domain: MetalDomain, _ platform: Metal) {
    log.notice("Watchdog timer fired for domain \(domain.pointee.id.rawValue)")
    shutDown(domain, .watchdog, platform)
}
