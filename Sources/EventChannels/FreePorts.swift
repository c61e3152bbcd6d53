// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
import XenABI

/// Which groups of 32 ports have a free one: a bitmap of two levels. The lowest level is in the ports themselves
/// (`Port.freeInGroup`), so that the search for the lowest free port takes three words.
struct FreePorts: ~Copyable {
    /// Bit g of word w: group 64 * w + g has a free port. Atomics only so that the array is used in place.
    private let groups = FixedArray<128, Atomic<UInt64>> { _ in Atomic(0) }
    /// Bit w of word s: `groups[64 * s + w]` is not zero.
    private let summary = FixedArray<2, Atomic<UInt64>> { _ in Atomic(0) }

    /// Groups that it can hold.
    static var capacity: UInt32 { 128 * 64 }

    func set(_ group: UInt32, hasFree: Bool) {
        guard group < Self.capacity else { return }
        let word = Int(group >> 6)
        let value = groups[word].load(ordering: .relaxed)
        let bit = UInt64(1) << UInt64(group & 63)
        let new = hasFree ? value | bit : value & ~bit
        groups[word].store(new, ordering: .relaxed)
        guard (value == 0) != (new == 0) else { return }
        let wordBit = UInt64(1) << UInt64(word & 63)
        let above = summary[word >> 6].load(ordering: .relaxed)
        summary[word >> 6].store(new != 0 ? above | wordBit : above & ~wordBit, ordering: .relaxed)
    }

    /// The lowest group from `start` on that has a free port.
    func first(from start: UInt32) -> UInt32? {
        guard start < Self.capacity else { return nil }
        let word = Int(start >> 6)
        let here = groups[word].load(ordering: .relaxed) & (~0 << UInt64(start & 63))
        if here != 0 { return UInt32(word) << 6 | UInt32(here.trailingZeroBitCount) }
        guard let next = firstWord(from: word + 1) else { return nil }
        return UInt32(next) << 6 | UInt32(groups[next].load(ordering: .relaxed).trailingZeroBitCount)
    }

    private func firstWord(from start: Int) -> Int? {
        guard start < 128 else { return nil }
        let here = summary[start >> 6].load(ordering: .relaxed) & (~0 << UInt64(start & 63))
        if here != 0 { return start & ~63 | here.trailingZeroBitCount }
        let last = summary[1].load(ordering: .relaxed)
        return start < 64 && last != 0 ? 64 | last.trailingZeroBitCount : nil
    }
}

extension EventChannels {
    /// Ports that the ABI in use has.
    var abiPorts: UInt32 {
        switch abi {
        case .twoLevel: EventTwoLevel.ports(wordBits: layout.wordBits)
        case .fifo: EventFIFO.ports
        case .threeLevel: layout.wordBits * layout.wordBits * layout.wordBits
        }
    }

    /// The lowest port that may be bound, which is not marked as taken yet. Throws EINVAL in a dying domain, ENOSPC
    /// past the domain's or the ABI's limit, ENOMEM.
    func lowestFreePort(_ state: inout Administration) throws(XenError) -> UInt32 {
        if state.dying { throw .einval }
        let limit = abiPorts
        if let found = freeAndIdlePort(state) {
            guard found <= state.lastPort && found < limit else { throw .enospc }
            return found
        }
        let next = ports.count
        guard next <= state.lastPort && next < limit else { throw .enospc }
        guard addPorts(&state) else { throw .enomem }
        return next
    }

    /// The lowest port in the table that is free. FIFO: one that the guest has not unlinked yet is passed over, up to
    /// 1024 of them.
    private func freeAndIdlePort(_ state: borrowing Administration) -> UInt32? {
        var start: UInt32 = 0
        var group = state.free.first(from: 0)
        for _ in 0..<1024 {
            guard let number = group, let first = port(number << 5) else { return nil }
            let free = first.pointee.freeInGroup.load(ordering: .relaxed) & (~0 << (start & 31))
            if free != 0 {
                let found = number << 5 | UInt32(free.trailingZeroBitCount)
                if !isLinked(found) { return found }
                start = found + 1
                if start & 31 != 0 { continue }
            }
            start = 0
            group = state.free.first(from: number + 1)
        }
        return nil
    }

    /// Adds a leaf of free ports. False where there is no memory.
    func addPorts(_ state: inout Administration) -> Bool {
        let start = ports.count
        let end = start + PagedTable<Port<Frames, VCPU>>.elementsPerLeaf
        guard ports.grow(to: end, in: frames, { _ in Port() }) else { return false }
        for group in start >> 5..<end >> 5 {
            port(group << 5)?.pointee.freeInGroup.store(~0, ordering: .relaxed)
            state.free.set(group, hasFree: true)
        }
        return true
    }

    /// Marks a port as taken or free.
    func mark(_ number: UInt32, free: Bool, _ state: inout Administration) {
        guard let first = port(number & ~31) else { return }
        let bit = UInt32(1) << (number & 31)
        let old = first.pointee.freeInGroup.load(ordering: .relaxed)
        let new = free ? old | bit : old & ~bit
        first.pointee.freeInGroup.store(new, ordering: .relaxed)
        if (old == 0) != (new == 0) { state.free.set(number >> 5, hasFree: new != 0) }
        let valid = (number | (Self.portsAtATime - 1)) + 1
        if !free, valid > validPorts.load(ordering: .relaxed) { validPorts.store(valid, ordering: .releasing) }
    }

    /// Xen: EVTCHNS_PER_BUCKET
    private static var portsAtATime: UInt32 { 64 }

    /// Port 0 is nobody's.
    func reserveFirstPort(_ state: inout Administration) {
        mark(0, free: false, &state)
        port(0)?.pointee.lock.withLock { $0.kind = .reserved }
    }
}
