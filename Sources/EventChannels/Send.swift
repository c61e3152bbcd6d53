// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

/// What sending an event came to.
enum Sent {
    case delivered
    /// The port cannot send.
    case refused
    /// The other end is the hypervisor's own, which is to be told after the port's lock is free again.
    case forXen
}

extension EventChannels {
    /// Sends an event from a port: to the other end, or for an IPI to its vCPU. Nothing happens while the port is
    /// unbound. Throws EINVAL for any other kind of port.
    ///
    /// Xen: EVTCHNOP_send
    @inline(__always)
    public func send(from number: UInt32, _ sink: some EventSink<VCPU>) throws(XenError) {
        guard let entry = port(number) else { throw .einval }
        switch entry.pointee.lock.withLock({ binding in sendLocked(number, entry, &binding, sink) }) {
        case .delivered: return
        case .refused: throw .einval
        case .forXen: notifyXen(from: entry, sink)
        }
    }

    /// With the port's lock held.
    @inline(__always)
    private func sendLocked(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ binding: inout Binding<Frames, VCPU>,
        _ sink: some EventSink<VCPU>
    ) -> Sent {
        guard binding.consumer == 0 else { return .refused }
        switch binding.kind {
        case .interdomain:
            guard let remote = binding.remote, let far = remote.pointee.port(binding.detail) else { return .refused }
            return remote.pointee.deliver(binding.detail, far, sink)
        case .ipi: return deliver(number, entry, sink)
        case .unbound: return .delivered
        case .free, .reserved, .pirq, .virq: return .refused
        }
    }

    /// Tells the hypervisor itself, if the other end is its own still, with no lock held.
    @inline(never)
    private func notifyXen(from entry: Ref<Port<Frames, VCPU>>, _ sink: some EventSink<VCPU>) {
        let target = entry.pointee.lock.withLock { binding -> (XenConsumer, VCPU, UInt32)? in
            guard let remote = binding.remote, let far = remote.pointee.port(binding.detail) else { return nil }
            let delivery = far.pointee.delivery
            guard let consumer = XenConsumer(delivery.consumer) else { return nil }
            guard let vcpu = remote.pointee.vcpus.element(delivery.vcpu, in: frames) else { return nil }
            return (consumer, vcpu.pointee.vcpu, binding.detail)
        }
        if let (consumer, vcpu, port) = target { sink.notifyXen(consumer: consumer, vcpu: vcpu, port: port) }
    }

    /// Sends from a port that the hypervisor holds. Nothing happens unless it is bound.
    ///
    /// Xen: notify_via_xen_event_channel
    public func notify(from number: UInt32, _ sink: some EventSink<VCPU>) {
        port(number)?.pointee.lock.withLock { binding in
            guard binding.kind == .interdomain, let remote = binding.remote else { return }
            guard let far = remote.pointee.port(binding.detail) else { return }
            _ = remote.pointee.deliver(binding.detail, far, sink)
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
        let number = vcpu.pointee.virqPorts[Int(virq)].load(ordering: .acquiring)
        guard number != 0, let entry = port(number) else { return }
        entry.pointee.lock.withLock { binding in
            // The port may have been closed, and bound to something else, since it was looked up.
            guard binding.kind == .virq && binding.detail == virq else { return }
            guard isGlobal(virq) || entry.pointee.delivery.vcpu == table else { return }
            _ = deliver(number, entry, sink)
        }
    }

    /// Whether a raised VIRQ would reach anybody (Xen: evtchn_virq_enabled).
    public func isBound(_ virq: VIRQ, vcpu: VCPUID) -> Bool {
        let table = isGlobal(virq.rawValue) ? 0 : vcpu.rawValue
        guard let owner = vcpus.element(table, in: frames) else { return false }
        return owner.pointee.virqPorts[Int(virq.rawValue)].load(ordering: .relaxed) != 0
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
            _ = deliver(number, entry, sink)
        }
    }
}
