// SPDX-License-Identifier: Apache-2.0

public import Base
public import XenABI

/// Where the effects of an event go. The target may belong to another domain than the caller's.
///
/// All but `notifyXen` are called with a port's lock held (rank `eventChannel`): a conformer takes only locks that come
/// later, and calls nothing of `EventChannels`.
public protocol EventSink<VCPU> {
    /// How the caller of `EventChannels.addVCPU` names a vCPU.
    associatedtype VCPU: BitwiseCopyable & Sendable

    /// The vCPU's evtchn_upcall_pending has just been set: interrupt it (Xen: vcpu_mark_events_pending).
    func raiseUpcall(_ vcpu: VCPU)
    /// The vCPU was blocked in SCHEDOP_poll and need not be any more (Xen: vcpu_unblock).
    func unblock(_ vcpu: VCPU)
    /// An event for a port that the hypervisor itself holds. Called with no lock held.
    func notifyXen(consumer: XenConsumer, vcpu: VCPU, port: UInt32)
    /// The PIRQ is to interrupt the processor that this vCPU runs on.
    func routePIRQ(_ pirq: UInt32, to vcpu: VCPU)
    /// An event was dropped because the guest does not keep to the interface. Only the guest is hurt.
    func eventLost(_ vcpu: VCPU, port: UInt32, _ reason: LostEvent)
}

/// Why an event was dropped.
public enum LostEvent: Sendable {
    /// The guest wrote to an event word without a pause.
    case contention
    /// FIFO: the vCPU has no control block.
    case noControlBlock
    /// FIFO: the queue of the port changed under every attempt.
    case queueChanges
}

/// Who in the hypervisor takes the events of a port: a number that its owner chooses, not 0.
@frozen public struct XenConsumer: Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt8
    /// Nil for 0, which means a guest.
    @inlinable public init?(_ rawValue: UInt8) {
        if rawValue == 0 { return nil }
        self.rawValue = rawValue
    }
}

/// Gives access to one domain's frames: the event words that the guest chose the place of.
public protocol GuestFrameMapper {
    /// The machine frame behind writable guest RAM, which stays where it is until `unpin`. Throws EINVAL where `gfn`
    /// is not that, ENOMEM.
    func pin(_ gfn: GFN) throws(XenError) -> MFN
    func unpin(_ frame: MFN)
}
