// SPDX-License-Identifier: Apache-2.0

import Base
public import Containers
import EventChannels
import GrantTables
import Machine
import P2M
import Sync
import Synchronization
import XenABI

/// How far a domain's life is.
public enum LifeStage: UInt8, Sendable {
    case alive
    /// It is being taken apart: nothing new is given to it.
    case dying
    /// It has nothing any more. Others may still hold frames that were its own; the last to let go buries it.
    case dead
    /// Its number can be another's.
    case buried
}

/// How far a domain is taken apart.
struct Teardown: BitwiseCopyable {
    var step = TeardownStep.stop
    /// The grace period that has to pass before the next step.
    var grace: UInt64 = 0
    /// Where the step goes on.
    var handle: UInt32 = 0
    var place: UInt64 = 0
}

/// The parts of taking a domain apart, in their order.
enum TeardownStep: UInt8 {
    case stop, settle, mappings, ports, memory, strays, tables, end
}

extension Domain {
    public var lifeStage: LifeStage { LifeStage(rawValue: stage.load(ordering: .acquiring)) ?? .buried }

    /// Whether it may still get anything.
    @inline(__always) public var isAlive: Bool { stage.load(ordering: .acquiring) == LifeStage.alive.rawValue }

    /// Takes a domain apart, in parts: true means that it is dead, false that the caller is to come again. One caller at a time,
    /// and none of the domain's own.
    ///
    /// Xen: domain_kill
    public static func kill(_ domain: Ref<Domain<P>>, _ platform: P) -> Bool {
        guard domain.pointee.lifeStage < .dead else { return true }
        var progress = domain.pointee.teardown.withLock { $0 }
        while progress.step != .end, step(&progress, of: domain, platform) {}
        // Written back before anybody can take it for dead: from then on the grace period is its undertaker's to say.
        domain.pointee.teardown.withLock { $0 = progress }
        guard progress.step == .end else { return false }
        // In one order with `heldFrames`: either we see that the last holder has let go, or he sees that it is dead.
        domain.pointee.stage.store(LifeStage.dead.rawValue, ordering: .sequentiallyConsistent)
        platform.domain(.dom0)?.pointee.events.pointee.raiseGlobal(.domainException, PlatformEvents(platform))
        retire(domain, platform)
        return true
    }

    /// One step. True: it is done, and `progress` names the next.
    private static func step(_ progress: inout Teardown, of domain: Ref<Domain<P>>, _ platform: P) -> Bool {
        switch progress.step {
        case .stop:
            domain.pointee.pause(platform)
            domain.pointee.stage.store(LifeStage.dying.rawValue, ordering: .sequentiallyConsistent)
            try? domain.pointee.setClaim(0, platform)
            progress.grace = platform.beginGrace()
            progress.step = .settle
        case .settle:
            // Who saw it alive has done with it.
            guard platform.graceHasPassed(progress.grace) else { return false }
            progress.step = .mappings
        case .mappings:
            let grants = domain.pointee.grants
            guard
                grants.pointee.releaseMappings(
                    PlatformGrants(platform), from: &progress.handle, mustYield: { platform.shouldPreempt })
            else { return false }
            progress.step = .ports
        case .ports:
            let mapper = EventFrames(domain, platform)
            guard domain.pointee.events.pointee.close(mapper, mustYield: { platform.shouldPreempt }) else { return false }
            progress.step = .memory
        case .memory:
            guard domain.pointee.emptyOnDemandCache(platform) else { return false }
            guard domain.pointee.surrenderMapped(from: &progress.place, platform) else { return false }
            progress.place = 0
            progress.step = .strays
        case .strays:
            guard domain.pointee.surrenderStrays(from: &progress.place, platform) else { return false }
            progress.place = 0
            progress.step = .tables
        case .tables:
            guard domain.pointee.giveBackTables(from: &progress.place, platform) else { return false }
            progress.step = .end
        case .end: break
        }
        return true
    }

    // MARK: Memory

    /// Gives up all RAM that has a place, and lets go of others' frames. True: all is done.
    private func surrenderMapped(from place: inout UInt64, _ platform: P) -> Bool {
        let end = highestGFN.load(ordering: .relaxed) &+ 1
        while place < end {
            place = surrender(GFN(place), platform)
            if place < end && platform.shouldPreempt { return false }
        }
        return true
    }

    /// What one entry maps, at most 512 frames of it. Returns the place to go on at.
    private func surrender(_ gfn: GFN, _ platform: P) -> UInt64 {
        let cache = platform.cache(of: self)
        let (next, foreign) = p2m.withLock { table -> (UInt64, MFN?) in
            let entry = table.lookup(gfn)
            let size: UInt64 = 1 << UInt64(entry.order)
            let next = (gfn.rawValue | (size - 1)) &+ 1
            switch entry.type {
            case .foreign, .foreignReadOnly:
                // One frame each, so that nothing has to be split.
                let old = table.replace(gfn, with: .invalid, type: .invalid, cache: cache)
                return (next, old?.frame)
            case let type where type.isRAM:
                let part = min(next, gfn.rawValue &+ 512)
                for offset in 0..<part - gfn.rawValue { giveUpIfOwn(entry.frame + offset, platform) }
                return (part, nil)
            default: return (next, nil)
            }
        }
        if let foreign { platform.drop(foreign) }
        return next
    }

    private func giveUpIfOwn(_ frame: MFN, _ platform: P) {
        if platform.owns(frame, self) { giveBack(frame, platform) }
    }

    /// Gives up RAM that has no place. True: all is done.
    private func surrenderStrays(from place: inout UInt64, _ platform: P) -> Bool {
        while totalPages.load(ordering: .relaxed) > 0 {
            switch platform.strayFrame(of: self, from: &place) {
            case .found(let frame): giveUpIfOwn(frame, platform)
            case .noneYet: break
            case .none: return true
            }
            if platform.shouldPreempt { return false }
        }
        return true
    }

    // MARK: Frames that others hold

    /// A frame of its RAM that it has given up is held by somebody.
    public func frameHeld() { heldFrames.wrappingAdd(1, ordering: .sequentiallyConsistent) }

    /// The last who held such a frame has let go of it.
    public static func frameReturned(to domain: Ref<Domain<P>>, _ platform: P) {
        domain.pointee.heldFrames.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        guard domain.pointee.stage.load(ordering: .sequentiallyConsistent) == LifeStage.dead.rawValue else { return }
        retire(domain, platform)
    }

    /// Frames of its own, those among them that only others hold.
    public var ownedPages: UInt64 {
        totalPages.load(ordering: .relaxed) &+ UInt64(max(0, heldFrames.load(ordering: .relaxed)))
    }
}

extension LifeStage: Comparable {
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
