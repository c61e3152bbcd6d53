// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
import EventChannels
import GrantTables
import Machine
import P2M
import Sync
import Synchronization
public import XenABI

/// How much of a grant table a domain may have.
public struct GrantLimits: BitwiseCopyable, Sendable {
    public let frames, maptrackFrames, version: UInt32

    public init(frames: UInt32, maptrackFrames: UInt32, version: UInt32) {
        self.frames = frames
        self.maptrackFrames = maptrackFrames
        self.version = version
    }
}

// What was made before a failure is taken back.
extension Domain {
    /// Makes a domain that is found from now on, paused by the toolstack, with no vCPU and no memory. `config` is complete and
    /// within what the machine can. Throws ENOMEM, EINVAL, and what the machine has against it.
    ///
    /// Xen: domain_create
    public static func create(
        _ id: DomainID, _ config: CreateDomain<P.ArchConfig>, grants limits: GrantLimits, _ platform: P
    ) throws(XenError) -> Ref<Domain<P>> {
        let frames = platform.frames
        try platform.directory.pointee.reserve(id, in: frames)
        guard let slot = FrameSlot<Domain<P>>(frames) else { throw .enomem }
        let frame = slot.frame
        let value: Domain<P>
        do throws(XenError) {
            value = try make(id, config, limits, platform)
        } catch {
            slot.giveBack(to: frames)
            throw error
        }
        let domain = slot.fill(value)
        domain.pointee.ownFrame.store(frame.rawValue, ordering: .relaxed)
        domain.pointee.toolstackPauses.store(1, ordering: .relaxed)
        domain.pointee.pauses.store(1, ordering: .relaxed)
        do throws(XenError) {
            while try !domain.pointee.setPagingPool(platform.firstPagingPool << pageShift, mayKeep: false, platform) {}
            try platform.furnish(domain)
        } catch {
            free(domain, platform)
            throw error
        }
        platform.directory.pointee.insert(domain, in: frames)
        return domain
    }

    /// The domain's parts, from the shared_info page up.
    private static func make(
        _ id: DomainID, _ config: CreateDomain<P.ArchConfig>, _ limits: GrantLimits, _ platform: P
    ) throws(XenError) -> Domain<P> {
        guard let info = platform.frames.allocate() else { throw .enomem }
        platform.share(info, with: id)
        do throws(XenError) {
            return try make(id, config, limits, info: info, platform)
        } catch {
            platform.giveUp(info, count: 1)
            throw error
        }
    }

    private static func make(
        _ id: DomainID, _ config: CreateDomain<P.ArchConfig>, _ limits: GrantLimits, info: MFN, _ platform: P
    ) throws(XenError) -> Domain<P> {
        let (frames, format) = (platform.frames, try platform.stage2Format())
        guard let root = frames.allocate(order: format.rootOrder, node: nil) else { throw .enomem }
        let extra: P.DomainExtra
        do throws(XenError) {
            extra = try platform.makeExtra(id, config, root: root)
        } catch {
            frames.free(root, order: format.rootOrder)
            throw error
        }
        let events: FrameBox<EventChannels<P.Frames, Ref<VCPU<P>>>>
        do throws(XenError) {
            events = try EventChannels.create(
                domain: id, frames: frames, layout: platform.sharedInfoLayout, sharedInfo: info.address,
                lastPort: config.maximumPort)
        } catch {
            frames.free(root, order: format.rootOrder)
            throw error
        }
        let grants: FrameBox<GrantTable<P.Frames>>
        do throws(XenError) {
            grants = try GrantTable.create(
                domain: id, frames: frames, maximumFrames: limits.frames, maximumMaptrackFrames: limits.maptrackFrames,
                maximumVersion: limits.version, NewGrantFrames(id, platform))
        } catch {
            EventChannels.destroy(events)
            frames.free(root, order: format.rootOrder)
            throw error
        }
        // Nothing fails from here on. (Swift 6.3 cannot take a table back on the ways of errors.)
        let table = PageTable(format: format, frames: frames, root: root)
        return Domain(
            id: id, isPrivileged: false, isDirectMapped: false, p2m: table, sharedInfo: info, maximumPages: 0,
            vcpuLimit: Int(config.maximumVCPUs), flags: config.flags, handle: config.handle, events: events,
            grants: grants, extra: extra)
    }

    /// Adds the vCPU with the next number, down. Throws ENOMEM.
    ///
    /// Xen: vcpu_create
    public static func addVCPU(to domain: Ref<Domain<P>>, _ platform: P) throws(XenError) {
        let frames = platform.frames
        guard let slot = FrameSlot<VCPU<P>>(frames) else { throw .enomem }
        let frame = slot.frame
        let id = VCPUID(UInt32(domain.pointee.vcpuCount))
        let extra: P.VCPUExtra
        do throws(XenError) {
            extra = try platform.makeVCPUExtra(id, of: domain)
        } catch {
            slot.giveBack(to: frames)
            throw error
        }
        guard let unit = platform.takeUnit() else {
            slot.giveBack(to: frames)
            throw .enomem
        }
        let vcpu = slot.fill(VCPU(id: id, domain: domain, unit: unit, isUp: false, extra: extra, now: platform.now()))
        vcpu.pointee.ownFrame.store(frame.rawValue, ordering: .relaxed)
        // The domain is paused while vCPUs are added.
        vcpu.pointee.pauses.store(1, ordering: .relaxed)
        do throws(XenError) {
            try domain.pointee.add(vcpu)
        } catch {
            platform.giveBackUnit(unit)
            _ = FrameBox(kept: vcpu, in: frame).take(freeing: frames)
            throw error
        }
        platform.admit(vcpu)
    }
}
