// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import GrantTables
import Machine
import Memory
import P2M
import Sync
import XenABI

/// Frames of a resource that are mapped between two looks at whether an interrupt waits.
private let framesAtATime: UInt64 = 32

extension Call {
    /// Xen: XENMEM_acquire_resource. The toolstack maps what the hypervisor keeps for another domain.
    func acquireResource(_ start: UInt64) throws(XenError) -> Outcome {
        var argument = try platform.guest.read(AcquireResource<Caller>.self, at: handle(1))
        let first = argument.frame.wide
        guard argument.pad == 0, first >> 32 == 0, (first + UInt64(argument.nrFrames)) >> 32 == 0 else { throw .einval }
        let target = try remoteDomain(argument.domain)
        guard domain.pointee.isPrivileged else { throw .eperm }
        let limit = try frames(ofResource: argument, of: target)
        guard limit > 0 else { throw .einval }
        if argument.frameList.wide == 0 {
            guard argument.nrFrames == 0 && start == 0 else { throw .einval }
            argument.nrFrames = limit
            try platform.guest.write(argument, at: handle(1))
            return .success
        }
        let count = UInt64(argument.nrFrames)
        guard start < count, count <= UInt64(UInt32.max) >> progressShift else { throw .einval }
        var done = start
        while true {
            let part = min(framesAtATime, count - done)
            try mapResource(argument, done..<done + part, of: target)
            done += part
            if done == count { return .success }
            if platform.shouldPreempt { return .again(first: arguments[0] & 0x3f | done << progressShift) }
        }
    }

    /// How many frames a resource has; 0 for none. Throws EOPNOTSUPP for a type that there is not.
    ///
    /// Differs: XENMEM_acquire_resource: of an unknown type with a null list Xen 4.17 answers success and 2^32 - 95 frames;
    ///   here it is -EOPNOTSUPP, as with a list.
    private func frames(
        ofResource argument: AcquireResource<Caller>, of target: Ref<Domain<P>>
    ) throws(XenError) -> UInt32 {
        let grants = target.pointee.grants
        // Whether this domain may have the second version does not matter.
        switch ResourceType(rawValue: argument.type) {
        case .grantTable:
            if argument.id == ResourceType.grantTableShared { return grants.pointee.maximumFrames }
            let hasStatus = argument.id == ResourceType.grantTableStatus && platform.grantLimits.version > 1
            return hasStatus ? grants.pointee.maximumStatusFrames : 0
        // No domain has an ioreq server or a trace buffer.
        case .ioreqServer, .vmtraceBuffer: throw .einval
        case nil: throw .eopnotsupp
        }
    }

    /// Maps a part where the list says. All of the list is read first, so that one that cannot be maps nothing.
    private func mapResource(
        _ argument: AcquireResource<Caller>, _ part: Range<UInt64>, of target: Ref<Domain<P>>
    ) throws(XenError) {
        var places = InlineArray<32, UInt64>(repeating: 0)
        let grants = target.pointee.grants
        let sharing = GrantFrames(target, platform)
        // The last first: the table grows once, or not at all.
        let last = UInt32(truncatingIfNeeded: argument.frame.wide + part.upperBound - 1)
        _ = try grants.pointee.frame(ofResource: argument.id, index: last, sharing)
        for index in part { places[Int(index - part.lowerBound)] = try word(at: argument.frameList, index) }
        for index in part {
            let number = UInt32(truncatingIfNeeded: argument.frame.wide + index)
            let frame = try grants.pointee.frame(ofResource: argument.id, index: number, sharing)
            do throws(XenError) {
                let place = GFN(places[Int(index - part.lowerBound)])
                try domain.pointee.mapResource(frame, of: target.pointee, at: place, platform)
            } catch {
                // What is mapped stays: the caller learns that it is not all, and unmaps it by its own list.
                throw index == part.lowerBound ? error : .eio
            }
        }
    }
}
