// SPDX-License-Identifier: Apache-2.0

public import Base

/// The monotonic clock that all pCPUs share.
public protocol Clock: Sendable {
    /// Nanoseconds since boot; never goes back, on any pCPU.
    func now() -> SystemTime
}

/// A character sink: an UART, the ring, or a test's buffer. Never fails; a full device drops.
public protocol ConsoleOutput {
    mutating func write(_ byte: UInt8)
}
