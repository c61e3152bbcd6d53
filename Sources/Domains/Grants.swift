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
    public func share(_ frame: MFN) {}

    public func unshare(_ frame: MFN, at place: GFN) -> Bool {
        if place == .invalid { return true }
        guard domain.pointee.p2m.withLock({ $0.lookup(place) }).frame == frame else { return true }
        return (try? domain.pointee.unmap(place, platform)) != nil
    }
}

extension Domain {
    /// Maps a frame of the grant table. Throws EINVAL past its limit, EBUSY where it is mapped elsewhere, ENOMEM.
    ///
    /// Xen: XENMAPSPACE_grant_table
    public func mapGrantFrame(_ index: UInt64, at gfn: GFN, _ sharing: GrantFrames<P>) throws(XenError) {
        let frame = try grants.pointee.frame(toMap: index, at: gfn, sharing)
        do throws(XenError) {
            try map(gfn, to: frame, type: .ramReadWrite, sharing.platform)
        } catch {
            grants.pointee.removed(frame, from: gfn)
            throw error
        }
    }
}

/// For a domain that is not there yet: nothing is mapped anywhere.
public struct NoGrantFrames: GrantFrameSharing {
    public init() {}
    public func share(_ frame: MFN) {}
    public func unshare(_ frame: MFN, at place: GFN) -> Bool { true }
}
