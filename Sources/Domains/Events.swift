// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
public import EventChannels
import Machine
import P2M
import Sync
public import XenABI

/// Where events go: the vCPUs of this machine.
public struct PlatformEvents<P: Platform>: EventSink {
    let platform: P
    public init(_ platform: P) { self.platform = platform }

    public func raiseUpcall(_ vcpu: Ref<VCPU<P>>) { platform.raiseUpcall(vcpu) }
    public func unblock(_ vcpu: Ref<VCPU<P>>) { platform.wake(vcpu) }
    /// Nothing in the hypervisor holds ports yet.
    public func notifyXen(consumer: XenConsumer, vcpu: Ref<VCPU<P>>, port: UInt32) {}
    /// No domain has PIRQs yet.
    public func routePIRQ(_ pirq: UInt32, to vcpu: Ref<VCPU<P>>) {}

    public func eventLost(_ vcpu: Ref<VCPU<P>>, port: UInt32, _ reason: LostEvent) {
        let domain = vcpu.pointee.domain.pointee.id.rawValue
        let id = vcpu.pointee.id.rawValue
        switch reason {
        case .contention: platform.log.debug("d\(domain)v\(id): event at port \(port) lost, its word never rests")
        case .noControlBlock: platform.log.debug("d\(domain)v\(id) has no FIFO event channel control block")
        case .queueChanges: platform.log.debug("d\(domain) port \(port) lost event (too many queue changes)")
        }
    }
}

extension Domain {
    /// The guest's words have so many bits: it asks for something that its drivers begin with.
    ///
    /// Xen: hvm_latch_shinfo_size
    public func latchWords(of bits: UInt32, _ platform: P) {
        let old = events.pointee.layout.wordBits
        events.pointee.latchWords(of: bits)
        if events.pointee.layout.wordBits != old { platform.publishWallclock(to: self) }
    }
}

/// A domain's RAM, for the event words that the guest chose the place of.
public struct EventFrames<P: Platform>: GuestFrameMapper {
    let domain: Ref<Domain<P>>
    let platform: P

    public init(_ domain: Ref<Domain<P>>, _ platform: P) {
        self.domain = domain
        self.platform = platform
    }

    public func pin(_ gfn: GFN) throws(XenError) -> MFN {
        guard let frame = domain.pointee.hold(gfn, write: true, platform, where: { $0 == .ramReadWrite }) else {
            throw .einval
        }
        return frame
    }

    public func unpin(_ frame: MFN) { platform.drop(frame) }
}
