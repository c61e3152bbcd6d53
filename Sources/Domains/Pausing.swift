// SPDX-License-Identifier: Apache-2.0

import Base
public import Containers
import EventChannels
import Sync
import Synchronization
public import XenABI

/// Who may run. A vCPU runs while nobody has a reason against it: `VCPU.pauses` counts reasons, and the scheduler is told of the
/// first and of the last.
extension VCPU {
    /// One more reason not to run. Returns before it has stopped: `waitUntilStopped`.
    public static func pause(_ vcpu: Ref<VCPU<P>>, _ platform: P) {
        if vcpu.pointee.pauses.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue == 0 { platform.sleep(vcpu) }
    }

    /// One reason less.
    public static func unpause(_ vcpu: Ref<VCPU<P>>, _ platform: P) {
        if vcpu.pointee.pauses.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == 0 {
            platform.endSleep(vcpu)
        }
    }
}

extension Domain {
    /// A reason for which none of the vCPUs runs, until `unpause`. Waits until they have stopped; the caller is not one of them.
    ///
    /// Xen: domain_pause
    public func pause(_ platform: P) {
        pauseWithoutWaiting(platform)
        waitUntilStopped(platform)
    }

    /// As `pause`, also for a vCPU of the domain's own, which goes on until the scheduler is asked.
    ///
    /// Xen: domain_pause_nosync
    public func pauseWithoutWaiting(_ platform: P) {
        guard pauses.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue == 0 else { return }
        forEachVCPU { VCPU.pause($0, platform) }
    }

    func waitUntilStopped(_ platform: P) { forEachVCPU { platform.waitUntilStopped($0) } }

    /// Xen: domain_unpause
    public func unpause(_ platform: P) {
        guard pauses.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == 0 else { return }
        forEachVCPU { VCPU.unpause($0, platform) }
    }

    /// The toolstack pauses the domain. Throws EOVERFLOW past 255 times.
    ///
    /// Xen: domain_pause_by_systemcontroller
    public func pauseByToolstack(_ platform: P) throws(XenError) {
        guard toolstackPauses.load(ordering: .relaxed) < 255 else { throw .eoverflow }
        toolstackPauses.wrappingAdd(1, ordering: .relaxed)
        pause(platform)
    }

    /// Throws EINVAL where the toolstack has not paused it.
    ///
    /// Xen: domain_unpause_by_systemcontroller
    public func unpauseByToolstack(_ platform: P) throws(XenError) {
        guard toolstackPauses.load(ordering: .relaxed) > 0 else { throw .einval }
        toolstackPauses.wrappingSubtract(1, ordering: .relaxed)
        unpause(platform)
    }

    public var isPausedByToolstack: Bool { toolstackPauses.load(ordering: .relaxed) > 0 }

    /// The domain shuts down: its vCPUs stop, and the toolstack hears of it. The first reason stands. Not for the hardware domain,
    /// whose end is the machine's.
    ///
    /// Xen: domain_shutdown
    public func shutDown(_ reason: UInt32, _ platform: P) {
        _ = shutdownCode.compareExchange(expected: .max, desired: reason & 0xFF, ordering: .acquiringAndReleasing)
        let code = shutdownCode.load(ordering: .acquiring)
        guard shutdown.compareExchange(expected: 0, desired: code + 1, ordering: .acquiringAndReleasing).exchanged else {
            return
        }
        pauseWithoutWaiting(platform)
        platform.domain(.dom0)?.pointee.events.pointee.raiseGlobal(.domainException, PlatformEvents(platform))
    }

    /// Ends a shutdown: the vCPUs go on where they stopped. Nothing happens where there is none.
    ///
    /// Xen: domain_resume
    public func resume(_ platform: P) {
        shutdownCode.store(.max, ordering: .relaxed)
        ranOutOfMemory.store(false, ordering: .relaxed)
        if shutdown.exchange(0, ordering: .acquiringAndReleasing) != 0 { unpause(platform) }
    }

    public var isShutDown: Bool { shutdown.load(ordering: .acquiring) != 0 }
}
