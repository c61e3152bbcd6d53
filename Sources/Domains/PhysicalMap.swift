// SPDX-License-Identifier: Apache-2.0

public import Base
import Machine
public import P2M
import Sync
import Synchronization
public import XenABI

/// Changes of a domain's guest-physical memory.
extension Domain {
    /// Maps one frame. Throws `.enomem` where there is no frame for a table, `.einval` where the number is too large.
    public func map(_ gfn: GFN, to frame: MFN, type: P2MType, _ platform: P) throws(XenError) {
        let cache = platform.cache(of: self)
        let mapped = p2m.withLock { table -> Bool? in
            guard gfn.rawValue < table.format.capacity else { return nil }
            return table.map(GuestRange(start: gfn, count: 1), to: frame, type: type, cache: cache)
        }
        guard let mapped else { throw .einval }
        guard mapped else { throw .enomem }
        noteHighest(gfn)
    }

    /// Removes one frame's mapping, whatever it is.
    public func unmap(_ gfn: GFN, _ platform: P) throws(XenError) {
        let cache = platform.cache(of: self)
        guard p2m.withLock({ $0.unmap(GuestRange(start: gfn, count: 1), cache: cache) }) else { throw .enomem }
    }

    /// Xen: one extent of XENMEM_populate_physmap. A direct-mapped domain gets back the frame of that number, which it
    /// still owns; any other gets a new frame.
    public func populate(_ gfn: GFN, order: UInt64, _ platform: P) -> Bool {
        let count: UInt64 = 1 << order
        guard gfn.rawValue < UInt64.max - count else { return false }
        let cache = platform.cache(of: self)
        if isDirectMapped {
            for offset in 0..<count where !platform.owns(MFN(gfn.rawValue + offset), self) { return false }
            let range = GuestRange(start: gfn, count: count)
            guard p2m.withLock({ $0.map(range, to: MFN(gfn.rawValue), type: .ramReadWrite, cache: cache) }) else {
                return false
            }
            noteHighest(gfn + (count - 1))
            return true
        }
        guard totalPages.load(ordering: .relaxed) + count <= maximumPages.load(ordering: .relaxed),
            let frame = platform.frames.allocate(order: Int(order), node: nil)
        else { return false }
        let range = GuestRange(start: gfn, count: count)
        guard p2m.withLock({ $0.map(range, to: frame, type: .ramReadWrite, cache: cache) }) else {
            platform.frames.free(frame, order: Int(order))
            return false
        }
        platform.assign(frame, count: count, to: self)
        totalPages.wrappingAdd(count, ordering: .relaxed)
        noteHighest(gfn + (count - 1))
        return true
    }

    /// Xen: one extent of XENMEM_decrease_reservation. A direct-mapped domain keeps the frame and loses the mapping.
    public func release(_ gfn: GFN, order: UInt64, _ platform: P) -> Bool {
        let cache = platform.cache(of: self)
        for offset in 0..<UInt64(1) << order {
            let page = gfn + offset
            let old = p2m.withLock { $0.lookup(page) }
            guard old.type.isRAM, platform.owns(old.frame, self) else { return false }
            guard p2m.withLock({ $0.unmap(GuestRange(start: page, count: 1), cache: cache) }) else { return false }
            guard !isDirectMapped else { continue }
            platform.giveUp(old.frame)
            totalPages.wrappingSubtract(1, ordering: .relaxed)
        }
        return true
    }

    func noteHighest(_ gfn: GFN) {
        var old = highestGFN.load(ordering: .relaxed)
        while old < gfn.rawValue {
            let result = highestGFN.weakCompareExchange(expected: old, desired: gfn.rawValue, ordering: .relaxed)
            if result.exchanged { return }
            old = result.original
        }
    }
}
