// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import Machine
import Sync
import Synchronization
public import XenABI

/// What a domain lets others do with its memory: grant v1/v2, mapping, copy, maptrack, status frames.
///
/// One `GrantTable` per domain. It owns the frames that it shares with the guest (grant entries, and with version 2
/// their status words), and beside every entry an `ActiveGrant`: what the entry said when it was first used, and how
/// often it is in use. What a guest wrote into an entry is looked at only while nobody uses it; after that the
/// `ActiveGrant` counts.
///
/// Locks, in the order in which they are taken:
/// - the table's (`administration`, rank `grantTable`; two domains in ascending id): growing, change of version;
/// - the entry's (`ActiveGrant.lock`; two only to swap them, in ascending order): one grant. Mapping and copying take no
///   other, but while the version changes.
///
/// Invariants:
/// - The number of shared frames only grows; a frame's place in the table never changes.
/// - The version changes only while no entry but the first eight is in use. A user that finds `isSwitching` set after
///   taking its entry's lock lets go, and takes the table's lock first.
///
/// This module knows no page table and no hypercall: mapping a frame somewhere is its caller's work.
@safe public struct GrantTable<Frames: FrameSource>: ~Copyable {
    public let domain: DomainID
    /// Shared frames that there may be.
    public let maximumFrames: UInt32
    /// Frames of maptrack entries that there may be.
    public let maximumMaptrackFrames: UInt32
    /// 1 or 2.
    public let maximumVersion: UInt32
    let frames: Frames
    let shared = PagedTable<SharedFrame>()
    let status = PagedTable<SharedFrame>()
    /// An entry per grant of version 1, which has twice as many to a frame.
    let active = PagedTable<ActiveGrant>()
    let sharedCount = Atomic<UInt32>(0)
    let statusCount = Atomic<UInt32>(0)
    let versionWord = Atomic<UInt32>(1)
    let isSwitching = Atomic<Bool>(false)
    /// Grants in use that version 1 cannot say: parts of pages and transitive ones.
    let v2Operations = Atomic<UInt32>(0)
    /// What this domain maps of others' grants.
    let maptrack = PagedTable<MapTrack>()
    /// Top of the stack of free handles.
    let freeHandles = Atomic<UInt64>(0)
    let administration = SpinLock(Administration(), rank: .grantTable)

    /// A new domain's table, with one shared frame and version 1. Throws EINVAL for limits that make no sense, ENOMEM.
    ///
    /// Xen: grant_table_init
    public static func create(
        domain: DomainID, frames: Frames, maximumFrames: UInt32, maximumMaptrackFrames: UInt32, maximumVersion: UInt32,
        _ sharing: some GrantFrameSharing
    ) throws(XenError) -> FrameBox<Self> {
        guard (1...Self.frameLimit).contains(maximumFrames) && (1...2).contains(maximumVersion) else { throw .einval }
        let box = FrameBox(in: frames) {
            Self(
                domain: domain, frames: frames, maximumFrames: maximumFrames,
                maximumMaptrackFrames: maximumMaptrackFrames, maximumVersion: maximumVersion)
        }
        guard let box else { throw .enomem }
        do throws(XenError) {
            try box.ref.pointee.administration.withLock { (_: inout Administration) throws(XenError) in
                try box.ref.pointee.grow(to: 1, sharing)
            }
        } catch {
            destroy(box, sharing)
            throw error
        }
        return box
    }

    /// The most shared frames that any table can have.
    static var frameLimit: UInt32 { PagedTable<ActiveGrant>.capacity / entriesPerFrame(version: 1) }

    init(
        domain: DomainID, frames: Frames, maximumFrames: UInt32, maximumMaptrackFrames: UInt32, maximumVersion: UInt32
    ) {
        self.domain = domain
        self.frames = frames
        self.maximumFrames = maximumFrames
        self.maximumMaptrackFrames = maximumMaptrackFrames
        self.maximumVersion = maximumVersion
    }

    /// Frees everything. The guest maps nothing of the table any more, and nobody refers to it.
    ///
    /// Xen: grant_table_destroy
    public static func destroy(_ box: consuming FrameBox<Self>, _ sharing: some GrantFrameSharing) {
        let frames = box.ref.pointee.frames
        box.take(freeing: frames).freeTables(sharing)
    }

    private consuming func freeTables(_ sharing: some GrantFrameSharing) {
        let frames = self.frames
        retire(shared, from: 0, to: sharedCount.load(ordering: .relaxed), sharing)
        retire(status, from: 0, to: statusCount.load(ordering: .relaxed), sharing)
        shared.destroy(in: frames)
        status.destroy(in: frames)
        active.destroy(in: frames)
        maptrack.destroy(in: frames)
    }

    /// Frees a frame that nobody has seen.
    func free(_ table: borrowing PagedTable<SharedFrame>, _ index: UInt32) {
        if let frame = takeOut(table, index) { frames.free(frame) }
    }

    /// Lets frames go that were shared.
    func retire(
        _ table: borrowing PagedTable<SharedFrame>, from first: UInt32, to end: UInt32, _ sharing: some GrantFrameSharing
    ) {
        for index in first..<max(first, end) {
            if let frame = takeOut(table, index) { sharing.retire(frame) }
        }
    }

    private func takeOut(_ table: borrowing PagedTable<SharedFrame>, _ index: UInt32) -> MFN? {
        guard let entry = table.element(index, in: frames) else { return nil }
        entry.pointee.place.store(GFN.invalid.rawValue, ordering: .relaxed)
        return MFN(entry.pointee.frame.exchange(0, ordering: .relaxed))
    }
}

/// What a table's lock protects: that only one CPU grows it or changes its version.
struct Administration: ~Copyable {}

/// A frame that the guest may map, and where it has.
struct SharedFrame: ~Copyable {
    /// Machine frame number; 0 while there is none.
    let frame = Atomic<UInt64>(0)
    /// The guest frame where it is mapped; `GFN.invalid` for none.
    let place = Atomic<UInt64>(GFN.invalid.rawValue)
}

/// What is remembered of a grant while it is in use. 32 bytes.
struct ActiveGrant: ~Copyable {
    /// The lock, with beside it the number of uses: how many of each kind, a byte for each (`Pins`).
    let lock = CompactLock<GrantRank, Atomic<UInt32>, Grant>(shared: Atomic(0), Grant())

    /// Changed under the lock.
    var pins: Pins {
        get { Pins(rawValue: lock.shared.load(ordering: .relaxed)) }
        nonmutating set { lock.shared.store(newValue.rawValue, ordering: .relaxed) }
    }
}

/// What a grant gives, from the moment of its first use on.
struct Grant {
    /// Machine frame.
    var frame: UInt64 = 0
    /// Who may use it.
    var domain: UInt16 = 0
    /// Transitive: the domain whose grant it passes on.
    var sourceDomain: UInt16 = 0
    /// First byte, and bytes, that may be copied.
    var start: UInt16 = 0
    var length: UInt16 = 0
    /// Transitive: the reference that it passes on.
    var sourceRef: UInt32 = 0
    var isSubPage = false
    var isTransitive = false
}

/// Gives a domain the frames of its grant table.
public protocol GrantFrameSharing {
    /// The frame is the domain's to map from now on.
    func share(_ frame: MFN)
    /// The table has no more use for a frame that it shared: frees it as soon as nobody else maps it.
    func retire(_ frame: MFN)
    /// It is not any more: removes it from `place`, if it is anywhere. False where something still uses it; then it
    /// stays shared.
    func unshare(_ frame: MFN, at place: GFN) -> Bool
}
