// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

extension GrantTable {
    /// Switches to version 1 or 2. All entries are cleared but the first eight, which the toolstack fills.
    ///
    /// Throws EINVAL for another version, ENOSYS for one that the domain may not use, EBUSY while any other entry is in
    /// use or a status frame is, EAGAIN while something that version 1 cannot say is, ERANGE where one of the eight cannot be said in version 1, ENOMEM. Nothing has changed
    /// then.
    ///
    /// Xen: GNTTABOP_set_version
    public func setVersion(_ new: UInt32, _ sharing: some GrantFrameSharing) throws(XenError) {
        guard new == 1 || new == 2 else { throw .einval }
        guard new <= maximumVersion else { throw .enosys }
        try administration.withLock { (_: inout Administration) throws(XenError) in
            if new == version { return }
            isSwitching.store(true, ordering: .sequentiallyConsistent)
            defer { isSwitching.store(false, ordering: .sequentiallyConsistent) }
            guard isIdle else { throw .ebusy }
            if new == 1 && v2Operations.load(ordering: .relaxed) != 0 { throw .eagain }
            let kept = try keptEntries()
            if new == 2 {
                try extend(status, statusCount, to: Self.statusFrames(for: frameCount))
                share(status, from: 0, to: statusFrameCount, sharing)
            } else {
                try dropStatusFrames(sharing)
            }
            for index in 0..<frameCount {
                if let address = address(shared, index) { frames.zero(address, count: pageSize) }
            }
            restore(kept, version: new)
            versionWord.store(new, ordering: .releasing)
        }
    }

    /// No entry but the first eight is in use. Whoever had an entry's lock before has let go of it; whoever comes later
    /// sees `isSwitching`.
    private var isIdle: Bool {
        for ref in 0..<entryCount {
            guard let entry = active.element(ref, in: frames) else { return true }
            let used = entry.pointee.lock.withLock { _ in !entry.pointee.pins.isZero }
            if used && ref >= ReservedGrant.count { return false }
        }
        return true
    }

    /// Start of a shared or status frame.
    func address(_ table: borrowing PagedTable<SharedFrame>, _ index: UInt32) -> MachineAddress? {
        table.element(index, in: frames).map { MFN($0.pointee.frame.load(ordering: .relaxed)).address }
    }

    /// The first eight entries in the form of version 1. Throws ERANGE.
    private func keptEntries() throws(XenError) -> InlineArray<8, GrantEntryV1> {
        var kept = InlineArray<8, GrantEntryV1>(repeating: GrantEntryV1())
        guard let start = address(shared, 0) else { return kept }
        if version == 1 {
            for index in kept.indices { kept[index] = frames.load(at: start + UInt64(index) * 8) }
            return kept
        }
        guard let statusStart = address(status, 0) else { return kept }
        for index in kept.indices {
            let entry: GrantEntryV2 = frames.load(at: start + UInt64(index) * 16)
            switch entry.flags & GrantFlag.typeMask {
            case GrantFlag.permitAccess:
                guard let frame = UInt32(exactly: entry.frame) else { throw .erange }
                let used: UInt16 = frames.load(at: statusStart + UInt64(index) * 2)
                kept[index].flags = entry.flags | used
                kept[index].domain = entry.domain
                kept[index].frame = frame
            case GrantFlag.transitive: throw .erange
            default: break
            }
        }
        return kept
    }

    private func restore(_ kept: InlineArray<8, GrantEntryV1>, version: UInt32) {
        guard let start = address(shared, 0) else { return }
        if version == 1 {
            for index in kept.indices { frames.store(kept[index], at: start + UInt64(index) * 8) }
            return
        }
        guard let statusStart = address(status, 0) else { return }
        let used = GrantFlag.reading | GrantFlag.writing
        for index in kept.indices {
            var entry = GrantEntryV2()
            entry.flags = kept[index].flags & ~used
            entry.domain = kept[index].domain
            entry.frame = UInt64(kept[index].frame)
            frames.store(kept[index].flags & used, at: statusStart + UInt64(index) * 2)
            frames.store(entry, at: start + UInt64(index) * 16)
        }
    }

    /// Takes the status frames back from the guest. Throws EBUSY where one is still in use.
    private func dropStatusFrames(_ sharing: some GrantFrameSharing) throws(XenError) {
        let count = statusFrameCount
        for index in 0..<count {
            guard let entry = status.element(index, in: frames) else { break }
            let frame = MFN(entry.pointee.frame.load(ordering: .relaxed))
            if sharing.unshare(frame, at: GFN(entry.pointee.place.load(ordering: .relaxed))) {
                entry.pointee.place.store(GFN.invalid.rawValue, ordering: .relaxed)
                continue
            }
            share(status, from: 0, to: index, sharing)
            throw .ebusy
        }
        retire(status, from: 0, to: statusCount.exchange(0, ordering: .acquiringAndReleasing), sharing)
    }
}
