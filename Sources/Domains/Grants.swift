// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import GrantTables
import Machine
import P2M
import Sync
public import XenABI

/// Shows a domain the frames of its grant table.
public struct GrantFrames<P: Platform>: GrantFrameSharing {
    let domain: Ref<Domain<P>>
    let platform: P

    public init(_ domain: Ref<Domain<P>>, _ platform: P) {
        self.domain = domain
        self.platform = platform
    }

    /// The frame stays the hypervisor's; only `map` puts it into the domain's memory.
    public func share(_ frame: MFN) { platform.share(frame, with: domain.pointee.id) }
    public func retire(_ frame: MFN) { platform.giveUp(frame, count: 1) }

    public func unshare(_ frame: MFN, at place: GFN) -> Bool {
        place == .invalid || domain.pointee.unmapShared(frame, from: place, platform)
    }
}

extension Domain {
    /// Maps a frame of the grant table. Throws EINVAL past its limit, ENOMEM, EBUSY where it is mapped elsewhere and does not
    /// move.
    ///
    /// Xen: XENMAPSPACE_grant_table
    public func mapGrantFrame(_ index: UInt64, at gfn: GFN, _ sharing: GrantFrames<P>) throws(XenError) {
        let platform = sharing.platform
        let moves = platform.memoryFeatures.contains(.moves)
        if moves { unplaceGrantFrame(index, platform) }
        let frame = try grants.pointee.frame(toMap: index, at: gfn, sharing)
        // From here on another vCPU can change the version, which takes status frames back.
        guard platform.holdShared(frame, of: self) else { throw .einval }
        defer { platform.drop(frame) }
        do throws(XenError) {
            try map(gfn, to: frame, type: .ramReadWrite, freesRAM: moves, platform)
        } catch {
            grants.pointee.removed(frame, from: gfn)
            throw error
        }
        // What was taken back before it was mapped nobody else takes out of the guest's memory.
        guard grants.pointee.isPlaced(index, frame, at: gfn) else {
            _ = unmapShared(frame, from: gfn, platform)
            throw .einval
        }
    }
}

/// For a domain that is not there yet, or not any more: nothing is mapped anywhere.
public struct NewGrantFrames<P: Platform>: GrantFrameSharing {
    let domain: DomainID
    let platform: P

    public init(_ domain: DomainID, _ platform: P) {
        self.domain = domain
        self.platform = platform
    }

    public func share(_ frame: MFN) { platform.share(frame, with: domain) }
    public func retire(_ frame: MFN) { platform.giveUp(frame, count: 1) }
    public func unshare(_ frame: MFN, at place: GFN) -> Bool { true }
}

/// A domain's memory as its grants give it away.
public struct DomainPages<P: Platform>: GrantedPages {
    let domain: Ref<Domain<P>>
    let platform: P

    public init(_ domain: Ref<Domain<P>>, _ platform: P) {
        self.domain = domain
        self.platform = platform
    }

    /// RAM of the domain's own: no foreign frame, no grant of another's, no device.
    public func take(_ gfn: GFN, writable: Bool) throws(GrantStatus) -> MFN {
        let frame = domain.pointee.hold(gfn, write: writable, platform) { $0 == .ramReadWrite || !writable && $0.isRAM }
        guard let frame else { throw .badPage }
        return frame
    }

    public func give(_ frame: MFN) { platform.drop(frame) }
}

/// A domain's memory as others' grants appear in it.
public struct DomainMappings<P: Platform>: GrantMapper {
    let domain: Ref<Domain<P>>
    let platform: P

    public init(_ domain: Ref<Domain<P>>, _ platform: P) {
        self.domain = domain
        self.platform = platform
    }

    public func map(_ frame: MFN, at gfn: GFN, writable: Bool) throws(GrantStatus) {
        do throws(XenError) {
            try domain.pointee.map(gfn, to: frame, type: writable ? .grantReadWrite : .grantReadOnly, platform)
        } catch {
            throw .generalError
        }
    }

    public func unmap(_ frame: MFN, from gfn: GFN) throws(GrantStatus) {
        guard domain.pointee.unmapGrant(frame, from: gfn, platform) else { throw .generalError }
    }

    public func flush(_ places: borrowing Span<GFN>) {
        if !places.isEmpty { platform.cache(of: domain.pointee).invalidate(each: places) }
    }
}

/// All domains' grant tables.
public struct PlatformGrants<P: Platform>: GrantDirectory {
    let platform: P
    public init(_ platform: P) { self.platform = platform }

    public func grants(of domain: DomainID) -> (table: Ref<GrantTable<P.Frames>>, pages: DomainPages<P>)? {
        guard let found = platform.domain(domain) else { return nil }
        return (found.pointee.grants, DomainPages(found, platform))
    }
}
