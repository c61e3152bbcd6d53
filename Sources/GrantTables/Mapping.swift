// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
import Machine
import Sync
import Synchronization
public import XenABI

/// The memory of the domain that maps.
public protocol GrantMapper {
    /// Maps another domain's frame at `gfn`, where nothing but `unmap` takes it away again. Throws `generalError`, also where
    /// another grant is mapped.
    func map(_ frame: MFN, at gfn: GFN, writable: Bool) throws(GrantStatus)
    /// Takes a mapping of a grant away, from where it was mapped; translations may stay in use until `flush`. Throws
    /// `generalError`, with nothing changed, where it cannot be.
    func unmap(_ frame: MFN, from gfn: GFN) throws(GrantStatus)
    /// No translation of these frames that `unmap` took away is in use any more.
    func flush(_ places: borrowing Span<GFN>)
}

/// A mapping that is gone from the page tables: `GrantTable.complete` is due after `GrantMapper.flush`.
@frozen public struct GrantUnmapped: BitwiseCopyable, Sendable {
    /// Who grants.
    public let domain: DomainID
    /// Where it was mapped: what is to be flushed.
    public let place: GFN
    let ref: UInt32
    let use: GrantUse
}

extension GrantTable {
    /// Maps a grant of `granter`'s into the domain whose table this is, at a guest-physical address. Fills in handle and
    /// device address of `operation`.
    ///
    /// Throws `badGrantRef` for a reference that there is not or flags that ask for no mapping, `generalError` for flags
    /// that only PV guests may use and whatever the entry does not permit, `noSpace` without a handle, `badPage`.
    ///
    /// Xen: GNTTABOP_map_grant_ref
    public func map(
        _ operation: inout GrantMap, of granter: Ref<Self>, _ pages: some GrantedPages, _ mapper: some GrantMapper
    ) throws(GrantStatus) {
        let kinds = GrantMapFlag.deviceMap | GrantMapFlag.hostMap
        guard operation.flags & kinds != 0 else { throw .badGrantRef }
        // A domain whose frames are translated can have no other mapping than this.
        let isReadOnly = operation.flags & GrantMapFlag.readOnly != 0
        guard operation.flags & ~GrantMapFlag.readOnly == GrantMapFlag.hostMap else { throw .generalError }
        let place = GuestAddress(operation.hostAddress).frame
        let handle = try takeHandle()
        do throws(GrantStatus) {
            let frame = try granter.pointee.acquire(operation.ref, for: domain, writable: !isReadOnly, pages)
            do throws(GrantStatus) {
                try mapper.map(frame, at: place, writable: !isReadOnly)
            } catch {
                granter.pointee.release(operation.ref, GrantUse(writable: !isReadOnly, isMapping: true), pages)
                throw error
            }
            operation.deviceAddress = frame.address.rawValue
        } catch {
            giveHandle(handle)
            throw error
        }
        let tracked = Tracked(domain: granter.pointee.domain, ref: operation.ref, flags: operation.flags)
        let entry = maptrack.element(handle, in: frames)
        entry?.pointee.place.store(place.rawValue, ordering: .relaxed)
        // Who sees the state sees the place.
        entry?.pointee.state.store(tracked.rawValue, ordering: .releasing)
        operation.handle = handle
    }

    /// The domain whose grant a handle of this domain's maps. Throws `badHandle`.
    public func granter(ofHandle handle: UInt32) throws(GrantStatus) -> DomainID {
        try tracked(handle).domain
    }

    private func tracked(_ handle: UInt32) throws(GrantStatus) -> Tracked {
        guard let entry = maptrack.element(handle, in: frames) else { throw .badHandle }
        let tracked = Tracked(rawValue: entry.pointee.state.load(ordering: .acquiring))
        guard tracked.flags != 0 else { throw .badHandle }
        return tracked
    }

    /// Takes a mapping away, first half: from the page tables. Returns what `complete` is to be called with, after a
    /// flush; nil where nothing was to be done (`hostAddress` is 0).
    ///
    /// Handle, mapping and use end together or not at all: the handle knows where its mapping is, and nothing else ends that.
    ///
    /// Throws `badHandle`, also while another vCPU unmaps it; `generalError` where this handle's mapping is not there, whatever
    /// else is, or a replacement is asked for, which only PV guests may.
    ///
    /// Xen: GNTTABOP_unmap_grant_ref, GNTTABOP_unmap_and_replace
    public func unmap(
        handle: UInt32, hostAddress: UInt64, replacement: UInt64 = 0, of granter: Ref<Self>, _ mapper: some GrantMapper
    ) throws(GrantStatus) -> GrantUnmapped? {
        let tracked = try tracked(handle)
        guard granter.pointee.domain == tracked.domain else { throw .badHandle }
        guard hostAddress != 0 && tracked.flags & GrantMapFlag.hostMap != 0 else { return nil }
        guard replacement == 0 else { throw .generalError }
        guard let entry = maptrack.element(handle, in: frames) else { throw .badHandle }
        // From here on no other vCPU can unmap it.
        let claim = entry.pointee.state.compareExchange(
            expected: tracked.rawValue, desired: tracked.claimed.rawValue, ordering: .acquiringAndReleasing)
        guard claim.exchanged else { throw .badHandle }
        let place = GFN(entry.pointee.place.load(ordering: .relaxed))
        do throws(GrantStatus) {
            guard place == GuestAddress(hostAddress).frame, let frame = granter.pointee.frame(inUse: tracked.ref) else {
                throw .generalError
            }
            try mapper.unmap(frame, from: place)
        } catch {
            entry.pointee.state.store(tracked.rawValue, ordering: .releasing)
            throw error
        }
        giveHandle(handle)
        return GrantUnmapped(domain: tracked.domain, place: place, ref: tracked.ref, use: tracked.use)
    }

    /// Takes a mapping away, second half: ends the use of the grant. This is the granter's table.
    public func complete(_ unmapped: GrantUnmapped, _ pages: some GrantedPages) {
        release(unmapped.ref, unmapped.use, pages)
    }

    /// Ends every use of others' grants by a domain that is being destroyed, whose page tables nobody uses any more.
    /// Stops now and then to ask `mustYield`; true means that all is done.
    ///
    /// Xen: gnttab_release_mappings
    public func releaseMappings<Directory: GrantDirectory>(
        _ directory: Directory, from start: inout UInt32, mustYield: () -> Bool
    ) -> Bool where Directory.Frames == Frames {
        while start < maptrack.count {
            if let entry = maptrack.element(start, in: frames) {
                let tracked = Tracked(rawValue: entry.pointee.state.exchange(0, ordering: .acquiringAndReleasing))
                if tracked.flags & GrantMapFlag.hostMap != 0, let far = directory.grants(of: tracked.domain) {
                    far.table.pointee.release(tracked.ref, tracked.use, far.pages)
                }
            }
            start += 1
            if start % Self.handlesPerFrame == 0 && mustYield() { return false }
        }
        return true
    }

    /// Exchanges two entries, neither of which is in use. Throws `badGrantRef`, `eagain`.
    ///
    /// Xen: GNTTABOP_swap_grant_ref
    public func swap(_ a: UInt32, _ b: UInt32) throws(GrantStatus) {
        try administration.withLock { (_: inout Administration) throws(GrantStatus) in
            let (first, second) = (try place(of: a), try place(of: b))
            if a == b { return }
            let (low, high) = (min(a, b), max(a, b))
            try withGrant(low) { (_, one, _) throws(GrantStatus) in
                guard one.pointee.pins.isZero, let other = active.element(high, in: frames) else { throw .eagain }
                try other.pointee.lock.withSecondLock { (_: inout Grant) throws(GrantStatus) in
                    guard other.pointee.pins.isZero else { throw .eagain }
                    exchange(first, second)
                }
            }
        }
    }

    private func exchange(_ a: EntryPlace, _ b: EntryPlace) {
        if a.version == 1 {
            let kept: GrantEntryV1 = frames.load(at: a.entry)
            frames.store(frames.load(GrantEntryV1.self, at: b.entry), at: a.entry)
            frames.store(kept, at: b.entry)
            return
        }
        let kept: GrantEntryV2 = frames.load(at: a.entry)
        frames.store(frames.load(GrantEntryV2.self, at: b.entry), at: a.entry)
        frames.store(kept, at: b.entry)
        let status: UInt16 = frames.load(at: a.status)
        frames.store(frames.load(UInt16.self, at: b.status), at: a.status)
        frames.store(status, at: b.status)
    }

    /// Whether `domain` uses a grant of this table for `frame`: looks at no more than 4096 references from `start` on,
    /// and moves `start` up to where it stopped. Nil where it has to be asked again.
    ///
    /// Xen: grant_map_exists
    public func isInUse(_ frame: MFN, by domain: DomainID, from start: inout UInt32) -> Bool? {
        let end = min(UInt64(start) + 4096, UInt64(entryCount))
        while UInt64(start) < end {
            guard let entry = active.element(start, in: frames) else { return false }
            let found = entry.pointee.lock.withLock {
                !entry.pointee.pins.isZero && $0.domain == domain.rawValue && $0.frame == frame.rawValue
            }
            if found { return true }
            start += 1
        }
        return start < entryCount ? nil : false
    }
}
