// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
public import XenABI

/// How a guest turns its counter into nanoseconds: ns = base + ((counter - origin) << shift) * multiplier >> 32.
@frozen public struct TimeScale: BitwiseCopyable, Sendable, Equatable {
    /// The counter at `base`.
    public var origin: UInt64
    /// System time when the counter was `origin`.
    public var base: SystemTime
    public var multiplier: UInt32
    /// Negative: to the right.
    public var shift: Int8
    /// `VCPUTimeInfo.tscStable` and so on.
    public var flags: UInt8

    /// The scale of a counter that runs at `frequency` Hz, which is not 0.
    public init(frequency: UInt64, origin: UInt64, base: SystemTime, flags: UInt8 = 0) {
        self.origin = origin
        self.base = base
        self.flags = flags
        // The multiplier is 2^32 * 10^9 / frequency with the frequency shifted so that it has 32 significant bits.
        var shift: Int8 = 0
        var scaled = max(frequency, 1)
        while scaled > 2_000_000_000 {
            scaled >>= 1
            shift -= 1
        }
        while scaled <= 1_000_000_000 {
            scaled <<= 1
            shift += 1
        }
        self.shift = shift
        // 10^9 <= scaled * 1 < 2 * 10^9, so the quotient is below 2^32.
        multiplier = UInt32(truncatingIfNeeded: (UInt64(1_000_000_000) << 32) / scaled)
    }

    /// What a guest would make of its counter.
    public func time(counter: UInt64) -> SystemTime {
        let delta = counter &- origin
        let shifted = shift < 0 ? delta >> UInt64(-Int(shift)) : delta << UInt64(shift)
        let product = shifted.multipliedFullWidth(by: UInt64(multiplier))
        return base + (product.high << 32 | product.low >> 32)
    }

    /// Tells a guest, in its vcpu_time_info at `address`. Calls for one vCPU exclude each other.
    ///
    /// ARM guests read their own counter and are told nothing (Xen: arch/arm/time.c).
    ///
    /// Xen: update_vcpu_system_time
    public func publish<Caller: CallerABI, Memory: FrameMemory>(
        for caller: Caller.Type, at address: MachineAddress, in memory: Memory
    ) {
        publishVersioned(at: address, in: memory) {
            memory.store(origin, at: address + 8)
            memory.store(base.nanoseconds, at: address + 16)
            memory.store(multiplier, at: address + 24)
            memory.store(shift, at: address + 28)
            memory.store(flags, at: address + 29)
        }
    }
}
