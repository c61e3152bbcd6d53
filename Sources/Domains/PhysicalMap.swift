// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import GrantTables
import Machine
public import P2M
import Sync
import Synchronization
public import XenABI

/// Changes of a domain's guest-physical memory.
///
/// An entry that names a frame of somebody else's holds a reference to it: whoever takes the entry away, by whatever means,
/// lets go of that (`release(_:at:)`), and only once no translation is in use. A grant's mapping is its handle's, which holds
/// the reference: nothing else takes its entry away, or puts another in its place.
extension Domain {
    /// Maps one frame; what was there goes, and if it was the domain's RAM, it stays the domain's without a place, or with
    /// `freesRAM` is freed. Throws `.enomem` where there is no frame for a table, `.einval` (x86: `.enoent`) where the number is too
    /// large, EPERM where a grant is mapped, and with `freesRAM` what `mayCover` throws; then the frame is not mapped.
    public func map(_ gfn: GFN, to frame: MFN, type: P2MType, freesRAM: Bool = false, _ platform: P) throws(XenError) {
        let cache = platform.cache(of: self)
        let old = try p2m.withLock { (table: inout PageTable<P.Format, P.Frames>) throws(XenError) in
            guard gfn.rawValue < table.format.capacity else {
                throw platform.memoryFeatures.contains(.moves) ? .enoent : .einval
            }
            let there = table.lookup(gfn)
            if freesRAM { try mayCover(there, platform) }
            if there.type.isGrant { throw .eperm }
            return table.replace(gfn, with: frame, type: type, cache: cache)
        }
        guard let old else { throw .enomem }
        release(old, at: gfn, freesRAM: freesRAM, platform)
        noteHighest(gfn)
    }

    /// Removes one frame's mapping, whatever it is but a grant's. Throws ENOENT where there is none, ENOMEM where a large entry
    /// cannot be split.
    public func unmap(_ gfn: GFN, _ platform: P) throws(XenError) {
        let cache = platform.cache(of: self)
        let old = try p2m.withLock { (table: inout PageTable<P.Format, P.Frames>) throws(XenError) in
            let type = table.lookup(gfn).type
            guard type != .invalid, !type.isGrant else { throw .enoent }
            return table.replace(gfn, with: .invalid, type: .invalid, cache: cache)
        }
        guard let old else { throw .enomem }
        release(old, at: gfn, platform)
    }

    /// Removes the mapping of a grant's frame. False where it is not there. Translations are the caller's to invalidate.
    func unmapGrant(_ frame: MFN, from gfn: GFN, _ platform: P) -> Bool {
        let cache = platform.cache(of: self)
        return p2m.withLock { table in
            let old = table.lookup(gfn)
            guard old.frame == frame, old.type.isGrant else { return false }
            return table.replace(gfn, with: .invalid, type: .invalid, deferring: true, cache: cache) != nil
        }
    }

    /// Removes the mapping of a frame that the hypervisor shares, if it is there. False where a large entry cannot be split.
    /// Who calls holds the lock of the frame's owner, which `unmap` would tell.
    func unmapShared(_ frame: MFN, from gfn: GFN, _ platform: P) -> Bool {
        let cache = platform.cache(of: self)
        return p2m.withLock { table in
            guard table.lookup(gfn).frame == frame else { return true }
            return table.replace(gfn, with: .invalid, type: .invalid, cache: cache) != nil
        }
    }

    /// Lets go of what an entry named that is gone: the reference to another's frame, or the place of one that the
    /// hypervisor shares, or with `freesRAM` RAM of a domain that gets other RAM in its place. A grant's mapping is its handle's
    /// to end.
    func release(
        _ old: PageTable<P.Format, P.Frames>.Replaced, at gfn: GFN, freesRAM: Bool = false, _ platform: P
    ) {
        switch old.type {
        case .foreign, .foreignReadOnly: platform.drop(old.frame)
        case let type where type.isRAM && platform.owns(old.frame, self):
            guard freesRAM, !isDirectMapped else { return }
            giveBack(old.frame, platform)
        case let type where type.isRAM:
            if old.frame == sharedInfo {
                _ = sharedInfoPlace.compareExchange(
                    expected: gfn.rawValue, desired: GFN.invalid.rawValue, ordering: .relaxed)
            } else {
                grants.pointee.removed(old.frame, from: gfn)
            }
        default: break
        }
    }

    /// Maps the frame of shared_info. Where it is mapped already it moves, or EBUSY is thrown; as `map` else.
    ///
    /// Xen: XENMAPSPACE_shared_info
    public func mapSharedInfo(at gfn: GFN, _ platform: P) throws(XenError) {
        let free = GFN.invalid.rawValue
        let moves = platform.memoryFeatures.contains(.moves)
        if moves { unplaceSharedInfo(platform) }
        guard sharedInfoPlace.compareExchange(expected: free, desired: gfn.rawValue, ordering: .relaxed).exchanged else {
            throw .ebusy
        }
        do throws(XenError) {
            try map(gfn, to: sharedInfo, type: .ramReadWrite, freesRAM: moves, platform)
        } catch {
            sharedInfoPlace.store(free, ordering: .relaxed)
            throw error
        }
        // Another vCPU may have moved it on before it was here.
        if moves, sharedInfoPlace.load(ordering: .relaxed) != gfn.rawValue {
            _ = unmapShared(sharedInfo, from: gfn, platform)
        }
    }

    /// Maps RAM of another domain's, or what the hypervisor shares with it and it has in its memory, as toolstacks fill grant
    /// tables; which stays that frame for as long as it is mapped. Throws EINVAL where it is neither, as `map` else.
    ///
    /// Xen: XENMAPSPACE_gmfn_foreign
    public func mapForeign(
        _ source: GFN, of other: borrowing Domain<P>, at gfn: GFN, _ platform: P
    ) throws(XenError) {
        var type = P2MType.foreign
        let held = other.hold(source, write: false, shared: true, platform) { there in
            if there == .ramReadOnly { type = .foreignReadOnly }
            return there.isRAM
        }
        guard let held else { throw .einval }
        do throws(XenError) {
            try map(gfn, to: held, type: type, freesRAM: platform.memoryFeatures.contains(.moves), platform)
        } catch {
            platform.drop(held)
            throw error
        }
    }

    /// Maps a frame that the hypervisor shares with another domain, which stays for as long as it is mapped. Throws EINVAL
    /// where it is shared no more, as `map` else.
    ///
    /// Xen: XENMEM_acquire_resource
    public func mapResource(
        _ frame: MFN, of other: borrowing Domain<P>, at gfn: GFN, _ platform: P
    ) throws(XenError) {
        guard platform.holdShared(frame, of: other) else { throw .einval }
        do throws(XenError) {
            try map(gfn, to: frame, type: .foreign, platform)
        } catch {
            platform.drop(frame)
            throw error
        }
    }

    /// Maps a page of a device that the domain has already, cached. Nothing happens where it has not.
    ///
    /// Xen: XENMAPSPACE_dev_mmio
    public func mapDevice(_ frame: MFN, at gfn: GFN, _ platform: P) throws(XenError) {
        // A hardware domain sees its devices where they are: what it has there may it have elsewhere.
        let own = p2m.withLock { $0.lookup(GFN(frame.rawValue)) }
        guard own.frame == frame, own.type == .deviceDirect || own.type == .deviceCached else { return }
        try map(gfn, to: frame, type: .deviceCached, platform)
    }

    /// Removes RAM or another's frame from guest-physical memory; RAM stays the domain's. Throws ENOENT where neither is.
    ///
    /// Xen: XENMEM_remove_from_physmap
    public func removeFromPhysmap(_ gfn: GFN, _ platform: P) throws(XenError) {
        let type = touch(gfn, write: false, platform).type
        guard type.isRAM || type == .foreign || type == .foreignReadOnly else { throw .enoent }
        try unmap(gfn, platform)
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
