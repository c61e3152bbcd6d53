// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

extension EventChannels {
    /// Closes a port; the other end of an interdomain one becomes unbound. Throws EINVAL where the port is free or
    /// reserved, or held by the hypervisor and `byGuest`.
    ///
    /// Xen: EVTCHNOP_close
    public func close(_ number: UInt32, byGuest: Bool = true) throws(XenError) {
        guard let entry = port(number) else { throw .einval }
        while true {
            // The other domain, if there is one, must be known before the locks can be taken in their order.
            let remote = entry.pointee.lock.withLock { $0.kind == .interdomain ? $0.remote : nil }
            let done: Bool
            if let remote {
                done = try withLocks(remote) { (state: inout Administration) throws(XenError) in
                    try close(number, entry, remote, byGuest, &state)
                }
            } else {
                done = try administration.withLock { (state: inout Administration) throws(XenError) in
                    try close(number, entry, nil, byGuest, &state)
                }
            }
            if done { return }
        }
    }

    /// With the domain locks held. False where the port has another `remote` by now.
    private func close(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ remote: Ref<Self>?, _ byGuest: Bool,
        _ state: inout Administration
    ) throws(XenError) -> Bool {
        let (kind, current, detail, consumer) = entry.pointee.lock.withLock {
            ($0.kind, $0.remote, $0.detail, $0.consumer)
        }
        if consumer != 0 && byGuest { throw .einval }
        switch kind {
        case .free, .reserved: throw .einval
        case .unbound, .ipi: break
        case .pirq: pirqs.element(detail, in: frames)?.pointee.store(0, ordering: .relaxed)
        case .virq: virqOwner(detail, entry)?.pointee.virqPorts[Int(detail)].store(0, ordering: .relaxed)
        case .interdomain:
            guard let remote, remote == current else { return false }
            closeInterdomain(number, entry, remote, remotePort: detail, &state)
            return true
        }
        entry.pointee.lock.withLock { release(number, entry, &$0, &state) }
        return true
    }

    /// Frees the port and makes the other end unbound.
    private func closeInterdomain(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ remote: Ref<Self>, remotePort: UInt32,
        _ state: inout Administration
    ) {
        guard let far = remote.pointee.port(remotePort) else { return }
        entry.pointee.lock.withLock { near in
            far.pointee.lock.withSecondLock { other in
                release(number, entry, &near, &state)
                other.kind = .unbound
                other.remote = nil
                other.detail = UInt32(domain.rawValue)
            }
        }
    }

    /// The vCPU in whose table a bound VIRQ is.
    private func virqOwner(_ virq: UInt32, _ entry: Ref<Port<Frames, VCPU>>) -> Ref<VCPUEvents<VCPU>>? {
        guard virq < VIRQ.count else { return nil }
        return vcpus.element(isGlobal(virq) ? 0 : entry.pointee.delivery.vcpu, in: frames)
    }

    /// Makes a port free, with all locks held.
    private func release(
        _ number: UInt32, _ entry: Ref<Port<Frames, VCPU>>, _ binding: inout Binding<Frames, VCPU>,
        _ state: inout Administration
    ) {
        // A later binding of this port starts without an event.
        if binding.isUsable { clearPending(number, entry) }
        if binding.consumer != 0 { state.heldByXen -= 1 }
        state.active -= 1
        binding = Binding()
        entry.pointee.updateDelivery { $0.rawValue = 0 }
        mark(number, free: true, &state)
    }
}
