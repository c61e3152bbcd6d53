// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
import XenABI

/// One mapping that a domain has of another's grant; its number is the handle that the guest gets. 16 bytes.
struct MapTrack: ~Copyable {
    /// A `Tracked`; 0 while the handle is free.
    let state = Atomic<UInt64>(0)
    /// Where it is mapped, a guest frame; while the handle is free, the next free one plus one, 0 for none. Whoever reads the
    /// one for the other finds that out by `state`, or by the count at the top of the stack.
    let place = Atomic<UInt64>(0)
}

/// What a handle stands for: bits 0-31 reference, 32-47 domain, 48-63 `GrantMapFlag`s.
struct Tracked: Equatable {
    var rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }
    init(domain: DomainID, ref: UInt32, flags: UInt32) {
        rawValue = UInt64(ref) | UInt64(domain.rawValue) << 32 | UInt64(flags & 0xFFFF) << 48
    }

    var ref: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
    var domain: DomainID { DomainID(UInt16(truncatingIfNeeded: rawValue >> 32)) }
    var flags: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 48) }
    var isReadOnly: Bool { flags & GrantMapFlag.readOnly != 0 }
    var use: GrantUse { GrantUse(writable: !isReadOnly, isMapping: true) }
    /// The same with no mapping: somebody is unmapping it.
    var claimed: Tracked { Tracked(domain: domain, ref: ref, flags: flags & ~GrantMapFlag.hostMap | Self.claim) }
    /// A flag that no guest can set.
    private static var claim: UInt32 { 1 << 15 }
}

// A stack of free handles that needs no lock: its top is a handle plus one, with a count above it that keeps a pop from
// being fooled by a push of the same handle.
extension GrantTable {
    /// A free handle. The table grows by a frame of handles where there is none. Throws `noSpace` past the limit or
    /// without memory.
    ///
    /// Xen: get_maptrack_handle
    func takeHandle() throws(GrantStatus) -> UInt32 {
        while true {
            let top = freeHandles.load(ordering: .acquiring)
            guard let handle = Self.handle(top) else {
                try addHandles()
                continue
            }
            guard let entry = maptrack.element(handle, in: frames) else { throw .noSpace }
            let next = entry.pointee.place.load(ordering: .relaxed)
            let desired = next & 0xFFFF_FFFF | (top >> 32 &+ 1) << 32
            if freeHandles.compareExchange(expected: top, desired: desired, ordering: .acquiringAndReleasing).exchanged {
                return handle
            }
        }
    }

    /// Gives a handle back, which stands for nothing.
    ///
    /// Xen: put_maptrack_handle
    func giveHandle(_ handle: UInt32) {
        guard let entry = maptrack.element(handle, in: frames) else { return }
        entry.pointee.state.store(0, ordering: .releasing)
        while true {
            let top = freeHandles.load(ordering: .relaxed)
            entry.pointee.place.store(top & 0xFFFF_FFFF, ordering: .relaxed)
            let desired = UInt64(handle + 1) | (top >> 32 &+ 1) << 32
            if freeHandles.compareExchange(expected: top, desired: desired, ordering: .acquiringAndReleasing).exchanged {
                return
            }
        }
    }

    private static func handle(_ top: UInt64) -> UInt32? {
        let handle = UInt32(truncatingIfNeeded: top)
        return handle == 0 ? nil : handle - 1
    }

    /// Handles that a frame holds.
    static var handlesPerFrame: UInt32 { PagedTable<MapTrack>.elementsPerLeaf }

    private func addHandles() throws(GrantStatus) {
        let added = administration.withLock { (_: inout Administration) in
            // Somebody else may have added some meanwhile.
            if Self.handle(freeHandles.load(ordering: .acquiring)) != nil { return true }
            let first = maptrack.count
            let limit = min(
                UInt64(maximumMaptrackFrames) * UInt64(Self.handlesPerFrame), UInt64(PagedTable<MapTrack>.capacity))
            guard UInt64(first) + UInt64(Self.handlesPerFrame) <= limit else { return false }
            guard maptrack.grow(to: first + Self.handlesPerFrame, in: frames, { _ in MapTrack() }) else { return false }
            for handle in (first..<first + Self.handlesPerFrame).reversed() { giveHandle(handle) }
            return true
        }
        if !added { throw .noSpace }
    }
}
