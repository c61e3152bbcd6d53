// SPDX-License-Identifier: Apache-2.0

public import Base
public import Containers
import Machine
import Sync
import Synchronization
public import XenABI

extension EventChannels {
    /// Binds a free port, with the domain's lock held, and with `remote` the lock of that one's port. Everything was checked: this
    /// cannot fail.
    func commit(
        _ number: UInt32, _ state: inout Administration, kind: Kind, vcpu: UInt32 = 0, detail: UInt32 = 0,
        consumer: UInt8 = 0, remote: Ref<Self>? = nil
    ) {
        guard let entry = port(number) else { return }
        mark(number, free: false, &state)
        state.active += 1
        if consumer != 0 { state.heldByXen += 1 }
        func fill(_ binding: inout Binding<Frames, VCPU>) {
            binding.kind = kind
            binding.detail = detail
            binding.consumer = consumer
            binding.remote = remote
            entry.pointee.updateDelivery {
                $0.vcpu = vcpu
                $0.priority = EventFIFO.defaultPriority
                $0.consumer = consumer
                $0.isUsable = consumer == 0
            }
        }
        if remote == nil { entry.pointee.lock.withLock(fill) } else { entry.pointee.lock.withSecondLock(fill) }
    }

    /// A new port that `remote` may bind. Returns it. Throws EINVAL, ENOSPC, ENOMEM.
    ///
    /// Xen: EVTCHNOP_alloc_unbound
    public func allocateUnbound(for remote: DomainID) throws(XenError) -> UInt32 {
        try administration.withLock { (state: inout Administration) throws(XenError) in
            let number = try lowestFreePort(&state)
            commit(number, &state, kind: .unbound, detail: UInt32(remote.rawValue))
            return number
        }
    }

    /// A new port that `remote` may bind, and whose events the hypervisor takes. Throws as `allocateUnbound`, and
    /// ENOENT.
    ///
    /// Xen: alloc_unbound_xen_event_channel
    public func allocateUnbound(
        for remote: DomainID, vcpu: VCPUID, consumer: XenConsumer
    ) throws(XenError) -> UInt32 {
        _ = try existingVCPU(vcpu.rawValue)
        return try administration.withLock { (state: inout Administration) throws(XenError) in
            let number = try lowestFreePort(&state)
            commit(
                number, &state, kind: .unbound, vcpu: vcpu.rawValue, detail: UInt32(remote.rawValue),
                consumer: consumer.rawValue)
            return number
        }
    }

    /// A new port of this vCPU's. Throws ENOENT, EINVAL, ENOSPC, ENOMEM.
    ///
    /// Xen: EVTCHNOP_bind_ipi
    public func bindIPI(vcpu: UInt32) throws(XenError) -> UInt32 {
        _ = try existingVCPU(vcpu)
        return try administration.withLock { (state: inout Administration) throws(XenError) in
            let number = try lowestFreePort(&state)
            commit(number, &state, kind: .ipi, vcpu: vcpu)
            return number
        }
    }

    /// A new port for a virtual interrupt. Throws EINVAL for a VIRQ that there is not or a global one of another vCPU
    /// than 0, ENOENT for the vCPU, EEXIST where it is bound already; EINVAL, ENOSPC, ENOMEM.
    ///
    /// Xen: EVTCHNOP_bind_virq
    public func bindVIRQ(_ virq: UInt32, vcpu: UInt32) throws(XenError) -> UInt32 {
        guard virq < VIRQ.count else { throw .einval }
        if isGlobal(virq) && vcpu != 0 { throw .einval }
        let target = try existingVCPU(vcpu)
        return try administration.withLock { (state: inout Administration) throws(XenError) in
            if target.pointee.virqPorts[Int(virq)].load(ordering: .relaxed) != 0 { throw .eexist }
            let number = try lowestFreePort(&state)
            commit(number, &state, kind: .virq, vcpu: vcpu, detail: virq)
            target.pointee.virqPorts[Int(virq)].store(number, ordering: .releasing)
            return number
        }
    }

    /// A new port for a physical interrupt. Throws EINVAL for a PIRQ that there is not, EEXIST; EINVAL, ENOSPC, ENOMEM.
    ///
    /// Xen: EVTCHNOP_bind_pirq
    public func bindPIRQ(_ pirq: UInt32) throws(XenError) -> UInt32 {
        guard let slot = pirqs.element(pirq, in: frames) else { throw .einval }
        return try administration.withLock { (state: inout Administration) throws(XenError) in
            if slot.pointee.load(ordering: .relaxed) != 0 { throw .eexist }
            let number = try lowestFreePort(&state)
            commit(number, &state, kind: .pirq, detail: pirq)
            slot.pointee.store(number, ordering: .releasing)
            return number
        }
    }

    /// Binds a new port of `local`'s to an unbound port of `remote`'s, which may be the same domain. Returns the new
    /// port. Throws EINVAL where the remote port is not unbound or not for `local`; EINVAL, ENOSPC, ENOMEM.
    ///
    /// The new port is made pending, because events sent while the other end was unbound are lost.
    ///
    /// Xen: EVTCHNOP_bind_interdomain
    public static func bindInterdomain(
        local: Ref<Self>, remote: Ref<Self>, remotePort: UInt32, _ sink: some EventSink<VCPU>
    ) throws(XenError) -> UInt32 {
        try local.pointee.withLocks(remote) { (state: inout Administration) throws(XenError) in
            let number = try local.pointee.lowestFreePort(&state)
            guard let far = remote.pointee.port(remotePort) else { throw .einval }
            try far.pointee.lock.withLock { (binding: inout Binding<Frames, VCPU>) throws(XenError) in
                guard binding.kind == .unbound && binding.detail == UInt32(local.pointee.domain.rawValue) else {
                    throw .einval
                }
                local.pointee.commit(number, &state, kind: .interdomain, detail: remotePort, remote: remote)
                binding.kind = .interdomain
                binding.remote = local
                binding.detail = number
                if let near = local.pointee.port(number) { _ = local.pointee.deliver(number, near, sink) }
            }
            return number
        }
    }

    /// Runs `body` with this domain's lock and `other`'s, which may be this one.
    func withLocks<R, E: Error>(
        _ other: Ref<Self>, _ body: (inout Administration) throws(E) -> R
    ) throws(E) -> R {
        if other.pointee.domain == domain { return try administration.withLock(body) }
        if domain < other.pointee.domain {
            return try administration.withLock { (state: inout Administration) throws(E) in
                try other.pointee.administration.withSecondLock { (_: inout Administration) throws(E) in try body(&state) }
            }
        }
        return try other.pointee.administration.withLock { (_: inout Administration) throws(E) in
            try administration.withSecondLock { (state: inout Administration) throws(E) in try body(&state) }
        }
    }

    /// Whether a VIRQ belongs to the domain rather than to a vCPU (Xen: virq_is_global).
    func isGlobal(_ virq: UInt32) -> Bool {
        switch VIRQ(rawValue: virq) {
        case .timer, .debug, .xenoprof, .pmu: false
        default: true
        }
    }

    // MARK: Where it is delivered

    /// Moves a port's events to another vCPU. Throws ENOENT, EINVAL for a port that cannot move.
    ///
    /// Xen: EVTCHNOP_bind_vcpu
    public func bindVCPU(
        port number: UInt32, vcpu: UInt32, _ sink: some EventSink<VCPU>
    ) throws(XenError) {
        let target = try existingVCPU(vcpu)
        guard let entry = port(number) else { throw .einval }
        try administration.withLock { (_: inout Administration) throws(XenError) in
            try entry.pointee.lock.withLock { (binding: inout Binding<Frames, VCPU>) throws(XenError) in
                guard binding.consumer == 0 else { throw .einval }
                switch binding.kind {
                case .unbound, .interdomain: break
                case .virq: guard isGlobal(binding.detail) else { throw .einval }
                case .pirq: sink.routePIRQ(binding.detail, to: target.pointee.vcpu)
                case .free, .reserved, .ipi: throw .einval
                }
                entry.pointee.updateDelivery { $0.vcpu = vcpu }
            }
        }
    }

    /// Sets the priority of a port's future events: 0 the highest, 15 the lowest. Throws EINVAL, ENOSYS without
    /// priorities, EACCES for a port that the guest cannot use.
    ///
    /// Xen: EVTCHNOP_set_priority
    public func setPriority(port number: UInt32, priority: UInt32) throws(XenError) {
        guard let entry = validPort(number) else { throw .einval }
        try entry.pointee.lock.withLock { (binding: inout Binding<Frames, VCPU>) throws(XenError) in
            guard abi == .fifo else { throw .enosys }
            guard binding.isUsable else { throw .eacces }
            guard priority <= EventFIFO.lowestPriority else { throw .einval }
            entry.pointee.updateDelivery { $0.priority = priority }
        }
    }
}
