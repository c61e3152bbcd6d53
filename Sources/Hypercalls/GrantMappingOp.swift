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

// The operations of grant_table_op that take a list: uop names its first element, count says how many there are. Each
// element's own status says how it went; only a list that cannot be read or written ends the call with an error.
extension Call {
    /// What is left of the list after `done` elements, each `size` bytes.
    private func rest(after done: UInt32, size: Int) -> Outcome {
        .againWithRest(
            first: UInt64(word(0)), second: arguments[1] &+ UInt64(done) &* UInt64(size), third: UInt64(word(2) - done))
    }

    /// Runs `body` with the address of each element; between elements an interrupt may come in.
    private func forEach<Element>(
        _ type: Element.Type, _ body: (GuestVirtualAddress) throws(XenError) -> Void
    ) throws(XenError) -> Outcome {
        let size = MemoryLayout<Element>.stride
        for index in 0..<word(2) {
            if index != 0 && platform.shouldPreempt { return rest(after: index, size: size) }
            try body(handle(1) + UInt64(index) * UInt64(size))
        }
        return .success
    }

    /// What an element's status field says of `body`.
    @inline(__always)
    private func status(_ body: () throws(GrantStatus) -> Void) -> Int16 {
        do throws(GrantStatus) {
            try body()
            return GrantStatus.okay.rawValue
        } catch {
            return error.rawValue
        }
    }

    /// A domain that there is, by its number.
    private func granter(_ id: DomainID) throws(GrantStatus) -> Ref<Domain<P>> {
        guard let found = platform.domain(id) else { throw .badDomain }
        return found
    }

    /// Xen: GNTTABOP_map_grant_ref
    func mapGrants() throws(XenError) -> Outcome {
        try forEach(GrantMap.self) { (address) throws(XenError) in
            var element = try platform.guest.read(GrantMap.self, at: address)
            element.status = status { () throws(GrantStatus) in
                let owner = try granter(DomainID(element.domain))
                try domain.pointee.grants.pointee.map(
                    &element, of: owner.pointee.grants, DomainPages(owner, platform), DomainMappings(domain, platform))
            }
            try platform.guest.write(element, at: address)
        }
    }

    /// Xen: GNTTABOP_unmap_grant_ref
    func unmapGrants() throws(XenError) -> Outcome {
        try unmapList(GrantUnmap.self, statusOffset: 20) { (address) throws(XenError) in
            let element = try platform.guest.read(GrantUnmap.self, at: address)
            return (element.handle, element.hostAddress, 0)
        }
    }

    /// Xen: GNTTABOP_unmap_and_replace
    func unmapAndReplace() throws(XenError) -> Outcome {
        try unmapList(GrantUnmapAndReplace.self, statusOffset: 20) { (address) throws(XenError) in
            let element = try platform.guest.read(GrantUnmapAndReplace.self, at: address)
            return (element.handle, element.hostAddress, element.newAddress)
        }
    }

    /// Unmaps in batches of 32: the frames go back to their owners only after one flush for all of them.
    private func unmapList<Element>(
        _ type: Element.Type, statusOffset: UInt64,
        _ read: (GuestVirtualAddress) throws(XenError) -> (handle: UInt32, address: UInt64, replacement: UInt64)
    ) throws(XenError) -> Outcome {
        let size = MemoryLayout<Element>.stride
        var done: UInt32 = 0
        while done < word(2) {
            if done != 0 && platform.shouldPreempt { return rest(after: done, size: size) }
            var batch = UnmapBatch()
            let end = min(done + 32, word(2))
            var failure: XenError?
            while done < end && failure == nil {
                let address = handle(1) + UInt64(done) * UInt64(size)
                do throws(XenError) {
                    let element = try read(address)
                    let result = status { () throws(GrantStatus) in
                        try unmap(element.handle, element.address, element.replacement, &batch)
                    }
                    try platform.guest.write(result, at: address + statusOffset)
                } catch {
                    failure = error
                }
                done += 1
            }
            complete(batch)
            if let failure { throw failure }
        }
        return .success
    }

    private func unmap(
        _ handle: UInt32, _ address: UInt64, _ replacement: UInt64, _ batch: inout UnmapBatch
    ) throws(GrantStatus) {
        let grants = domain.pointee.grants
        let id = try grants.pointee.granter(ofHandle: handle)
        let owner = try granter(id)
        let unmapped = try grants.pointee.unmap(
            handle: handle, hostAddress: address, replacement: replacement, of: owner.pointee.grants,
            DomainMappings(domain, platform))
        if let unmapped { batch.append(unmapped) }
    }

    private func complete(_ batch: borrowing UnmapBatch) {
        DomainMappings(domain, platform).flush(batch.places.span)
        for index in 0..<batch.items.count {
            let unmapped = batch.items[index]
            guard let owner = platform.domain(unmapped.domain) else { continue }
            owner.pointee.grants.pointee.complete(unmapped, DomainPages(owner, platform))
        }
    }

    /// Xen: GNTTABOP_copy
    func copyGrants() throws(XenError) -> Outcome {
        var copier = GrantCopier(domain.pointee.id, PlatformGrants(platform))
        defer { copier.finish() }
        return try forEach(GrantCopy<Caller>.self) { (address) throws(XenError) in
            let element = try platform.guest.read(GrantCopy<Caller>.self, at: address)
            let result = status { () throws(GrantStatus) in try copier.copy(element) }
            let offset = UInt64(2 * MemoryLayout<GrantCopyPointer<Caller>>.size + 4)
            try platform.guest.write(result, at: address + offset)
        }
    }

    /// Xen: GNTTABOP_transfer. Only PV guests give frames away: of others Xen looks whether there is one, and takes none.
    func transferGrants() throws(XenError) -> Outcome {
        guard platform.memoryFeatures.contains(.transfers) else { throw .eopnotsupp }
        return try forEach(GrantTransfer<Caller>.self) { (address) throws(XenError) in
            let element = try platform.guest.read(GrantTransfer<Caller>.self, at: address)
            let entry = domain.pointee.touch(GFN(element.mfn.wide), write: false, platform)
            let isThere = entry.type != .invalid && platform.isRAM(entry.frame)
            let status = isThere ? GrantStatus.generalError : .badPage
            // The status is the structure's last word.
            let offset = UInt64(MemoryLayout<Caller.Word>.size + 8)
            try platform.guest.write(status.rawValue, at: address + offset)
        }
    }

    /// Xen: GNTTABOP_swap_grant_ref
    func swapGrants() throws(XenError) -> Outcome {
        try forEach(GrantSwap.self) { (address) throws(XenError) in
            let element = try platform.guest.read(GrantSwap.self, at: address)
            let result = status { () throws(GrantStatus) in
                try domain.pointee.grants.pointee.swap(element.refA, element.refB)
            }
            try platform.guest.write(result, at: address + 8)
        }
    }
}

extension Call {
    /// Xen: GNTTABOP_cache_flush. Of the caller's own frames, and of those that it uses by a grant; the search for the
    /// grant goes on where it stopped, which is in the upper bits of the operation.
    func flushCaches() throws(XenError) -> Outcome {
        let size = UInt64(MemoryLayout<GrantCacheFlush>.stride)
        var start = word(0) & ~0xFFF
        for index in 0..<word(2) {
            let address = handle(1) + UInt64(index) * size
            if index != 0 && platform.shouldPreempt { return progress(start, index, size) }
            let element = try platform.guest.read(GrantCacheFlush.self, at: address)
            while try !flushCache(element, &start) {
                if platform.shouldPreempt { return progress(start, index, size) }
            }
            start = 0
        }
        return .success
    }

    private func progress(_ start: UInt32, _ done: UInt32, _ size: UInt64) -> Outcome {
        .againWithRest(
            first: UInt64(GrantTableOp.cacheFlush.rawValue | start), second: arguments[1] &+ UInt64(done) &* size,
            third: UInt64(word(2) - done))
    }

    /// One element. False where the search for the grant is to go on from `start`.
    private func flushCache(_ element: GrantCacheFlush, _ start: inout UInt32) throws(XenError) -> Bool {
        let both = GrantCacheFlush.clean | GrantCacheFlush.invalidate
        guard UInt64(element.offset) < pageSize, UInt64(element.offset) + UInt64(element.length) <= pageSize,
            element.operation & ~both == 0
        else { throw .einval }
        if element.length == 0 || element.operation == 0 {
            if start != 0 { throw .eilseq }
            return true
        }
        let address = MachineAddress(element.deviceAddressOrRef)
        guard platform.isRAM(address.frame) else { throw .einval }
        guard let owner = platform.owner(of: address.frame) else { throw .eperm }
        if owner != domain {
            switch owner.pointee.grants.pointee.isInUse(address.frame, by: domain.pointee.id, from: &start) {
            case nil: return false
            case false: throw .einval
            default: break
            }
        }
        platform.maintainCache(
            MachineAddress(address.frame) + UInt64(element.offset), count: UInt64(element.length),
            clean: element.operation & GrantCacheFlush.clean != 0,
            invalidate: element.operation & GrantCacheFlush.invalidate != 0)
        return true
    }
}

/// Mappings that are gone from the page tables and wait for the flush.
private struct UnmapBatch: ~Copyable {
    private(set) var items = BoundedList<GrantUnmapped, 32>()
    private(set) var places = BoundedList<GFN, 32>()

    mutating func append(_ unmapped: GrantUnmapped) {
        if items.append(unmapped) { _ = places.append(unmapped.place) }
    }
}
