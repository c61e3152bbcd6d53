// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

/// An event for the hypervisor, which is told after the port's lock is free again.
struct XenNotification<VCPU: BitwiseCopyable & Sendable> {
    let consumer: XenConsumer
    let vcpu: VCPU
    let port: UInt32
}

extension EventChannels {
    /// Sends an event from a port: to the other end, or for an IPI to its vCPU. Nothing happens while the port is
    /// unbound. Throws EINVAL for any other kind of port.
    ///
    /// Xen: EVTCHNOP_send
    public func send(from number: UInt32, _ sink: some EventSink<VCPU>) throws(XenError) {
        guard let entry = port(number) else { throw .einval }
        let notification = try entry.pointee.lock.withLock { (binding: inout Binding<Frames, VCPU>) throws(XenError) in
            guard binding.consumer == 0 else { throw XenError.einval }
            switch binding.kind {
            case .interdomain:
                guard let remote = binding.remote else { throw XenError.einval }
                return remote.pointee.receive(binding.detail, sink)
            case .ipi:
                deliver(number, entry, sink)
                return nil
            case .unbound:
                return nil
            case .free, .reserved, .pirq, .virq:
                throw XenError.einval
            }
        }
        if let notification {
            sink.notifyXen(consumer: notification.consumer, vcpu: notification.vcpu, port: notification.port)
        }
    }

    /// Sends from a port that the hypervisor holds. Nothing happens unless it is bound.
    ///
    /// Xen: notify_via_xen_event_channel
    public func notify(from number: UInt32, _ sink: some EventSink<VCPU>) {
        port(number)?.pointee.lock.withLock { binding in
            guard binding.kind == .interdomain, let remote = binding.remote else { return }
            _ = remote.pointee.receive(binding.detail, sink)
        }
    }

    /// Raises a virtual interrupt of a vCPU's. Nothing happens unless it is bound.
    ///
    /// Xen: send_guest_vcpu_virq
    public func raise(_ virq: VIRQ, vcpu: VCPUID, _ sink: some EventSink<VCPU>) {
        raise(virq.rawValue, table: vcpu.rawValue, sink)
    }

    /// Raises a global virtual interrupt. Nothing happens unless it is bound.
    ///
    /// Xen: send_guest_global_virq
    public func raiseGlobal(_ virq: VIRQ, _ sink: some EventSink<VCPU>) { raise(virq.rawValue, table: 0, sink) }

    private func raise(_ virq: UInt32, table: UInt32, _ sink: some EventSink<VCPU>) {
        guard virq < VIRQ.count, let vcpu = vcpus.element(table, in: frames) else { return }
        let number = vcpu.pointee.virqPorts[Int(virq)].pointee.load(ordering: .acquiring)
        guard number != 0, let entry = port(number) else { return }
        entry.pointee.lock.withLock { binding in
            // The port may have been closed, and bound to something else, since it was looked up.
            guard binding.kind == .virq && binding.detail == virq else { return }
            guard isGlobal(virq) || entry.pointee.delivery.vcpu == table else { return }
            deliver(number, entry, sink)
        }
    }

    /// Whether a raised VIRQ would reach anybody (Xen: evtchn_virq_enabled).
    public func isBound(_ virq: VIRQ, vcpu: VCPUID) -> Bool {
        let table = isGlobal(virq.rawValue) ? 0 : vcpu.rawValue
        guard let owner = vcpus.element(table, in: frames) else { return false }
        return owner.pointee.virqPorts[Int(virq.rawValue)].pointee.load(ordering: .relaxed) != 0
    }

    /// A physical interrupt of this domain's came in. Nothing happens unless it is bound.
    ///
    /// Xen: send_guest_pirq
    public func raisePIRQ(_ pirq: UInt32, _ sink: some EventSink<VCPU>) {
        guard let number = pirqs.element(pirq, in: frames)?.pointee.load(ordering: .acquiring), number != 0 else {
            return
        }
        guard let entry = port(number) else { return }
        entry.pointee.lock.withLock { binding in
            guard binding.kind == .pirq && binding.detail == pirq else { return }
            deliver(number, entry, sink)
        }
    }

    /// An event comes in at a port of this domain's. The sender holds the lock of the other end, which keeps it bound.
    @inline(__always)
    func receive(_ number: UInt32, _ sink: some EventSink<VCPU>) -> XenNotification<VCPU>? {
        guard let entry = port(number) else { return nil }
        let delivery = entry.pointee.delivery
        if delivery.isUsable {
            deliver(number, entry, sink)
            return nil
        }
        guard let consumer = XenConsumer(delivery.consumer), let vcpu = vcpus.element(delivery.vcpu, in: frames) else {
            return nil
        }
        return XenNotification(consumer: consumer, vcpu: vcpu.pointee.vcpu, port: number)
    }
}
