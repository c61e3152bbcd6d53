// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Firmware
import Machine
import Sync
import Synchronization

/// Lines that a guest can cause: at most this many a second, whoever causes them (Xen: XENLOG_GUEST, rate-limited).
private let guestLinesPerSecond = 10

/// How many such lines this second has seen.
struct GuestLogBudget: BitwiseCopyable {
    var second: UInt64 = 0
    var lines = 0

    /// Whether one more may be printed.
    mutating func take(now: SystemTime) -> Bool {
        let second = now.nanoseconds / 1_000_000_000
        if second != self.second {
            self.second = second
            lines = 0
        }
        lines += 1
        return lines <= guestLinesPerSecond
    }
}

/// Logs something that a vCPU did, where `guest_loglvl=all` asks for it.
func logGuest(_ vcpu: MetalVCPU, _ line: LogLine) {
    let domain = vcpu.pointee.domain.pointee.id.rawValue
    let number = vcpu.pointee.id.rawValue
    guard root.console.withLock({ $0.options.guestLogLevels >= 4 }) else { return }
    guard root.state.guestLog.withLock({ $0.take(now: systemTime()) }) else { return }
    log.notice("d\(domain)v\(number): \(line)")
}

/// Where portable code logs what guests do: as the lines above, but at the level that it names.
struct GuestLog: LogSink {
    func log(_ level: LogLevel, _ line: LogLine) {
        guard root.state.guestLog.withLock({ $0.take(now: systemTime()) }) else { return }
        ConsoleLog().log(level, line)
    }
}
