// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine
import P2M
import Sync
import Synchronization
public import XenABI

/// How much RAM a domain has, and gets, and gives back.
extension Domain {
    /// One extent of 2^`order` frames, from `place`. A direct-mapped domain gets back the frames of that number, which it still owns; any
    /// other gets new ones.
    ///
    /// Xen: one extent of XENMEM_populate_physmap
    public func populate(_ gfn: GFN, order: UInt64, on place: NodeRequest = .anywhere, _ platform: P) -> Bool {
        let count: UInt64 = 1 << order
        guard isAlive, gfn.rawValue < UInt64.max - count else { return false }
        let range = GuestRange(start: gfn, count: count)
        if isDirectMapped {
            for offset in 0..<count where !platform.owns(MFN(gfn.rawValue + offset), self) { return false }
            return put(MFN(gfn.rawValue), at: range, platform)
        }
        guard let frame = allocate(order: order, on: place, platform) else { return false }
        platform.assign(frame, count: count, to: self)
        if put(frame, at: range, platform) { return true }
        giveBack(frame, count: count, platform)
        return false
    }

    /// 2^`order` frames that have no place in the domain's memory.
    ///
    /// Xen: one extent of XENMEM_increase_reservation
    public func increase(order: UInt64, on place: NodeRequest = .anywhere, _ platform: P) -> Bool {
        guard let frame = allocate(order: order, on: place, platform) else { return false }
        platform.assign(frame, count: 1 << order, to: self)
        return true
    }

    /// Frames for this domain, within what it may have; counted as its own from now on.
    func allocate(order: UInt64, on place: NodeRequest, _ platform: P) -> MFN? {
        guard isAlive else { return nil }
        let count: UInt64 = 1 << order
        // Counted first, so that two vCPUs cannot both have the last one.
        let total = totalPages.wrappingAdd(count, ordering: .relaxed).newValue
        guard total <= maximumPages.load(ordering: .relaxed) else {
            totalPages.wrappingSubtract(count, ordering: .relaxed)
            return nil
        }
        let claimed = takeClaim(count)
        guard let frame = platform.allocate(order: Int(order), on: place, claimed: claimed) else {
            claim.wrappingAdd(claimed, ordering: .relaxed)
            totalPages.wrappingSubtract(count, ordering: .relaxed)
            return nil
        }
        return frame
    }

    /// Frames are the domain's no more.
    @inline(__always) func giveBack(_ frame: MFN, count: UInt64 = 1, _ platform: P) {
        platform.giveUp(frame, count: count)
        totalPages.wrappingSubtract(count, ordering: .relaxed)
    }

    /// Maps RAM over whatever was there, but not over grants. On failure nothing of it is mapped.
    private func put(_ frame: MFN, at range: GuestRange, _ platform: P) -> Bool {
        var mapped = mapUnheld(range, to: frame, platform)
        if mapped == nil {
            empty(range, platform)
            // What another vCPU has put there meanwhile is not ours to lose.
            mapped = mapUnheld(range, to: frame, platform)
        }
        guard let mapped, mapped else { return false }
        noteHighest(range.start + (range.count - 1))
        return true
    }

    /// Maps RAM over what is nothing but RAM of the domain's own. Nil where something is more; false without memory for a table, and
    /// nothing of it is mapped then.
    private func mapUnheld(_ range: GuestRange, to frame: MFN, _ platform: P) -> Bool? {
        let cache = platform.cache(of: self)
        return p2m.withLock { table -> Bool? in
            guard !holdsReferences(range, table, platform) else { return nil }
            if range.count == 1 { return table.replace(range.start, with: frame, type: .ramReadWrite, cache: cache) != nil }
            if table.map(range, to: frame, type: .ramReadWrite, cache: cache) { return true }
            _ = table.unmap(range, cache: cache)
            return false
        }
    }

    /// Takes away, with the references that they hold, what is mapped in a range; in steps as large as its entries.
    private func empty(_ range: GuestRange, _ platform: P) {
        var gfn = range.start
        while gfn < range.end {
            let old = p2m.withLock { $0.lookup(gfn) }
            if holdsReference(old, platform) { try? unmap(gfn, platform) }
            gfn = after(gfn, old.order)
        }
    }

    private func holdsReferences(
        _ range: GuestRange, _ table: borrowing PageTable<P.Format, P.Frames>, _ platform: P
    ) -> Bool {
        var gfn = range.start
        while gfn < range.end {
            let entry = table.lookup(gfn)
            if holdsReference(entry, platform) { return true }
            gfn = after(gfn, entry.order)
        }
        return false
    }

    /// Whether an entry is more than RAM of the domain's own, or than nothing.
    private func holdsReference(_ entry: (frame: MFN, type: P2MType, order: Int), _ platform: P) -> Bool {
        switch entry.type {
        case .invalid, .populateOnDemand: false
        default: !entry.type.isRAM || !platform.owns(entry.frame, self)
        }
    }

    /// The first frame behind the entry of a frame.
    private func after(_ gfn: GFN, _ order: Int) -> GFN { GFN((gfn.rawValue | (1 << UInt64(order) - 1)) &+ 1) }

    /// One extent. A direct-mapped domain keeps the frames and loses the mapping. False at the first frame that is not RAM
    /// of its own; those before it are gone. Of RAM on demand fewer frames wait then, which `trimOnDemandCache` has to see to,
    /// and RAM goes to those that still do.
    ///
    /// Xen: one extent of XENMEM_decrease_reservation
    public func release(_ gfn: GFN, order: UInt64, _ platform: P) -> Bool {
        guard isAlive else { return false }
        let count: UInt64 = 1 << order
        var offset: UInt64 = 0
        while offset < count {
            var taken = Taken()
            takeOut(gfn + offset, upTo: count - offset, &taken, platform)
            if taken.count == 0 { return false }
            if !taken.isOnDemand { part(with: taken, platform) }
            offset += taken.count
        }
        return true
    }

    /// What `takeOut` took out: frames of RAM, or entries on demand.
    private struct Taken: ~Copyable {
        /// 0 where there was nothing to take.
        var count: UInt64 = 0
        var isOnDemand = false
        /// RAM: so many entries on demand wait for it.
        var wanted: UInt64 = 0
        /// The first frame of those that were one entry, or each of those that were not.
        var frames = BoundedList<MFN, 64>()
    }

    /// Unmaps, with one invalidation, frames of the domain's RAM, a large entry's or up to 64 others, or entries that wait: for one
    /// caller only, whoever else tries the same. No more than `count`.
    private func takeOut(_ gfn: GFN, upTo count: UInt64, _ taken: inout Taken, _ platform: P) {
        let cache = platform.cache(of: self)
        p2m.withLock { table in
            let old = table.lookup(gfn)
            let size: UInt64 = 1 << UInt64(old.order)
            let part = min(size - gfn.rawValue & (size - 1), count)
            if old.type == .populateOnDemand {
                taken.isOnDemand = true
                if table.unmap(GuestRange(start: gfn, count: part), cache: cache) { taken.count = part }
                return
            }
            let waiting = isDirectMapped ? 0 : table.onDemandFrames
            taken.wanted = waiting - min(waiting, onDemandCache.withLock { $0.count })
            if old.type.isRAM && old.order > 0 {
                // Inside a table of the last level, so that it is unmapped as a whole or not at all.
                let owned = ownFrames(from: old.frame, upTo: min(part, 512 - gfn.rawValue & 511), platform)
                guard owned > 0, table.unmap(GuestRange(start: gfn, count: owned), cache: cache) else { return }
                taken.count = owned
                _ = taken.frames.append(old.frame)
            } else {
                takeSingly(gfn, upTo: min(count, 64), &table, &taken, cache, platform)
            }
        }
    }

    /// As `takeOut`, of entries of a frame each.
    private func takeSingly(
        _ gfn: GFN, upTo count: UInt64, _ table: inout PageTable<P.Format, P.Frames>, _ taken: inout Taken, _ cache: P.Cache,
        _ platform: P
    ) {
        while taken.count < count {
            let place = gfn + taken.count
            let old = table.lookup(place)
            guard old.type.isRAM, old.order == 0, platform.owns(old.frame, self),
                table.replace(place, with: .invalid, type: .invalid, deferring: true, cache: cache) != nil,
                taken.frames.append(old.frame)
            else { break }
            taken.count += 1
        }
        if taken.count > 0 { cache.invalidate(GuestRange(start: gfn, count: taken.count)) }
    }

    /// How many frames from this one on are the domain's.
    private func ownFrames(from frame: MFN, upTo count: UInt64, _ platform: P) -> UInt64 {
        var owned: UInt64 = 0
        while owned < count, platform.owns(frame + owned, self) { owned += 1 }
        return owned
    }

    /// RAM that was taken out goes to entries that wait, or is the domain's no more.
    private func part(with taken: borrowing Taken, _ platform: P) {
        if isDirectMapped { return }
        let isBlock = taken.frames.count == 1
        let wanted = min(taken.wanted, taken.count)
        for index in 0..<wanted {
            keepForDemand(isBlock ? taken.frames[0] + index : taken.frames[Int(index)], platform)
        }
        if isBlock { return giveBack(taken.frames[0] + wanted, count: taken.count - wanted, platform) }
        for index in wanted..<taken.count { giveBack(taken.frames[Int(index)], platform) }
    }

    // MARK: Claims

    /// Sets aside frames, so that the domain can grow to `pages` whatever others allocate; 0 gives the claim back.
    ///
    /// Throws EINVAL where there is a claim already, where the domain has as many or may not have so many, ENOMEM.
    ///
    /// Xen: XENMEM_claim_pages
    public func setClaim(_ pages: UInt64, _ platform: P) throws(XenError) {
        if pages == 0 {
            platform.giveBackClaim(claim.exchange(0, ordering: .relaxed))
            return
        }
        guard isAlive else { throw .einval }
        let total = totalPages.load(ordering: .relaxed)
        guard claim.load(ordering: .relaxed) == 0, pages > total, pages <= maximumPages.load(ordering: .relaxed) else {
            throw .einval
        }
        guard platform.claim(pages - total) else { throw .enomem }
        guard claim.compareExchange(expected: 0, desired: pages - total, ordering: .relaxed).exchanged else {
            platform.giveBackClaim(pages - total)
            throw .einval
        }
    }

    /// As much of the claim as `count` frames use up.
    private func takeClaim(_ count: UInt64) -> UInt64 {
        var left = claim.load(ordering: .relaxed)
        while left > 0 {
            let part = min(left, count)
            let result = claim.weakCompareExchange(expected: left, desired: left - part, ordering: .relaxed)
            if result.exchanged { return part }
            left = result.original
        }
        return 0
    }
}
