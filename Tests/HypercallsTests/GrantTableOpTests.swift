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

extension FakeDomain {
    /// Maps its first grant frame at 0x200 and fills in entries 8 and up, which grant its RAM to `domain`.
    func grantAll(to domain: UInt16, count: UInt32 = 16) {
        var add = AddToPhysmap<Caller64>()
        add.domain = ReservedDomain.caller
        add.space = MapSpace.grantTable.rawValue
        add.gpfn = 0x200
        #expect(operate(.memoryOp, MemoryOp.addToPhysmap.rawValue, &add) == .success)
        for index in 0..<count {
            var entry = GrantEntryV1()
            entry.flags = GrantFlag.permitAccess
            entry.domain = domain
            entry.frame = 0x108 + index
            write(entry, at: GuestVirtualAddress(0x200 << 12) + UInt64(8 + index) * 8)
        }
    }
}

@Suite struct GrantTableOpTests {
    let host = FakeHost()

    /// Shows: GNTTABOP_query_size, GNTTABOP_setup_table, GNTTABOP_set_version, GNTTABOP_get_version, GNTTABOP_get_status_frames
    @Test func sizesAndVersions() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        var size = GrantQuerySize()
        size.domain = ReservedDomain.caller
        #expect(guest.grant(.querySize, &size) == .success)
        #expect((size.status, size.nrFrames, size.maxNrFrames) == (0, 1, 8))
        size.domain = 0
        #expect(guest.grant(.querySize, &size) == .success)
        #expect(size.status == GrantStatus.permissionDenied.rawValue)
        size.domain = 99
        #expect(dom0.grant(.querySize, &size) == .success)
        #expect(size.status == GrantStatus.badDomain.rawValue)
        var setup = GrantSetupTable<Caller64>()
        setup.domain = 4
        setup.nrFrames = 3
        setup.frameList = dom0.scratch.rawValue + 256
        #expect(dom0.grant(.setupTable, &setup) == .success)
        #expect(setup.status == 0)
        #expect(dom0.read(UInt64.self, at: dom0.scratch + 256) == .max)
        setup.nrFrames = 9
        #expect(dom0.grant(.setupTable, &setup) == .success)
        #expect(setup.status == GrantStatus.generalError.rawValue)
        setup.nrFrames = 1
        setup.frameList = 1 << 39
        #expect(dom0.grant(.setupTable, &setup) == .success)
        #expect(setup.status == GrantStatus.badVirtualAddress.rawValue)
        var version = GrantSetVersion()
        version.version = 2
        #expect(guest.grant(.setVersion, &version) == .success)
        version.version = 5
        #expect(guest.grant(.setVersion, &version) == .error(.einval))
        #expect(version.version == 2)
        var get = GrantGetVersion()
        get.domain = 4
        #expect(dom0.grant(.getVersion, &get) == .success)
        #expect(get.version == 2)
        var frames = GrantGetStatusFrames<Caller64>()
        frames.domain = ReservedDomain.caller
        frames.nrFrames = 1
        frames.frameList = guest.scratch.rawValue + 256
        #expect(guest.grant(.getStatusFrames, &frames) == .success)
        #expect(frames.status == 0)
        frames.nrFrames = 9
        #expect(guest.grant(.getStatusFrames, &frames) == .success)
        #expect(frames.status == GrantStatus.generalError.rawValue)
        for count in [0, 2] as [UInt64] {
            #expect(
                guest.call(.grantTableOp, UInt64(GrantTableOp.querySize.rawValue), guest.scratch.rawValue, count)
                    == .error(.einval))
        }
        #expect(guest.call(.grantTableOp, 6, guest.scratch.rawValue, 1 << 31) == .error(.einval))
        #expect(guest.call(.grantTableOp, 6 | 1 << 12, guest.scratch.rawValue, 1) == .error(.einval))
        #expect(guest.call(.grantTableOp, 4, guest.scratch.rawValue, 1) == .error(.eopnotsupp))
        #expect(guest.call(.grantTableOp, 3, guest.scratch.rawValue, 1) == .error(.enosys))
    }

    /// Shows: GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref
    @Test func mapUseAndUnmapAList() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host, frames: 64)
        guest.grantAll(to: 0, count: 40)
        let list = GuestVirtualAddress(0x110 << 12)
        let size = UInt64(MemoryLayout<GrantMap>.stride)
        for index in 0..<40 as Range<UInt64> {
            var map = GrantMap()
            map.domain = index == 7 ? 99 : 4
            map.ref = 8 + UInt32(index)
            map.flags = GrantMapFlag.hostMap
            map.hostAddress = (0x300 + index) << 12
            dom0.write(map, at: list + index * size)
        }
        // An interrupt waits all the time: one element is done each time.
        host.preempts = true
        var arguments = (UInt64(GrantTableOp.mapGrantRef.rawValue), list.rawValue, UInt64(40))
        var calls = 1
        while case .againWithRest(let first, let second, let third) = dom0.call(
            .grantTableOp, arguments.0, arguments.1, arguments.2)
        {
            arguments = (first, second, third)
            calls += 1
        }
        #expect(calls == 40)
        host.preempts = false
        var handles: [UInt32] = []
        for index in 0..<40 as Range<UInt64> {
            let map: GrantMap = dom0.read(at: list + index * size)
            #expect(map.status == (index == 7 ? GrantStatus.badDomain.rawValue : 0))
            handles.append(map.handle)
            if index == 7 { continue }
            #expect(dom0.frame(0x300 + index) == guest.frame(0x108 + index))
            #expect(map.deviceAddress == guest.frame(0x108 + index).address.rawValue)
            #expect(host.owners[guest.frame(0x108 + index)]?.holds == 1)
        }
        // The guest gives a page up while dom0 has it: it stays until dom0 lets go.
        let page = guest.frame(0x108)
        #expect(guest.release(0x108))
        #expect(host.owners[page]?.givenUp == true)

        let unmapSize = UInt64(MemoryLayout<GrantUnmap>.stride)
        for index in 0..<40 as Range<UInt64> {
            var unmap = GrantUnmap()
            unmap.handle = handles[Int(index)]
            unmap.hostAddress = (0x300 + index) << 12
            if index == 7 { unmap.handle = 4000 }
            dom0.write(unmap, at: list + index * unmapSize)
        }
        host.flushes = 0
        #expect(dom0.call(.grantTableOp, UInt64(GrantTableOp.unmapGrantRef.rawValue), list.rawValue, 40) == .success)
        // One flush for each 32.
        #expect(host.flushes == 2)
        for index in 0..<40 as Range<UInt64> {
            let unmap: GrantUnmap = dom0.read(at: list + index * unmapSize)
            #expect(unmap.status == (index == 7 ? GrantStatus.badHandle.rawValue : 0))
        }
        #expect(host.owners.values.allSatisfy { $0.holds == 0 })
        #expect(host.owners[page] == nil)
        #expect(dom0.type(0x300) == .invalid)
    }

    /// Shows: GNTTABOP_copy, GNTTABOP_swap_grant_ref, GNTTABOP_cache_flush
    @Test func copySwapAndFlush() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        guest.grantAll(to: 0)
        guest.write(UInt64(0xfeed_beef), at: GuestVirtualAddress(0x108 << 12) + 100)
        var copy = GrantCopy<Caller64>()
        copy.flags = GrantCopy<Caller64>.sourceIsGrant
        copy.source.refOrFrame = 8
        copy.source.domain = 4
        copy.source.offset = 100
        copy.destination.refOrFrame = 0x110
        copy.destination.domain = ReservedDomain.caller
        copy.length = 8
        #expect(dom0.grant(.copy, &copy) == .success)
        #expect(copy.status == 0)
        #expect(dom0.read(UInt64.self, at: GuestVirtualAddress(0x110 << 12)) == 0xfeed_beef)
        copy.source.domain = 55
        #expect(dom0.grant(.copy, &copy) == .success)
        #expect(copy.status == GrantStatus.badDomain.rawValue)
        #expect(host.owners.values.allSatisfy { $0.holds == 0 })
        var swap = GrantSwap()
        swap.refA = 8
        swap.refB = 9
        #expect(guest.grant(.swapGrantRef, &swap) == .success)
        #expect(swap.status == 0)
        #expect(guest.read(GrantEntryV1.self, at: GuestVirtualAddress(0x200 << 12) + 64).frame == 0x109)
        var flush = GrantCacheFlush()
        flush.deviceAddressOrRef = guest.frame(0x10A).address.rawValue
        flush.offset = 16
        flush.length = 64
        flush.operation = GrantCacheFlush.clean
        // Its own page; another's only while it is mapped.
        #expect(guest.grant(.cacheFlush, &flush) == .success)
        #expect(host.cacheOperations.map(\.count) == [64])
        #expect(dom0.grant(.cacheFlush, &flush) == .error(.einval))
        var map = GrantMap()
        map.domain = 4
        map.ref = 10
        map.flags = GrantMapFlag.hostMap | GrantMapFlag.readOnly
        map.hostAddress = 0x300 << 12
        #expect(dom0.grant(.mapGrantRef, &map) == .success)
        #expect(map.status == 0)
        #expect(dom0.grant(.cacheFlush, &flush) == .success)
        flush.deviceAddressOrRef = 0
        #expect(dom0.grant(.cacheFlush, &flush) == .error(.einval))
        flush.deviceAddressOrRef = guest.ref.pointee.sharedInfo.address.rawValue
        #expect(dom0.grant(.cacheFlush, &flush) == .error(.eperm))
        for (offset, length, operation) in [(4096, 0, 1), (4000, 97, 1), (0, 4097, 1), (0, 1, 4), (0, 1, 1 << 31)]
            as [(UInt16, UInt16, UInt32)]
        {
            flush.offset = offset
            flush.length = length
            flush.operation = operation
            #expect(dom0.grant(.cacheFlush, &flush) == .error(.einval))
        }
    }

    /// Shows: GNTTABOP_set_version, GNTTABOP_get_status_frames, XENMAPSPACE_grant_table
    @Test func statusFramesComeAndGo() throws {
        let guest = try FakeDomain(4, host: host)
        var version = GrantSetVersion()
        // Once for the tables of tables, which stay.
        for number in [2, 1] as [UInt32] {
            version.version = number
            #expect(guest.grant(.setVersion, &version) == .success)
        }
        let before = host.machine.outstanding
        version.version = 2
        #expect(guest.grant(.setVersion, &version) == .success)
        var add = AddToPhysmap<Caller64>()
        add.domain = ReservedDomain.caller
        add.space = MapSpace.grantTable.rawValue
        add.index = MapSpace.grantTableStatus
        add.gpfn = 0x110
        #expect(guest.operate(.memoryOp, MemoryOp.addToPhysmap.rawValue, &add) == .success)
        let frame = guest.frame(0x110)
        var list = GrantGetStatusFrames<Caller64>()
        list.domain = ReservedDomain.caller
        list.nrFrames = 1
        list.frameList = guest.scratch.rawValue + 256
        #expect(guest.grant(.getStatusFrames, &list) == .success)
        #expect(list.status == 0 && guest.read(UInt64.self, at: guest.scratch + 256) == 0x110)
        // Back to version 1 the guest has it no more.
        version.version = 1
        #expect(guest.grant(.setVersion, &version) == .success)
        #expect(guest.type(0x110) == .invalid)
        #expect(host.owners[frame] == nil && host.machine.outstanding == before)
    }

    /// XSA-384, XSA-486: another vCPU goes back to version 1 while a status frame is being mapped.
    @Test(arguments: [true, false]) func aStatusFrameIsTakenBackWhileItIsMapped(before: Bool) throws {
        let guest = try FakeDomain(4, host: host)
        var version = GrantSetVersion()
        version.version = 2
        #expect(guest.grant(.setVersion, &version) == .success)
        let grants = guest.ref.pointee.grants
        let other = {
            do throws(XenError) {
                try grants.pointee.setVersion(1, GrantFrames(guest.ref, guest.platform))
            } catch {
                Issue.record("\(error)")
            }
        }
        if before { host.beforeHold = other } else { host.afterHold = other }
        var add = AddToPhysmap<Caller64>()
        add.domain = ReservedDomain.caller
        add.space = MapSpace.grantTable.rawValue
        add.index = MapSpace.grantTableStatus
        add.gpfn = 0x400
        #expect(guest.operate(.memoryOp, MemoryOp.addToPhysmap.rawValue, &add) == .error(.einval))
        // The frame has gone, and the guest does not have it.
        #expect(grants.pointee.version == 1 && guest.type(0x400) == .invalid)
        #expect(host.owners.values.allSatisfy { $0.holds == 0 && !$0.givenUp })
    }

    /// Shows: GNTTABOP_unmap_and_replace
    @Test func nothingIsPutInAMappingsPlace() throws {
        let dom0 = try FakeDomain(0, host: host, privileged: true)
        let guest = try FakeDomain(4, host: host)
        guest.grantAll(to: 0)
        var map = GrantMap()
        map.domain = 4
        map.ref = 8
        map.flags = GrantMapFlag.hostMap
        map.hostAddress = 0x300 << 12
        #expect(dom0.grant(.mapGrantRef, &map) == .success)
        var unmap = GrantUnmapAndReplace()
        unmap.handle = map.handle
        unmap.hostAddress = map.hostAddress
        unmap.newAddress = 0x301 << 12
        // Only PV guests have another mapping to put there.
        #expect(dom0.grant(.unmapAndReplace, &unmap) == .success)
        #expect(unmap.status == GrantStatus.generalError.rawValue)
        #expect(dom0.type(0x300) == .grantReadWrite)
        unmap.newAddress = 0
        #expect(dom0.grant(.unmapAndReplace, &unmap) == .success)
        #expect(unmap.status == 0 && dom0.type(0x300) == .invalid)
        #expect(host.owners[guest.frame(0x108)]?.holds == 0)
    }

    /// Shows: XENMAPSPACE_grant_table
    @Test func theTableIsInOnePlace() throws {
        let guest = try FakeDomain(4, host: host)
        guest.grantAll(to: 0)
        var add = AddToPhysmap<Caller64>()
        add.domain = ReservedDomain.caller
        add.space = MapSpace.grantTable.rawValue
        add.gpfn = 0x201
        #expect(guest.operate(.memoryOp, MemoryOp.addToPhysmap.rawValue, &add) == .error(.ebusy))
        var remove = RemoveFromPhysmap<Caller64>()
        remove.domain = ReservedDomain.caller
        remove.gpfn = 0x200
        #expect(guest.operate(.memoryOp, MemoryOp.removeFromPhysmap.rawValue, &remove) == .success)
        #expect(guest.operate(.memoryOp, MemoryOp.addToPhysmap.rawValue, &add) == .success)
        add.index = 8
        #expect(guest.operate(.memoryOp, MemoryOp.addToPhysmap.rawValue, &add) == .error(.einval))
    }
}
