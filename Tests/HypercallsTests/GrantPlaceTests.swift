// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import GrantTables
import P2M
import Support
import Testing
import XenABI

@testable import Hypercalls

/// A mapping of a grant, its pin and its handle are one thing, in one place: hypercalls over the real page tables.
@Suite struct GrantPlaceTests {
    let host = FakeHost()

    /// dom0 and a domain that grants it its pages from 0x108 on by the references from 8 on.
    private func pair(isX86: Bool) throws -> (dom0: FakeDomain, guest: FakeDomain) {
        host.isX86 = isX86
        let (dom0, guest) = (try FakeDomain(0, host: host, privileged: true), try FakeDomain(4, host: host))
        guest.grantAll(to: 0)
        return (dom0, guest)
    }

    private func map(
        _ ref: UInt32, at gfn: UInt64, by domain: FakeDomain, flags: UInt32 = GrantMapFlag.hostMap
    ) -> (status: Int16, handle: UInt32) {
        var map = GrantMap()
        (map.domain, map.ref, map.flags, map.hostAddress) = (4, ref, flags, gfn << 12)
        #expect(domain.grant(.mapGrantRef, &map) == .success)
        return (map.status, map.handle)
    }

    private func unmap(_ handle: UInt32, at gfn: UInt64, by domain: FakeDomain) -> Int16 {
        var unmap = GrantUnmap()
        (unmap.handle, unmap.hostAddress) = (handle, gfn << 12)
        #expect(domain.grant(.unmapGrantRef, &unmap) == .success)
        return unmap.status
    }

    /// The marks of use of a grant.
    private func marks(_ ref: UInt64, of guest: FakeDomain) -> UInt16 {
        let entry = guest.read(GrantEntryV1.self, at: GuestVirtualAddress(0x200 << 12) + ref * 8)
        return entry.flags & (GrantFlag.reading | GrantFlag.writing)
    }

    /// Otherwise the page is its owner's to give back while it is still mapped.
    ///
    /// Shows: GNTTABOP_unmap_grant_ref, GNTTABOP_unmap_and_replace
    @Test(arguments: [false, true]) func aGrantIsUnmappedWhereItIs(isX86: Bool) throws {
        let (dom0, guest) = try pair(isX86: isX86)
        let error = GrantStatus.generalError.rawValue
        let (writing, reading) = (map(8, at: 0x300, by: dom0), map(8, at: 0x301, by: dom0, flags: 2 | 4))
        #expect(writing.status == 0 && reading.status == 0)
        let page = guest.frame(0x108)
        // Where nothing is, where the same frame is by another handle, where RAM is, where nothing can be.
        for place in [0x310, 0x301, 0x105, 1 << 50] as [UInt64] {
            #expect(unmap(writing.handle, at: place, by: dom0) == error, "\(place)")
        }
        #expect(unmap(reading.handle, at: 0x300, by: dom0) == error)
        var replace = GrantUnmapAndReplace()
        (replace.handle, replace.hostAddress) = (writing.handle, 0x310 << 12)
        #expect(dom0.grant(.unmapAndReplace, &replace) == .success && replace.status == error)
        #expect(dom0.type(0x300) == .grantReadWrite && dom0.type(0x301) == .grantReadOnly)
        #expect(marks(8, of: guest) == GrantFlag.reading | GrantFlag.writing)
        #expect(guest.release(0x108) && host.owners[page]?.givenUp == true, "it stays while it is mapped")
        #expect(unmap(writing.handle, at: 0x300, by: dom0) == 0 && marks(8, of: guest) == GrantFlag.reading)
        #expect(unmap(writing.handle, at: 0x300, by: dom0) == GrantStatus.badHandle.rawValue)
        #expect(host.owners[page] != nil)
        #expect(unmap(reading.handle, at: 0x301, by: dom0) == 0 && host.owners[page] == nil)
    }

    /// Nothing but its handle ends a mapping: else the handle would name what is there no more.
    ///
    /// Shows: GNTTABOP_map_grant_ref, XENMEM_populate_physmap, XENMEM_decrease_reservation, XENMEM_add_to_physmap,
    ///   XENMEM_add_to_physmap_batch, XENMEM_remove_from_physmap
    @Test(arguments: [false, true]) func aGrantsMappingIsItsHandlesToEnd(isX86: Bool) throws {
        let (dom0, guest) = try pair(isX86: isX86)
        let mapped = map(8, at: 0x300, by: dom0)
        let page = guest.frame(0x108)
        func isThere() -> Bool { dom0.frame(0x300) == page && dom0.type(0x300) == .grantReadWrite }
        let pages = dom0.totalPages
        for order in [0, 4] as [UInt32] {
            var extent = dom0.reservation(1, from: 0x300, order: order)
            #expect(dom0.memory(.populatePhysmap, &extent) == .value(0) && isThere())
            #expect(dom0.memory(.decreaseReservation, &extent) == .value(0) && isThere())
        }
        #expect(dom0.totalPages == pages)
        for space in [MapSpace.sharedInfo, .grantTable, .gmfn] {
            var add = AddToPhysmap<Caller64>()
            (add.domain, add.space, add.gpfn) = (ReservedDomain.caller, space.rawValue, 0x300)
            if space == .gmfn { add.index = 0x105 }
            #expect(dom0.memory(.addToPhysmap, &add) != .success && isThere(), "\(space)")
        }
        do {
            let list = dom0.scratch + 512
            dom0.write(UInt64(0x109), at: list)
            dom0.write(UInt64(0x300), at: list + 8)
            var add = AddToPhysmapBatch<Caller64>()
            (add.domain, add.space, add.size) = (ReservedDomain.caller, UInt16(MapSpace.gmfnForeign.rawValue), 1)
            (add.foreignDomain, add.indexes, add.gpfns) = (4, list.rawValue, list.rawValue + 8)
            add.errors = list.rawValue + 16
            #expect(dom0.memory(.addToPhysmapBatch, &add) == .success)
            #expect(dom0.read(Int32.self, at: list + 16) != 0 && isThere())
        }
        var remove = RemoveFromPhysmap<Caller64>()
        (remove.domain, remove.gpfn) = (ReservedDomain.caller, 0x300)
        #expect(dom0.memory(.removeFromPhysmap, &remove) == .error(.enoent) && isThere())
        #expect(map(9, at: 0x300, by: dom0).status == GrantStatus.generalError.rawValue && isThere())
        #expect(map(8, at: 0x300, by: dom0, flags: 2 | 4).status == GrantStatus.generalError.rawValue && isThere())
        #expect(host.owners[page]?.holds == 1 && host.owners[guest.frame(0x109)]?.holds == 0)
        #expect(unmap(mapped.handle, at: 0x300, by: dom0) == 0 && dom0.type(0x300) == .invalid)
        #expect(host.owners.values.allSatisfy { $0.holds == 0 })
    }

    /// A page that is mapped for reading and may not be written, or whose writes are noted, is asked for once more.
    ///
    /// Shows: GNTTABOP_map_grant_ref
    @Test func aWriterAsksForThePage() throws {
        let (dom0, guest) = try pair(isX86: true)
        func protect(_ gfn: UInt64, _ type: P2MType) {
            let frame = guest.frame(gfn)
            let old = guest.ref.pointee.p2m.withLock {
                $0.replace(GFN(gfn), with: frame, type: type, cache: FakeCache(host: host))
            }
            #expect(old?.frame == frame)
        }
        protect(0x108, .ramReadOnly)
        #expect(map(8, at: 0x300, by: dom0, flags: 2 | 4).status == 0)
        #expect(map(8, at: 0x301, by: dom0).status == GrantStatus.badPage.rawValue)
        #expect(marks(8, of: guest) == GrantFlag.reading && dom0.type(0x301) == .invalid)
        #expect(host.owners[guest.frame(0x108)]?.holds == 1)
        protect(0x108, .ramReadWrite)
        #expect(map(8, at: 0x301, by: dom0).status == 0 && dom0.type(0x301) == .grantReadWrite)
        #expect(host.owners[guest.frame(0x108)]?.holds == 1)
    }
}
