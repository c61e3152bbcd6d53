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

// What a domain's guest-physical memory has beside its RAM.
extension Call {
    /// Xen: XENMEM_add_to_physmap
    func addToPhysmap(_ start: UInt64) throws(XenError) -> Outcome {
        guard start <= UInt64(UInt16.max) else { throw .edom }
        let argument = try platform.guest.read(AddToPhysmap<Caller>.self, at: handle(1))
        // Another domain's frames come by add_to_physmap_batch, which can say whose.
        guard argument.space != MapSpace.gmfnForeign.rawValue else { throw .enosys }
        let target = try physmapTarget(argument.domain, argument.space)
        let (index, gfn) = (argument.index.wide, GFN(argument.gpfn.wide))
        guard gfn != .invalid else { throw .einval }
        if argument.space == MapSpace.gmfnRange.rawValue {
            let count = UInt64(argument.size)
            guard count >= start else { throw .eilseq }
            guard !gfn.rawValue.addingReportingOverflow(count).overflow,
                !index.addingReportingOverflow(count).overflow
            else { throw .eoverflow }
            if count == start { return .success }
            guard platform.memoryFeatures.contains(.moves) else { throw .enosys }
            return try moveRange(index, to: gfn, start..<count, of: target)
        }
        try add(argument.space, index: index, at: gfn, to: target, foreign: ReservedDomain.invalid)
        return .success
    }

    /// Whose memory is changed, if that may be.
    private func physmapTarget(_ id: UInt16, _ space: UInt32) throws(XenError) -> Ref<Domain<P>> {
        do throws(XenError) {
            let target = try target(id)
            // Devices are the hardware domain's, and it may show them to itself alone.
            guard space != MapSpace.deviceMMIO.rawValue || target == domain && domain.pointee.isPrivileged else {
                throw .eacces
            }
            return target
        } catch {
            throw error == .eperm && space == MapSpace.deviceMMIO.rawValue ? .eacces : error
        }
    }

    /// Xen: XENMEM_add_to_physmap_batch. What goes wrong with an element stands in its error.
    func addToPhysmapBatch(_ start: UInt64) throws(XenError) -> Outcome {
        guard start <= UInt64(UInt16.max) else { throw .edom }
        let argument = try platform.guest.read(AddToPhysmapBatch<Caller>.self, at: handle(1))
        guard argument.space != MapSpace.gmfnRange.rawValue else { throw .eopnotsupp }
        let target = try physmapTarget(argument.domain, UInt32(argument.space))
        let count = UInt64(argument.size)
        guard start < count else {
            guard start == 0 && count == 0 else { throw .eilseq }
            return .success
        }
        if argument.space == MapSpace.deviceMMIO.rawValue && argument.foreignDomain != 0 { throw .eopnotsupp }
        var done = start
        while done < count {
            if done != start, done % extentsBetweenChecks == 0, platform.shouldPreempt {
                return .again(first: arguments[0] & 0x3f | done << progressShift)
            }
            try addOne(argument, done, target)
            done += 1
        }
        return .success
    }

    private func addOne(
        _ argument: AddToPhysmapBatch<Caller>, _ index: UInt64, _ target: Ref<Domain<P>>
    ) throws(XenError) {
        let source = try word(at: argument.indexes, index)
        let gfn = GFN(try word(at: argument.gpfns, index))
        guard gfn != .invalid else { throw .einval }
        var status: Int32 = 0
        do throws(XenError) {
            try add(UInt32(argument.space), index: source, at: gfn, to: target, foreign: argument.foreignDomain)
        } catch {
            status = -error.rawValue
        }
        try platform.guest.write(status, at: Address(argument.errors.wide &+ index * 4))
    }

    private func add(
        _ space: UInt32, index: UInt64, at gfn: GFN, to target: Ref<Domain<P>>, foreign: UInt16
    ) throws(XenError) {
        let moves = platform.memoryFeatures.contains(.moves)
        switch MapSpace(rawValue: space) {
        case .sharedInfo:
            guard index == 0 else { throw .einval }
            try target.pointee.mapSharedInfo(at: gfn, platform)
        case .grantTable: try target.pointee.mapGrantFrame(index, at: gfn, GrantFrames(target, platform))
        case .gmfnForeign: try addForeign(GFN(index), of: foreign, at: gfn, to: target)
        case .deviceMMIO where !moves: try target.pointee.mapDevice(MFN(index), at: gfn, platform)
        case .gmfn where moves: try target.pointee.move(GFN(index), to: gfn, platform)
        // On ARM frames do not move in guest-physical memory.
        case .gmfn, .gmfnRange, .deviceMMIO, nil: throw moves ? .einval : .enosys
        }
    }

    /// Frames one after the other; between two of them an interrupt may come in.
    private func moveRange(
        _ index: UInt64, to gfn: GFN, _ range: Range<UInt64>, of target: Ref<Domain<P>>
    ) throws(XenError) -> Outcome {
        for done in range {
            if done != range.lowerBound, platform.shouldPreempt {
                return .again(first: arguments[0] & 0x3f | done << progressShift)
            }
            try target.pointee.move(GFN(index + done), to: gfn + done, platform)
        }
        return .success
    }

    /// Only the toolstack's domains map others' memory, whoever asks.
    private func addForeign(
        _ source: GFN, of owner: UInt16, at gfn: GFN, to target: Ref<Domain<P>>
    ) throws(XenError) {
        // Xen's own domains have no memory by guest frames.
        if owner == ReservedDomain.xen || owner == ReservedDomain.io { throw .einval }
        let other = owner == ReservedDomain.caller ? domain : platform.domain(DomainID(owner))
        // Oneself by one's number is no foreign domain.
        guard let other, owner == ReservedDomain.caller || other != domain else { throw .esrch }
        guard other != target else { throw .einval }
        guard target.pointee.isPrivileged else { throw .eperm }
        try target.pointee.mapForeign(source, of: other.pointee, at: gfn, platform)
    }

    /// Xen: XENMEM_remove_from_physmap
    func removeFromPhysmap(_ start: UInt64) throws(XenError) -> Outcome {
        try notContinued(start)
        let argument = try platform.guest.read(RemoveFromPhysmap<Caller>.self, at: handle(1))
        try target(argument.domain).pointee.removeFromPhysmap(GFN(argument.gpfn.wide), platform)
        return .success
    }
}
