// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Sync
import Synchronization
public import XenABI

extension EventChannels {
    /// What a port is: the OUT fields of `EventStatus`. Throws EINVAL, EACCES for a port that the hypervisor holds.
    ///
    /// Xen: EVTCHNOP_status
    public func status(port number: UInt32, _ status: inout EventStatus) throws(XenError) {
        guard let entry = validPort(number) else { throw .einval }
        try entry.pointee.lock.withLock { (binding: inout Binding<Frames, VCPU>) throws(XenError) in
            guard binding.consumer == 0 else { throw .eacces }
            switch binding.kind {
            case .free, .reserved:
                status.status = EventStatus.State.closed.rawValue
            case .unbound:
                status.status = EventStatus.State.unbound.rawValue
                status.detail = binding.detail
            case .interdomain:
                status.status = EventStatus.State.interdomain.rawValue
                status.detail = UInt32(binding.remote?.pointee.domain.rawValue ?? 0)
                status.remotePort = binding.detail
            case .pirq:
                status.status = EventStatus.State.pirq.rawValue
                status.detail = binding.detail
            case .virq:
                status.status = EventStatus.State.virq.rawValue
                status.detail = binding.detail
            case .ipi:
                status.status = EventStatus.State.ipi.rawValue
            }
            status.vcpu = entry.pointee.delivery.vcpu
        }
    }
}
