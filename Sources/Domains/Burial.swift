// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import EventChannels
import GrantTables
import Machine
import P2M
import Sync
import Synchronization
import XenABI

// A dead domain is found no more, then every pCPU leaves what it was doing, then its memory is freed.
extension Domain {
    /// A dead domain of which nobody holds a frame leaves the directory: for one caller only, who says which grace period its
    /// memory has to wait for. Nobody else writes that any more.
    static func retire(_ domain: Ref<Domain<P>>, _ platform: P) {
        guard domain.pointee.heldFrames.load(ordering: .sequentiallyConsistent) == 0 else { return }
        let (dead, buried) = (LifeStage.dead.rawValue, LifeStage.buried.rawValue)
        guard
            domain.pointee.stage.compareExchange(expected: dead, desired: buried, ordering: .acquiringAndReleasing)
                .exchanged
        else { return }
        platform.directory.pointee.remove(domain, in: platform.frames)
        domain.pointee.forEachVCPU { platform.dismiss($0) }
        let grace = platform.beginGrace()
        domain.pointee.teardown.withLock { $0.grace = grace }
        platform.directory.pointee.addCorpse(domain)
    }

    /// Frees all that is left of a domain, its own frames last. Nobody refers to it any more.
    static func free(_ domain: Ref<Domain<P>>, _ platform: P) {
        let frames = platform.frames
        domain.pointee.forEachVCPU { vcpu in
            let frame = MFN(vcpu.pointee.ownFrame.load(ordering: .relaxed))
            _ = FrameBox(kept: vcpu, in: frame).take(freeing: frames)
        }
        let frame = MFN(domain.pointee.ownFrame.load(ordering: .relaxed))
        FrameBox(kept: domain, in: frame).take(freeing: frames).dissolve(platform)
    }

    private consuming func dissolve(_ platform: P) {
        let id = id
        let info = sharedInfo
        platform.forgetTranslations(of: self)
        setMemoryMap(GuestMemoryMap(), platform)
        setVirtualNUMA(nil, platform)
        p2m.withLock { $0.destroy() }
        EventChannels.destroy(eventBox)
        GrantTable.destroy(grantBox, NewGrantFrames(id, platform))
        platform.giveUp(info, count: 1)
    }
}
