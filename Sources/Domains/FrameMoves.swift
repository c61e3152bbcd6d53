// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import GrantTables
import Machine
import P2M
import Sync
import Synchronization
public import XenABI

// What is mapped where something is already. An ISA without `MemoryFeatures.moves` leaves RAM that is covered with its domain.
extension Domain {
    /// Throws where what is mapped may not be covered: EPERM for a device, ENXIO for a frame that is not the domain's.
    func mayCover(_ old: (frame: MFN, type: P2MType, order: Int), _ platform: P) throws(XenError) {
        switch old.type {
        case .deviceDirect, .deviceCached: throw .eperm
        case .foreign, .foreignReadOnly, .grantReadWrite, .grantReadOnly: throw .enxio
        default: return
        }
    }

    /// Moves a frame of the domain's RAM. Throws EINVAL where there is none, EXDEV where another mapping of it is named, what
    /// `mayCover` throws, ENOMEM; then nothing has changed.
    ///
    /// Xen: XENMAPSPACE_gmfn
    public func move(_ source: GFN, to gfn: GFN, _ platform: P) throws(XenError) {
        _ = touch(source, write: false, platform)
        let cache = platform.cache(of: self)
        let covered = try p2m.withLock {
            (table: inout PageTable<P.Format, P.Frames>) throws(XenError) -> PageTable<P.Format, P.Frames>.Replaced? in
            let from = table.lookup(source)
            guard from.type != .invalid, platform.owns(from.frame, self) else { throw .einval }
            guard from.type.isRAM else { throw .exdev }
            guard gfn.rawValue < table.format.capacity else { throw .einval }
            if source == gfn { return nil }
            let there = table.lookup(gfn)
            try mayCover(there, platform)
            // What may fail comes first: afterwards there are tables to put the source back.
            guard table.replace(source, with: .invalid, type: .invalid, cache: cache) != nil else { throw .enomem }
            guard let old = table.replace(gfn, with: from.frame, type: .ramReadWrite, cache: cache) else {
                _ = table.replace(source, with: from.frame, type: from.type, cache: cache)
                throw .enomem
            }
            return old
        }
        if let covered { release(covered, at: gfn, freesRAM: true, platform) }
        noteHighest(gfn)
    }

    /// Takes shared_info out of where it is, for it to go elsewhere.
    func unplaceSharedInfo(_ platform: P) {
        let place = sharedInfoPlace.load(ordering: .relaxed)
        guard place != GFN.invalid.rawValue, unmapShared(sharedInfo, from: GFN(place), platform) else { return }
        _ = sharedInfoPlace.compareExchange(expected: place, desired: GFN.invalid.rawValue, ordering: .relaxed)
    }

    /// Takes a frame of the grant table out of where it is, for it to go elsewhere.
    func unplaceGrantFrame(_ index: UInt64, _ platform: P) {
        let isStatus = grants.pointee.version == 2 && index & MapSpace.grantTableStatus != 0
        guard let number = UInt32(exactly: isStatus ? index & ~MapSpace.grantTableStatus : index) else { return }
        let place = isStatus ? grants.pointee.place(ofStatusFrame: number) : grants.pointee.place(ofFrame: number)
        guard place != .invalid else { return }
        let entry = p2m.withLock { $0.lookup(place) }
        guard entry.type.isRAM, !platform.owns(entry.frame, self) else { return }
        guard unmapShared(entry.frame, from: place, platform) else { return }
        grants.pointee.removed(entry.frame, from: place)
    }
}
