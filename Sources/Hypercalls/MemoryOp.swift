// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import GrantTables
import Machine
import Memory
import P2M
import Sync
import Synchronization
import XenABI

/// Progress of a memory_op that is made again: above the operation's six bits (Xen: MEMOP_EXTENT_SHIFT).
let progressShift: UInt64 = 6
/// Extents between two looks at whether an interrupt waits.
let extentsBetweenChecks: UInt64 = 16

extension Call {
    /// Xen: __HYPERVISOR_memory_op
    func memoryOp() throws(XenError) -> Outcome {
        let start = arguments[0] >> progressShift
        switch MemoryOp(rawValue: UInt32(truncatingIfNeeded: arguments[0]) & 0x3f) {
        case .populatePhysmap, .decreaseReservation, .increaseReservation: return try reservation(start)
        case .addToPhysmap: return try addToPhysmap()
        case .addToPhysmapBatch: return try addToPhysmapBatch(start)
        case .removeFromPhysmap: return try removeFromPhysmap()
        case .currentReservation: return try statistic { $0.totalPages.load(ordering: .relaxed) }
        case .maximumReservation: return try statistic { $0.maximumPages.load(ordering: .relaxed) }
        case .maximumGPFN: return try statistic { $0.highestGFN.load(ordering: .relaxed) }
        case .maximumRAMPage: return .value(Int64(truncatingIfNeeded: platform.maximumFrame.rawValue))
        case .getVNUMAInfo, .reservedDeviceMemoryMap: throw .eopnotsupp
        default: throw .enosys
        }
    }

    private func statistic(_ read: (borrowing Domain<P>) -> UInt64) throws(XenError) -> Outcome {
        guard arguments[0] >> progressShift == 0 else { throw .einval }
        let argument = try platform.guest.read(MemoryDomain.self, at: handle(1))
        return try .value(Int64(truncatingIfNeeded: read(target(argument.domain).pointee)))
    }

    // MARK: Reservations

    /// Xen: XENMEM_populate_physmap, XENMEM_decrease_reservation, XENMEM_increase_reservation. Returns how many extents were
    /// done: fewer than asked for where one could not be.
    private func reservation(_ start: UInt64) throws(XenError) -> Outcome {
        let argument = try platform.guest.read(MemoryReservation<Caller64>.self, at: handle(1))
        guard argument.nrExtents <= UInt64.max >> progressShift else { return .value(Int64(start)) }
        guard start < argument.nrExtents else {
            return start == argument.nrExtents ? .value(Int64(start)) : .value(Int64(start))
        }
        let target: Ref<Domain<P>>
        do throws(XenError) {
            target = try self.target(argument.domain)
        } catch {
            if error == .esrch { return .value(Int64(start)) }
            throw error
        }
        guard argument.extentOrder <= (domain.pointee.isPrivileged ? 18 : 9) else { return .value(Int64(start)) }
        let operation = MemoryOp(rawValue: UInt32(truncatingIfNeeded: arguments[0]) & 0x3f)
        var done = start
        while done < argument.nrExtents {
            if done != start, done % extentsBetweenChecks == 0, platform.shouldPreempt {
                return .again(first: arguments[0] & 0x3f | done << progressShift)
            }
            guard extent(operation, argument, done, target) else { break }
            done += 1
        }
        return .value(Int64(done))
    }

    private func extent(
        _ operation: MemoryOp?, _ argument: MemoryReservation<Caller64>, _ index: UInt64, _ target: Ref<Domain<P>>
    ) -> Bool {
        let order = UInt64(argument.extentOrder)
        // An auto-translated domain that increases its reservation gets frames which it cannot name: nothing to do (Xen
        // allocates them, and no such guest asks).
        if operation == .increaseReservation { return false }
        guard let frame = try? platform.guest.read(UInt64.self, at: Address(argument.extentStart &+ index * 8)) else {
            return false
        }
        if operation == .decreaseReservation { return target.pointee.release(GFN(frame), order: order, platform) }
        guard !argument.flags.populateOnDemand else { return false }
        return target.pointee.populate(GFN(frame), order: order, platform)
    }

    // MARK: Physmap

    /// Xen: XENMEM_add_to_physmap
    private func addToPhysmap() throws(XenError) -> Outcome {
        let argument = try platform.guest.read(AddToPhysmap<Caller64>.self, at: handle(1))
        guard argument.space != MapSpace.gmfnForeign.rawValue else { throw .enosys }
        let target = try target(argument.domain)
        try add(argument.space, index: argument.index, at: GFN(argument.gpfn), to: target, foreign: ReservedDomain.invalid)
        return .success
    }

    /// Xen: XENMEM_add_to_physmap_batch
    private func addToPhysmapBatch(_ start: UInt64) throws(XenError) -> Outcome {
        guard start <= UInt64(UInt16.max) else { throw .edom }
        let argument = try platform.guest.read(AddToPhysmapBatch<Caller64>.self, at: handle(1))
        guard argument.space != MapSpace.gmfnRange.rawValue else { throw .eopnotsupp }
        let target = try target(argument.domain)
        guard start < UInt64(argument.size) else { if argument.size == 0 { return .success } else { throw .eilseq } }
        var done = start
        while done < UInt64(argument.size) {
            if done != start, done % extentsBetweenChecks == 0, platform.shouldPreempt {
                return .again(first: arguments[0] & 0x3f | done << progressShift)
            }
            try addOne(argument, done, target)
            done += 1
        }
        return .success
    }

    private func addOne(
        _ argument: AddToPhysmapBatch<Caller64>, _ index: UInt64, _ target: Ref<Domain<P>>
    ) throws(XenError) {
        let source = try platform.guest.read(UInt64.self, at: Address(argument.indexes &+ index * 8))
        let gfn = try platform.guest.read(UInt64.self, at: Address(argument.gpfns &+ index * 8))
        var status: Int32 = 0
        do throws(XenError) {
            try add(
                UInt32(argument.space), index: source, at: GFN(gfn), to: target, foreign: argument.foreignDomain)
        } catch {
            status = -error.rawValue
        }
        try platform.guest.write(status, at: Address(argument.errors &+ index * 4))
    }

    private func add(
        _ space: UInt32, index: UInt64, at gfn: GFN, to target: Ref<Domain<P>>, foreign: UInt16
    ) throws(XenError) {
        switch MapSpace(rawValue: space) {
        case .sharedInfo:
            guard index == 0 else { throw .einval }
            try target.pointee.map(gfn, to: target.pointee.sharedInfo, type: .ramReadWrite, platform)
        case .grantTable:
            try target.pointee.mapGrantFrame(index, at: gfn, GrantFrames(target, platform))
        case .gmfnForeign:
            let other = try self.target(foreign)
            guard other != target else { throw .einval }
            let source = other.pointee.p2m.withLock { $0.lookup(GFN(index)) }
            guard source.type.isRAM else { throw .einval }
            try target.pointee.map(gfn, to: source.frame, type: .foreign, platform)
        case .deviceMMIO, .gmfn, .gmfnRange, nil: throw .enosys
        }
    }

    /// Xen: XENMEM_remove_from_physmap
    private func removeFromPhysmap() throws(XenError) -> Outcome {
        guard arguments[0] >> progressShift == 0 else { throw .einval }
        let argument = try platform.guest.read(RemoveFromPhysmap<Caller64>.self, at: handle(1))
        let target = try target(argument.domain)
        let gfn = GFN(argument.gpfn)
        let old = target.pointee.p2m.withLock { $0.lookup(gfn) }
        guard old.type != .invalid else { throw .enoent }
        try target.pointee.unmap(gfn, platform)
        if !platform.owns(old.frame, target.pointee) { target.pointee.grants.pointee.removed(old.frame, from: gfn) }
        return .success
    }
}
