// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

extension GrantTable {
    /// Frames of entries that are shared now.
    public var frameCount: UInt32 { sharedCount.load(ordering: .acquiring) }
    /// Frames of status words that are shared now.
    public var statusFrameCount: UInt32 { statusCount.load(ordering: .acquiring) }
    /// 1 or 2.
    public var version: UInt32 { versionWord.load(ordering: .acquiring) }

    static func entriesPerFrame(version: UInt32) -> UInt32 { version == 1 ? 512 : 256 }
    /// Status frames for the entries of so many frames of version 2: a status word is two bytes, an entry sixteen.
    static func statusFrames(for frames: UInt32) -> UInt32 { (frames + 7) / 8 }
    /// Status frames that there may be.
    public var maximumStatusFrames: UInt32 { Self.statusFrames(for: maximumFrames) }

    /// References that there are.
    public var entryCount: UInt32 { frameCount &* Self.entriesPerFrame(version: version) }

    /// Makes sure that there are `count` shared frames. Throws `generalError` past the limit or without memory.
    ///
    /// Xen: GNTTABOP_setup_table
    public func setUp(frames count: UInt32, _ sharing: some GrantFrameSharing) throws(GrantStatus) {
        guard count <= maximumFrames else { throw .generalError }
        do throws(XenError) {
            try administration.withLock { (_: inout Administration) throws(XenError) in try grow(to: count, sharing) }
        } catch {
            throw .generalError
        }
    }

    /// Where the guest has mapped a shared frame; `GFN.invalid` for nowhere.
    public func place(ofFrame index: UInt32) -> GFN { place(shared, index, count: frameCount) }

    /// Where the guest has mapped a status frame; `GFN.invalid` for nowhere.
    ///
    /// Xen: GNTTABOP_get_status_frames
    public func place(ofStatusFrame index: UInt32) -> GFN { place(status, index, count: statusFrameCount) }

    private func place(_ table: borrowing PagedTable<SharedFrame>, _ index: UInt32, count: UInt32) -> GFN {
        guard index < count, let entry = table.element(index, in: frames) else { return .invalid }
        return GFN(entry.pointee.place.load(ordering: .acquiring))
    }

    /// A frame that the guest is going to map at `gfn`: `index` names a shared frame, or with
    /// `MapSpace.grantTableStatus` and version 2 a status frame. The table grows as far as needed.
    ///
    /// Throws EINVAL past the limit or without memory, EBUSY where the frame is mapped already. Whoever unmaps it, or
    /// fails to map it, says so by `removed`.
    ///
    /// Xen: XENMAPSPACE_grant_table
    public func frame(toMap index: UInt64, at gfn: GFN, _ sharing: some GrantFrameSharing) throws(XenError) -> MFN {
        try administration.withLock { (_: inout Administration) throws(XenError) in
            let isStatus = version == 2 && index & MapSpace.grantTableStatus != 0
            let number = isStatus ? index & ~MapSpace.grantTableStatus : index
            let limit = isStatus ? maximumStatusFrames : maximumFrames
            guard number < UInt64(limit) else { throw .einval }
            let needed = UInt32(number) + 1
            do throws(XenError) {
                try grow(to: isStatus ? min((needed - 1) * 8 + 1, maximumFrames) : needed, sharing)
            } catch {
                throw .einval
            }
            let entry = isStatus ? status.element(needed - 1, in: frames) : shared.element(needed - 1, in: frames)
            guard let entry else { throw .einval }
            guard entry.pointee.place.load(ordering: .relaxed) == GFN.invalid.rawValue else { throw .ebusy }
            entry.pointee.place.store(gfn.rawValue, ordering: .releasing)
            return MFN(entry.pointee.frame.load(ordering: .relaxed))
        }
    }

    /// Whether what `frame(toMap:at:)` gave is still the table's, at that place.
    public func isPlaced(_ index: UInt64, _ frame: MFN, at gfn: GFN) -> Bool {
        administration.withLock { (_: inout Administration) in
            let isStatus = version == 2 && index & MapSpace.grantTableStatus != 0
            guard let number = UInt32(exactly: isStatus ? index & ~MapSpace.grantTableStatus : index),
                number < (isStatus ? statusFrameCount : frameCount),
                let entry = isStatus ? status.element(number, in: frames) : shared.element(number, in: frames)
            else { return false }
            return entry.pointee.frame.load(ordering: .relaxed) == frame.rawValue
                && entry.pointee.place.load(ordering: .relaxed) == gfn.rawValue
        }
    }

    /// The guest does not map `frame` at `gfn` any more. Nothing happens unless it is one of the table's, mapped there.
    public func removed(_ frame: MFN, from gfn: GFN) {
        administration.withLock { (_: inout Administration) in
            for index in 0..<frameCount { forget(shared, index, frame, gfn) }
            for index in 0..<statusFrameCount { forget(status, index, frame, gfn) }
        }
    }

    private func forget(_ table: borrowing PagedTable<SharedFrame>, _ index: UInt32, _ frame: MFN, _ gfn: GFN) {
        guard let entry = table.element(index, in: frames) else { return }
        guard entry.pointee.frame.load(ordering: .relaxed) == frame.rawValue else { return }
        _ = entry.pointee.place.compareExchange(
            expected: gfn.rawValue, desired: GFN.invalid.rawValue, ordering: .relaxed)
    }

    /// A frame for a privileged domain to map, which leaves `place` alone. Throws EINVAL, as `frame(toMap:)`.
    ///
    /// Xen: XENMEM_acquire_resource
    public func frame(
        ofResource id: UInt32, index: UInt32, _ sharing: some GrantFrameSharing
    ) throws(XenError) -> MFN {
        try administration.withLock { (_: inout Administration) throws(XenError) in
            let isStatus = id == ResourceType.grantTableStatus
            guard isStatus ? version == 2 : id == ResourceType.grantTableShared else { throw .einval }
            guard index < (isStatus ? maximumStatusFrames : maximumFrames) else { throw .einval }
            do throws(XenError) {
                try grow(to: isStatus ? min(index * 8 + 1, maximumFrames) : index + 1, sharing)
            } catch {
                throw .einval
            }
            let entry = isStatus ? status.element(index, in: frames) : shared.element(index, in: frames)
            guard let entry else { throw .einval }
            return MFN(entry.pointee.frame.load(ordering: .relaxed))
        }
    }

    // MARK: With the table's lock held

    /// Grows to `count` shared frames, and with version 2 to the status frames for them, and shares the new ones.
    /// Throws ENOMEM, with nothing changed.
    func grow(to count: UInt32, _ sharing: some GrantFrameSharing) throws(XenError) {
        let (first, firstStatus) = (frameCount, statusFrameCount)
        try grow(to: count)
        if version == 2 {
            do throws(XenError) {
                try extend(status, statusCount, to: Self.statusFrames(for: max(count, first)))
            } catch {
                shrink(shared, sharedCount, to: first)
                throw error
            }
        }
        share(shared, from: first, to: frameCount, sharing)
        share(status, from: firstStatus, to: statusFrameCount, sharing)
    }

    /// As above for the shared frames alone, which are not shown to the guest yet.
    func grow(to count: UInt32) throws(XenError) {
        guard count > frameCount else { return }
        guard active.grow(to: count * Self.entriesPerFrame(version: 1), in: frames, { _ in ActiveGrant() }) else {
            throw .enomem
        }
        try extend(shared, sharedCount, to: count)
    }

    /// Adds zeroed frames. Throws ENOMEM, with none added.
    func extend(
        _ table: borrowing PagedTable<SharedFrame>, _ counter: borrowing Atomic<UInt32>, to count: UInt32
    ) throws(XenError) {
        let first = counter.load(ordering: .relaxed)
        guard count > first else { return }
        guard table.grow(to: max(count, table.count), in: frames, { _ in SharedFrame() }) else { throw .enomem }
        for index in first..<count {
            guard let frame = frames.allocate() else {
                for done in first..<index { free(table, done) }
                throw .enomem
            }
            table.element(index, in: frames)?.pointee.frame.store(frame.rawValue, ordering: .relaxed)
        }
        counter.store(count, ordering: .releasing)
    }

    /// Frees the frames from `count` on, which nobody has seen.
    func shrink(
        _ table: borrowing PagedTable<SharedFrame>, _ counter: borrowing Atomic<UInt32>, to count: UInt32
    ) {
        let last = counter.exchange(count, ordering: .acquiringAndReleasing)
        for index in count..<max(count, last) { free(table, index) }
    }

    func share(
        _ table: borrowing PagedTable<SharedFrame>, from first: UInt32, to end: UInt32, _ sharing: some GrantFrameSharing
    ) {
        for index in first..<max(first, end) {
            guard let entry = table.element(index, in: frames) else { return }
            sharing.share(MFN(entry.pointee.frame.load(ordering: .relaxed)))
        }
    }
}
