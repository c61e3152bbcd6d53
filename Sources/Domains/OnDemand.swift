// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import P2M
import Sync
import Synchronization
public import XenABI

/// RAM on demand: a domain starts with less than it believes to have, and its balloon driver gives the rest back before it is
/// touched. What it has is in `onDemandCache`, counted as the domain's own; what is promised is `onDemandFrames` of its P2M.
extension Domain {
    /// What there is: pages that the domain has, those of them that stand nowhere, entries that wait.
    public var onDemandState: (total: UInt64, cached: UInt64, entries: UInt64) {
        (
            totalPages.load(ordering: .relaxed), onDemandCache.withLock { $0.count },
            p2m.withLock { $0.onDemandFrames }
        )
    }

    /// Promises 2^`order` frames where nothing is. False where something is, or without memory for a table.
    ///
    /// Xen: one extent of XENMEM_populate_physmap with XENMEMF_populate_on_demand
    public func markOnDemand(_ gfn: GFN, order: UInt64, _ platform: P) -> Bool {
        let count: UInt64 = 1 << order
        guard gfn.rawValue < UInt64.max - count, !isDirectMapped else { return false }
        let range = GuestRange(start: gfn, count: count)
        let cache = platform.cache(of: self)
        let isMarked = p2m.withLock { table in
            var frame = gfn
            while frame < range.end {
                let old = table.lookup(frame)
                guard old.type == .invalid || old.type == .populateOnDemand else { return false }
                frame = GFN((frame.rawValue | (1 << UInt64(old.order) - 1)) &+ 1)
                if frame.rawValue == 0 { break }
            }
            if table.map(range, to: .invalid, type: .populateOnDemand, cache: cache) { return true }
            _ = table.unmap(range, cache: cache)
            return false
        }
        if isMarked { noteHighest(gfn + (count - 1)) }
        return isMarked
    }

    /// Sets how many pages the domain is to have in all, as far as that is for the cache to do: what is populated is the balloon
    /// driver's. False where an interrupt waits and the rest is to be done by another call.
    ///
    /// Throws ENOMEM, with a part done, ENOTEMPTY where the domain has devices.
    ///
    /// Xen: XENMEM_set_pod_target
    public func setOnDemandTarget(_ target: UInt64, _ platform: P) throws(XenError) -> Bool {
        let state = onDemandState
        let populated = state.total &- state.cached
        if populated > 0 && state.entries == 0 || target < state.total { return true }
        if isPrivileged { throw .enotempty }
        var wanted = target - populated
        if populated > 0 { wanted = min(wanted, state.entries) }
        return try resizeCache(to: wanted, platform)
    }

    private func resizeCache(to wanted: UInt64, _ platform: P) throws(XenError) -> Bool {
        while true {
            let count = onDemandCache.withLock { $0.count }
            if count == wanted { return true }
            if count < wanted {
                try growCache(by: wanted - count, platform)
            } else {
                shrinkCache(by: count - wanted, platform)
            }
            if platform.shouldPreempt, onDemandCache.withLock({ $0.count }) != wanted { return false }
        }
    }

    private func growCache(by count: UInt64, _ platform: P) throws(XenError) {
        if count >= OnDemandCache.largeFrames, let block = allocate(order: OnDemandCache.largeOrder, on: .anywhere, platform)
        {
            platform.assign(block, count: OnDemandCache.largeFrames, to: self)
            guard addToCache(block, isLarge: true, platform) else { throw .enomem }
            return
        }
        guard let frame = allocate(order: 0, on: .anywhere, platform) else { throw .enomem }
        platform.assign(frame, count: 1, to: self)
        guard addToCache(frame, isLarge: false, platform) else { throw .enomem }
    }

    /// Adds what is the domain's and stands nowhere. Where that cannot be noted it is the domain's no more: false.
    private func addToCache(_ frame: MFN, isLarge: Bool, _ platform: P) -> Bool {
        if onDemandCache.withLock({ $0.add(frame, isLarge: isLarge, platform.frames) }) { return true }
        giveBack(frame, count: isLarge ? OnDemandCache.largeFrames : 1, platform)
        return false
    }

    private func shrinkCache(by count: UInt64, _ platform: P) {
        let isLarge = count >= OnDemandCache.largeFrames
        var size: UInt64 = 1
        let taken = onDemandCache.withLock { cache -> MFN? in
            if isLarge, let block = cache.takeLarge(platform.frames) {
                size = OnDemandCache.largeFrames
                return block
            }
            return cache.takeSingle(platform.frames)?.frame
        }
        if let taken { giveBack(taken, count: size, platform) }
    }

    /// Gives back what stands nowhere: for a domain that ends. False where an interrupt waits, and not all is done.
    public func emptyOnDemandCache(_ platform: P) -> Bool {
        while onDemandCache.withLock({ $0.count }) > 0 {
            shrinkCache(by: .max, platform)
            if platform.shouldPreempt { return onDemandCache.withLock { $0.count } == 0 }
        }
        return true
    }

    /// Where fewer entries wait than there are frames for, a piece of those frames is the domain's no more. True where none are too
    /// many: whoever makes it so repeats this, and lets interrupts in meanwhile.
    public func trimOnDemandCache(_ platform: P) -> Bool {
        let cached = onDemandCache.withLock { $0.count }
        guard cached > 0 else { return true }
        let waiting = p2m.withLock { $0.onDemandFrames }
        guard cached > waiting else { return true }
        shrinkCache(by: cached - waiting, platform)
        return false
    }

    /// RAM that was taken out of the domain's memory goes to entries that wait. What somebody still holds he may still write:
    /// another frame waits in its place, if there is one.
    func keepForDemand(_ frame: MFN, _ platform: P) {
        if platform.isHeld(frame) {
            giveBack(frame, platform)
            try? growCache(by: 1, platform)
            return
        }
        if !onDemandCache.withLock({ $0.addUsed(frame, platform.frames) }) { giveBack(frame, platform) }
    }

    /// Gives an entry its frame: a large one to one that is large, if there is such. False where there is none, or no memory
    /// for a table. With the P2M locked.
    func populateOnDemand(
        _ gfn: GFN, entryOrder order: Int, _ table: inout PageTable<P.Format, P.Frames>, _ platform: P
    ) -> Bool {
        let cache = platform.cache(of: self)
        let frames = platform.frames
        if order >= Int(OnDemandCache.largeOrder), let block = onDemandCache.withLock({ $0.takeLarge(frames) }) {
            let start = GFN(gfn.rawValue & ~(OnDemandCache.largeFrames - 1))
            let range = GuestRange(start: start, count: OnDemandCache.largeFrames)
            if table.map(range, to: block, type: .ramReadWrite, cache: cache) { return true }
            _ = addToCache(block, isLarge: true, platform)
            return false
        }
        guard let single = onDemandCache.withLock({ $0.takeSingle(frames) }) else { return false }
        if single.isUsed { frames.zero(single.frame.address, count: pageSize) }
        if table.replace(gfn, with: single.frame, type: .ramReadWrite, cache: cache) != nil { return true }
        _ = addToCache(single.frame, isLarge: false, platform)
        return false
    }
}
