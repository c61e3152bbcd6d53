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
        case .addToPhysmap: return try addToPhysmap(start)
        case .addToPhysmapBatch: return try addToPhysmapBatch(start)
        case .removeFromPhysmap: return try removeFromPhysmap(start)
        case .currentReservation: return try statistic(start) { $0.totalPages.load(ordering: .relaxed) }
        case .maximumReservation: return try statistic(start) { $0.maximumPages.load(ordering: .relaxed) }
        case .maximumGPFN: return try statistic(start) { $0.highestGFN.load(ordering: .relaxed) }
        case .maximumRAMPage: return try maximumRAMPage(start)
        case .memoryMap: return try memoryMap(start)
        case .setMemoryMap: return try setMemoryMap(start)
        case .machineMemoryMap: return try machineMemoryMap(start)
        case .setPoDTarget: return try onDemandTarget(start, isSet: true)
        case .getPoDTarget: return try onDemandTarget(start, isSet: false)
        case .machphysMapping: return try machphysMapping(start)
        case .machphysMFNList: return try machphysFrames(start)
        // -EOPNOTSUPP: there are no 32-bit PV guests.
        case .machphysCompatMFNList: return try machphysCompatFrames(start)
        // -EOPNOTSUPP: no frame is taken away from under a domain whose memory is translated.
        case .exchange: return try exchange(start)
        case .claimPages: return try claimPages(start)
        case .acquireResource: return try acquireResource(start)
        case .reservedDeviceMemoryMap: return try reservedDeviceMemory(start)
        case .getVNUMAInfo: return try virtualNUMA(start)
        case .getSharingFreedPages, .getSharingSharedPages: return try sharedPages(start)
        default: throw .enosys
        }
    }

    /// Operations that are done at once.
    func notContinued(_ start: UInt64) throws(XenError) {
        guard start == 0 else { throw .einval }
    }

    /// Element `index` of an array of `xen_ulong_t` or `xen_pfn_t`.
    func word(at array: Caller.Word, _ index: UInt64) throws(XenError) -> UInt64 {
        let size = UInt64(MemoryLayout<Caller.Word>.size)
        return try platform.guest.read(Caller.Word.self, at: Address(array.wide &+ index &* size)).wide
    }

    private func statistic(
        _ start: UInt64, _ read: (borrowing Domain<P>) -> UInt64
    ) throws(XenError) -> Outcome {
        try notContinued(start)
        let argument = try platform.guest.read(MemoryDomain.self, at: handle(1))
        return try .value(count(read(target(argument.domain).pointee)))
    }

    /// Xen: XENMEM_maximum_ram_page: one past the highest frame, whatever its name says.
    private func maximumRAMPage(_ start: UInt64) throws(XenError) -> Outcome {
        try notContinued(start)
        return .value(count(platform.maximumFrame.rawValue &+ 1))
    }

    /// A result that counts pages: as many as a caller of 32 bits can be told.
    private func count(_ pages: UInt64) -> Int64 {
        Int64(truncatingIfNeeded: Caller.wordBits == 32 ? min(pages, UInt64(Int32.max)) : pages)
    }

    // MARK: Reservations

    /// Xen: XENMEM_populate_physmap, XENMEM_decrease_reservation, XENMEM_increase_reservation. Returns how many extents were
    /// done: fewer than asked for where one could not be, for whatever reason.
    private func reservation(_ start: UInt64) throws(XenError) -> Outcome {
        let operation = MemoryOp(rawValue: UInt32(truncatingIfNeeded: arguments[0]) & 0x3f)
        let soFar = Outcome.value(Int64(start))
        guard let argument = try? platform.guest.read(MemoryReservation<Caller>.self, at: handle(1)) else { return soFar }
        let count = argument.nrExtents.wide
        guard count <= UInt64(UInt32.max) >> progressShift, start <= count, isAcceptable(argument),
            let target = try? target(argument.domain), let place = try? place(argument.flags, for: target)
        else { return soFar }
        let isOnDemand = operation == .populatePhysmap && argument.flags.populateOnDemand
        // Only the toolstack promises memory; of that any extent.
        if isOnDemand, target == domain || !platform.memoryFeatures.contains(.populateOnDemand) { return soFar }
        guard argument.extentOrder <= (isOnDemand ? largestExtentOrder : maximumExtentOrder) else { return soFar }
        var done = start
        // A large extent is work for as long as many small ones.
        let step = argument.extentOrder < 4 ? extentsBetweenChecks : 1
        let takesFrames = operation != .decreaseReservation && !isOnDemand && !target.pointee.isDirectMapped
        var again: Outcome { .again(first: arguments[0] & 0x3f | done << progressShift) }
        while done < count {
            if done != start, done % step == 0, platform.shouldPreempt { return again }
            // What was made ready stays so, whoever gets it: that is progress, though no extent is done.
            while takesFrames, !platform.isReady(order: Int(argument.extentOrder), on: place) {
                if platform.shouldPreempt { return again }
            }
            guard extent(operation, argument, done, target, on: place) else { break }
            done += 1
        }
        while operation == .decreaseReservation, !target.pointee.trimOnDemandCache(platform) {
            if platform.shouldPreempt { return again }
        }
        return .value(Int64(done))
    }

    /// The largest extent that the caller may ask for (Xen: hwdom_max_order, domu_max_order).
    var maximumExtentOrder: UInt32 { domain.pointee.isPrivileged ? largestExtentOrder : 9 }
    /// Xen: MAX_ORDER
    private var largestExtentOrder: UInt32 { 18 }

    /// Address bits that leave a frame.
    private func isAcceptable(_ argument: MemoryReservation<Caller>) -> Bool {
        argument.flags.addressBits == 0 || UInt64(argument.flags.addressBits) > pageShift
    }

    /// Any node of the first 64 for who may place memory; a wish of others is not heard, and they may not insist.
    func isAcceptable(node flags: MemoryFlags) -> Bool {
        guard let node = flags.node else { return true }
        return domain.pointee.isPrivileged ? node < 64 : !flags.exactNode
    }

    private func extent(
        _ operation: MemoryOp?, _ argument: MemoryReservation<Caller>, _ index: UInt64, _ target: Ref<Domain<P>>,
        on place: NodeRequest
    ) -> Bool {
        let order = UInt64(argument.extentOrder)
        if operation == .increaseReservation { return target.pointee.increase(order: order, on: place, platform) }
        guard let frame = try? word(at: argument.extentStart, index) else { return false }
        if operation == .decreaseReservation { return target.pointee.release(GFN(frame), order: order, platform) }
        if argument.flags.populateOnDemand { return target.pointee.markOnDemand(GFN(frame), order: order, platform) }
        return target.pointee.populate(GFN(frame), order: order, on: place, platform)
    }

    /// Xen: XENMEM_claim_pages
    private func claimPages(_ start: UInt64) throws(XenError) -> Outcome {
        // 32-bit callers have none (Xen: compat_memory_op).
        guard Caller.wordBits == 64 else { throw .enosys }
        try notContinued(start)
        let argument = try platform.guest.read(MemoryReservation<Caller>.self, at: handle(1))
        guard argument.extentStart.wide == 0, argument.extentOrder == 0, argument.flags.rawValue == 0,
            let target = platform.domain(DomainID(argument.domain))
        else { throw .einval }
        guard domain.pointee.isPrivileged else { throw .eperm }
        try target.pointee.setClaim(argument.nrExtents.wide, platform)
        return .success
    }

    // MARK: What there is none of

    /// Xen: XENMEM_get_sharing_freed_pages, XENMEM_get_sharing_shared_pages. No page is ever shared between domains by
    /// content.
    private func sharedPages(_ start: UInt64) throws(XenError) -> Outcome {
        guard start == 0 else { throw .enosys }
        return .success
    }

    /// Xen: XENMEM_reserved_device_memory_map. No IOMMU reserves anything.
    private func reservedDeviceMemory(_ start: UInt64) throws(XenError) -> Outcome {
        try notContinued(start)
        var argument = try platform.guest.read(ReservedDeviceMemoryMap<Caller>.self, at: handle(1))
        guard argument.flags & ~ReservedDeviceMemoryMap<Caller>.all == 0 else { throw .einval }
        argument.nrEntries = 0
        try platform.guest.write(argument, at: handle(1))
        return .success
    }

    /// Another domain by its number. Throws ESRCH, EPERM for the caller's own.
    func remoteDomain(_ id: UInt16) throws(XenError) -> Ref<Domain<P>> {
        guard let found = platform.domain(DomainID(id)) else { throw .esrch }
        guard found != domain else { throw .eperm }
        return found
    }
}
