// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import Machine
import Memory
import Sync
import Synchronization
import XenABI

/// Making, showing and ending domains.
extension Call {
    /// Xen: XEN_DOMCTL_createdomain. What the hypervisor filled in of the configuration goes back, with the domain's number.
    func createDomain(_ header: DomctlHeader) throws(XenError) -> Outcome {
        var config = try payload(CreateDomain<P.ArchConfig>.self)
        let id = try platform.directory.pointee.freeNumber(wanted: header.domain, in: platform.frames)
        try checkGeneral(config)
        try platform.complete(&config)
        guard config.maximumVCPUs <= UInt32(Domain<P>.maximumVCPUs) else { throw .einval }
        // There is one pool.
        guard config.cpuPool == 0 else { throw .esrch }
        _ = try Domain.create(id, config, grants: grantLimits(config), platform)
        var header = header
        header.domain = id.rawValue
        try platform.guest.write(header, at: handle(0))
        try writePayload(config)
        return .success
    }

    /// Xen: sanitise_domain_config
    private func checkGeneral(_ config: CreateDomain<P.ArchConfig>) throws(XenError) {
        let known: UInt32 =
            CreateFlag.hvm | CreateFlag.hap | CreateFlag.s3Integrity | CreateFlag.oosOff | CreateFlag.xenstoreDomain
            | CreateFlag.iommu | CreateFlag.nestedVirt | CreateFlag.vpmu
        guard config.flags & ~known == 0, config.grantOptions & ~CreateFlag.grantVersionMask == 0, config.maximumVCPUs >= 1,
            config.flags & CreateFlag.hap == 0 || config.flags & CreateFlag.hvm != 0
        else { throw .einval }
        // There is no IOMMU, no trace buffer and no virtual performance monitor to be had.
        guard config.flags & (CreateFlag.iommu | CreateFlag.vpmu) == 0, config.iommuOptions == 0, config.vmtraceSize == 0
        else { throw .einval }
    }

    /// Xen: grant_table_init, its checks. Negative: as many as there may be.
    private func grantLimits(_ config: CreateDomain<P.ArchConfig>) throws(XenError) -> GrantLimits {
        let most = platform.grantLimits
        let version = config.grantOptions & CreateFlag.grantVersionMask
        let frames = config.maximumGrantFrames < 0 ? most.frames : UInt32(config.maximumGrantFrames)
        let maptrack = config.maximumMaptrackFrames < 0 ? most.maptrackFrames : UInt32(config.maximumMaptrackFrames)
        guard version >= 1, version <= most.version, frames >= 1, frames <= most.frames, maptrack <= most.maptrackFrames
        else { throw .einval }
        return GrantLimits(frames: frames, maptrackFrames: maptrack, version: version)
    }

    /// Xen: XEN_DOMCTL_destroydomain
    func destroyDomain(_ target: Ref<Domain<P>>) throws(XenError) -> Outcome {
        guard target != domain, target.pointee.id != .dom0 else { throw .einval }
        return Domain.kill(target, platform) ? .success : .again(first: arguments[0])
    }

    /// Xen: XEN_DOMCTL_max_vcpus. Those that there are already stay.
    func makeVCPUs(_ target: Ref<Domain<P>>) throws(XenError) {
        let argument = try payload(DomctlMaxVCPUs.self)
        guard target != domain, Int(argument.maximum) == target.pointee.vcpuLimit else { throw .einval }
        target.pointee.pause(platform)
        defer { target.pointee.unpause(platform) }
        while target.pointee.vcpuCount < target.pointee.vcpuLimit { try Domain.addVCPU(to: target, platform) }
    }

    /// Xen: XEN_DOMCTL_getdomaininfo. Of the domain, or of the one with the next number.
    func getDomainInfo(_ header: DomctlHeader) throws(XenError) -> Outcome {
        var found = platform.domain(DomainID(header.domain))
        if found == nil {
            guard header.domain < ReservedDomain.first else { throw .einval }
            found = platform.directory.pointee.firstDomain(from: DomainID(header.domain), in: platform.frames)
        }
        guard let target = found else { throw .esrch }
        guard domain.pointee.isPrivileged else { throw .eperm }
        var header = header
        header.domain = target.pointee.id.rawValue
        try platform.guest.write(header, at: handle(0))
        try writePayload(information(of: target.pointee))
        return .success
    }

    /// Xen: getdomaininfo
    private func information(of target: borrowing Domain<P>) -> DomainInfo<P.ArchConfig> {
        var info = DomainInfo<P.ArchConfig>()
        info.domain = target.id.rawValue
        info.maximumVCPUID = DomainInfoFlag.noVCPU
        let now = platform.now()
        var flags = DomainInfoFlag.blocked
        target.forEachVCPU { vcpu in
            let standing = platform.standing(of: vcpu)
            info.cpuTime &+= vcpu.pointee.cpuTime(now: now)
            info.maximumVCPUID = vcpu.pointee.id.rawValue
            guard vcpu.pointee.isUp.load(ordering: .relaxed) else { return }
            if !standing.isBlocked { flags &= ~DomainInfoFlag.blocked }
            if standing.isRunning { flags |= DomainInfoFlag.running }
            info.onlineVCPUs += 1
        }
        if info.onlineVCPUs == 0 { flags = 0 }
        if target.lifeStage >= .dead { flags |= DomainInfoFlag.dying }
        if target.isShutDown { flags |= DomainInfoFlag.shutdown }
        if target.isPausedByToolstack { flags |= DomainInfoFlag.paused }
        if target.flags & CreateFlag.xenstoreDomain != 0 { flags |= DomainInfoFlag.xenstoreDomain }
        // All domains are of the one kind.
        flags |= DomainInfoFlag.hvmGuest | DomainInfoFlag.hap
        // Nothing said is all ones, which the shift cuts to the eight bits above.
        flags |= target.shutdownCode.load(ordering: .relaxed) << DomainInfoFlag.shutdownShift
        info.flags = flags
        info.totalPages = target.ownedPages
        info.maximumPages = target.maximumPages.load(ordering: .relaxed)
        info.outstandingPages = target.claim.load(ordering: .relaxed)
        info.sharedInfoFrame = target.sharedInfoPlace.load(ordering: .relaxed)
        info.handle = target.handle.withLock { $0 }
        info.addressBits = platform.addressBits
        info.arch = platform.archConfig(of: target)
        return info
    }
}
