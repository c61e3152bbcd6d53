// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import Synchronization
import XenABI

extension Call {
    /// Xen: XENMEM_set_pod_target, XENMEM_get_pod_target
    func onDemandTarget(_ start: UInt64, isSet: Bool) throws(XenError) -> Outcome {
        guard platform.memoryFeatures.contains(.populateOnDemand), start == 0 else { throw .enosys }
        var argument = try platform.guest.read(PoDTarget<Caller>.self, at: handle(1))
        // Who may not ask at all learns whether there is such a domain, as with Xen.
        let id = argument.domain
        let found = id == ReservedDomain.caller ? domain : platform.domain(DomainID(id))
        guard let target = found else { throw .esrch }
        guard domain.pointee.isPrivileged else { throw .eperm }
        if isSet {
            let pages = argument.targetPages.wide
            guard pages <= target.pointee.maximumPages.load(ordering: .relaxed) else { throw .einval }
            guard try target.pointee.setOnDemandTarget(pages, platform) else { return .again(first: arguments[0]) }
        }
        let state = target.pointee.onDemandState
        argument.totalPages = Caller.Quad(lowBits: state.total)
        argument.cachePages = Caller.Quad(lowBits: state.cached)
        argument.entries = Caller.Quad(lowBits: state.entries)
        try platform.guest.write(argument, at: handle(1))
        return .success
    }
}
