// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Scheduler
import Sync
import Synchronization

/// The vCPUs of the machine by the scheduler's number, and the pCPU that each belongs to. Looking up takes no lock; numbers are
/// handed out under that of `taken`.
struct UnitTable: ~Copyable {
    private let vcpus = FixedArray<512, AtomicRef<VCPU<Metal>>> { _ in AtomicRef() }
    private let homes = FixedArray<512, Atomic<UInt32>> { _ in Atomic(0) }
    private let taken = SpinLock(InlineArray<8, UInt64>(repeating: 0), rank: .domain)
    /// One more than the highest number that was ever handed out.
    private let used = Atomic<UInt32>(0)

    var count: Int { Int(used.load(ordering: .acquiring)) }

    /// The next free number, or nil.
    func take() -> UnitID? {
        taken.withLock { words in
            for index in words.indices where words[index] != .max {
                let bit = (~words[index]).trailingZeroBitCount
                words[index] |= 1 << UInt64(bit)
                let number = UInt32(index * 64 + bit)
                if used.load(ordering: .relaxed) <= number { used.store(number + 1, ordering: .releasing) }
                return UnitID(UInt16(number))
            }
            return nil
        }
    }

    func giveBack(_ unit: UnitID) {
        vcpus[unit.index].store(nil)
        taken.withLock { $0[unit.index >> 6] &= ~(1 << UInt64(unit.index & 63)) }
    }

    func set(_ unit: UnitID, _ vcpu: MetalVCPU, home: PCPU) {
        homes[unit.index].store(home.rawValue, ordering: .relaxed)
        vcpus[unit.index].store(vcpu)
    }

    /// Adds a vCPU with the next number, which is its own.
    func append(_ vcpu: MetalVCPU, home: PCPU) {
        if let unit = take() { set(unit, vcpu, home: home) }
    }

    @inline(__always) subscript(unit: UnitID) -> MetalVCPU? { unit.index < 512 ? vcpus[unit.index].load() : nil }
    func home(_ index: Int) -> PCPU { PCPU(homes[index].load(ordering: .relaxed)) }

    /// The pCPU among the first `count` that fewest vCPUs belong to.
    func leastUsed(of count: Int) -> PCPU {
        var best = (pcpu: 0, load: Int.max)
        for pcpu in 0..<max(1, count) {
            var load = 0
            for index in 0..<self.count where vcpus[index].load() != nil && home(index).index == pcpu { load += 1 }
            if load < best.load { best = (pcpu, load) }
        }
        return PCPU(UInt32(best.pcpu))
    }
}
