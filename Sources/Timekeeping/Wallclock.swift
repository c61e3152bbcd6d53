// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
import Synchronization
public import XenABI

/// The time of day at system time 0.
@frozen public struct Wallclock: BitwiseCopyable, Sendable, Equatable {
    /// Since 1970-01-01 00:00 UTC.
    public var seconds: UInt64 = 0
    public var nanoseconds: UInt32 = 0

    public init() {}

    /// The clock that shows `seconds` and `nanoseconds` at `time`. Wraps: the hardware domain chooses all three.
    ///
    /// Xen: do_settime, XENPF_settime64
    public init(seconds: UInt64, nanoseconds: UInt32, at time: SystemTime) {
        let total = seconds &* 1_000_000_000 &+ UInt64(nanoseconds) &- time.nanoseconds
        self.seconds = total / 1_000_000_000
        self.nanoseconds = UInt32(truncatingIfNeeded: total % 1_000_000_000)
    }

    /// Tells a guest, in its shared_info at `sharedInfo`, with the domain's own `offset` in seconds added. A reader that
    /// sees an odd or changed version reads again. Calls for one domain exclude each other.
    ///
    /// Xen: update_domain_wallclock_time
    public func publish<Memory: FrameMemory>(
        at sharedInfo: MachineAddress, layout: SharedInfoLayout, in memory: Memory, offset: Int64 = 0
    ) {
        let shown = seconds &+ UInt64(bitPattern: offset)
        publishVersioned(at: sharedInfo + layout.wallclockVersion, in: memory) {
            memory.store(UInt32(truncatingIfNeeded: shown), at: sharedInfo + layout.wallclockSeconds)
            memory.store(nanoseconds, at: sharedInfo + layout.wallclockNanoseconds)
            memory.store(UInt32(truncatingIfNeeded: shown >> 32), at: sharedInfo + layout.wallclockSecondsHigh)
        }
    }
}

/// Changes something that a guest reads under a version: odd while `change` runs, even and new afterwards.
///
/// The version is the guest's to scribble on; only that guest would notice.
func publishVersioned<Memory: FrameMemory>(
    at version: MachineAddress, in memory: Memory, _ change: () -> Void
) {
    let word = memory.atomic(UInt32.self, at: version)
    let begin = (word.pointee.load(ordering: .relaxed) &+ 1) | 1
    word.pointee.store(begin, ordering: .relaxed)
    // The fields change after the version is odd, and before it is even again.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    change()
    word.pointee.store(begin &+ 1, ordering: .releasing)
}
