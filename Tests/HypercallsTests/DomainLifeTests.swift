// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
@testable import Domains
import EventChannels
import GrantTables
import P2M
import Support
import Synchronization
import Testing
import XenABI

@testable import Hypercalls

@Suite struct DomctlTests {
    let tools: Toolstack
    init() throws { tools = try Toolstack() }
    var dom0: FakeDomain { tools.dom0 }

    /// Shows: __HYPERVISOR_domctl
    @Test func whoMayAsk() throws {
        let guest = try FakeDomain(4, host: tools.host)
        var argument = DomctlArgument()
        for operation in [1, 2, 3, 5, 200] as [UInt32] {
            #expect(guest.domctl(operation, 0, &argument) == .error(.eperm), "\(operation)")
            #expect(dom0.domctl(operation, 0, &argument, version: 0x14) == .error(.eacces))
            if operation != 1 && operation != 5 {
                #expect(dom0.domctl(operation, 77, &argument) == .error(.esrch))
                #expect(guest.domctl(operation, 77, &argument) == .error(.esrch))
            }
        }
        #expect(dom0.domctl(200, 0, &argument) == .error(.enosys))
        // All of the structure has to be there.
        let end = GuestVirtualAddress((FakeDomain.firstFrame + 32) * 4096 - 143)
        dom0.write(argument.header, at: end)
        #expect(dom0.call(.domctl, end.rawValue) == .error(.efault))
        #expect(dom0.call(.domctl, end.rawValue + 143) == .error(.efault))
    }

    /// Shows: XEN_DOMCTL_createdomain
    @Test func numbers() {
        var id: UInt16 = 0
        #expect(dom0.create(0, &id) == .success && id == 1)
        #expect(dom0.create(5, &id) == .success && id == 5)
        #expect(dom0.create(5, &id) == .error(.eexist))
        for expected in [2, 3, 4, 6] as [UInt16] { #expect(dom0.create(0, &id) == .success && id == expected) }
        #expect(dom0.create(0x7FF5, &id) == .success && id == 7)
    }

    /// Shows: XEN_DOMCTL_createdomain
    @Test func configurations() {
        func refused(_ change: (inout CreateDomain<ARMDomainConfig>) -> Void) -> Outcome {
            var (config, id) = (FakeDomain.config(), UInt16(0))
            change(&config)
            return dom0.create(0, &id, config)
        }
        let before = tools.state
        #expect(refused { $0.flags |= 1 << 8 } == .error(.einval))
        #expect(refused { $0.flags = CreateFlag.hap } == .error(.einval))
        #expect(refused { $0.flags |= CreateFlag.iommu } == .error(.einval))
        #expect(refused { $0.flags |= CreateFlag.vpmu } == .error(.einval))
        #expect(refused { $0.iommuOptions = 1 } == .error(.einval))
        #expect(refused { $0.grantOptions = 0 } == .error(.einval))
        #expect(refused { $0.grantOptions = 3 } == .error(.einval))
        #expect(refused { $0.grantOptions = 0x11 } == .error(.einval))
        #expect(refused { $0.maximumVCPUs = 0 } == .error(.einval))
        #expect(refused { $0.maximumVCPUs = 129 } == .error(.einval))
        #expect(refused { $0.maximumVCPUs = .max } == .error(.einval))
        #expect(refused { $0.maximumGrantFrames = 0 } == .error(.einval))
        #expect(refused { $0.maximumGrantFrames = 65 } == .error(.einval))
        #expect(refused { $0.maximumMaptrackFrames = 1025 } == .error(.einval))
        #expect(refused { $0.vmtraceSize = 4096 } == .error(.einval))
        #expect(refused { $0.arch.sharedInterrupts = 989 } == .error(.einval))
        #expect(tools.state == before)
    }

    /// Shows: XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_setdomainhandle, XEN_DOMCTL_max_mem
    @Test func information() {
        let id = tools.make(6)
        var handle = DomctlSetHandle()
        handle.handle[15] = 0xAB
        #expect(dom0.domctl(.setDomainHandle, id, &handle) == .success)
        let info = dom0.information(id)
        #expect(info.domain == 6 && info.totalPages == 8 && info.maximumPages == 64 && info.handle[15] == 0xAB)
        #expect(info.maximumVCPUID == 1 && info.onlineVCPUs == 0 && info.addressBits == 40)
        #expect(info.flags == 0xFFFF_0000 | DomainInfoFlag.hvmGuest | DomainInfoFlag.hap)
        #expect(dom0.information(2).domain == 6, "the next there is")
        var argument = DomctlArgument()
        #expect(dom0.domctl(Domctl.getDomainInfo.rawValue, 7, &argument) == .error(.esrch))
        #expect(dom0.domctl(Domctl.getDomainInfo.rawValue, 0x7FF0, &argument) == .error(.einval))
        #expect(dom0.information(0).maximumVCPUID == 1)
    }

    /// Shows: XEN_DOMCTL_pausedomain, XEN_DOMCTL_unpausedomain
    @Test func pauses() {
        let id = tools.make()
        #expect(tools.host.asleep.isEmpty)
        for _ in 0..<255 { #expect(dom0.domctl(.pauseDomain, id) == .success) }
        #expect(dom0.domctl(.pauseDomain, id) == .error(.eoverflow))
        #expect(tools.host.asleep.count == 2 && tools.host.waits > 0)
        #expect(dom0.information(id).flags & DomainInfoFlag.paused != 0)
        for _ in 0..<255 { #expect(dom0.domctl(.unpauseDomain, id) == .success) }
        #expect(tools.host.asleep.isEmpty)
        #expect(dom0.domctl(.unpauseDomain, id) == .error(.einval))
        for operation in [.pauseDomain, .destroyDomain, .maxVCPUs, .setVCPUContext, .resumeDomain] as [Domctl] {
            #expect(dom0.domctl(operation, 0) == .error(.einval), "\(operation) of oneself")
        }
    }

    /// Shows: XEN_DOMCTL_max_vcpus, XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_getvcpuinfo
    @Test func vcpus() {
        var id: UInt16 = 0
        #expect(dom0.create(0, &id) == .success)
        var number = DomctlMaxVCPUs()
        number.maximum = 1
        #expect(dom0.domctl(.maxVCPUs, id, &number) == .error(.einval))
        var info = DomctlVCPUInfo()
        info.vcpu = 1
        #expect(dom0.domctl(.getVCPUInfo, id, &info) == .error(.esrch))
        number.maximum = 2
        #expect(dom0.domctl(.maxVCPUs, id, &number) == .success && dom0.domctl(.maxVCPUs, id, &number) == .success)
        #expect(tools.host.asleep.count == 2, "the domain is paused")
        info.vcpu = 2
        #expect(dom0.domctl(.getVCPUInfo, id, &info) == .error(.einval))
        var context = DomctlVCPUContext()
        context.vcpu = 2
        #expect(dom0.domctl(.setVCPUContext, id, &context) == .error(.einval))
        context.vcpu = 1
        #expect(dom0.domctl(.getVCPUContext, id, &context) == .error(.enodata))
        context.context = 1
        #expect(dom0.domctl(.setVCPUContext, id, &context) == .error(.efault))
        context.context = (dom0.scratch + 1024).rawValue
        var registers = ARMVCPUContext()
        registers.flags = ARMVCPUContext.online
        dom0.write(registers, at: dom0.scratch + 1024)
        #expect(dom0.domctl(.setVCPUContext, id, &context) == .success)
        #expect(dom0.domctl(.getVCPUContext, id, &context) == .success)
        info.vcpu = 1
        #expect(dom0.domctl(.getVCPUInfo, id, &info) == .success && info.online == 1 && info.cpu == 1)
        #expect(dom0.information(id).onlineVCPUs == 1)
        context.context = 0
        #expect(dom0.domctl(.setVCPUContext, id, &context) == .success && dom0.information(id).onlineVCPUs == 0)
    }

    /// Shows: SCHEDOP_pin_override
    @Test func pins() throws {
        var pin = SchedPinOverride()
        func ask(_ pcpu: Int32, _ domain: FakeDomain) -> Outcome {
            pin.pcpu = pcpu
            return domain.operate(.schedOp, SchedOp.pinOverride.rawValue, &pin)
        }
        #expect(ask(-1, dom0) == .error(.einval))
        #expect(ask(4, dom0) == .error(.einval) && ask(.max, dom0) == .error(.einval))
        #expect(ask(3, dom0) == .success && ask(2, dom0) == .error(.ebusy) && tools.host.moves == ["0 to 3"])
        #expect(ask(.min, dom0) == .success && ask(-1, dom0) == .error(.einval))
        #expect(ask(2, dom0) == .success)
        #expect(try ask(0, FakeDomain(4, host: tools.host)) == .error(.eperm))
        #expect(dom0.call(.schedOp, UInt64(SchedOp.pinOverride.rawValue), 1 << 39) == .error(.efault))
    }

    /// Shows: XEN_DOMCTL_set_address_size, XEN_DOMCTL_set_paging_mempool_size, XEN_DOMCTL_get_paging_mempool_size
    @Test func whatARMToolstacksSet() {
        let id = tools.make()
        var size = DomctlAddressSize()
        size.bits = 31
        #expect(dom0.domctl(.setAddressSize, id, &size) == .error(.einval))
        size.bits = 64
        #expect(dom0.domctl(.setAddressSize, id, &size) == .success)
        var pool = DomctlPagingPool()
        pool.bytes = 0x1_0001
        #expect(dom0.domctl(.setPagingMempoolSize, id, &pool) == .error(.einval))
        pool.bytes = 0x10_0000
        #expect(dom0.domctl(.setPagingMempoolSize, id, &pool) == .success)
        pool.bytes = 0
        #expect(dom0.domctl(.getPagingMempoolSize, id, &pool) == .success && pool.bytes == 0x10_0000)
    }

    /// A domain's tables come from what is set aside for them and go back to it, however it spreads its frames.
    ///
    /// Shows: XEN_DOMCTL_set_paging_mempool_size, XEN_DOMCTL_get_paging_mempool_size
    @Test func tablesHaveABudget() throws {
        let id = tools.make()
        let target = try #require(tools.domain(id))
        func set(_ frames: UInt64) -> Outcome {
            var pool = DomctlPagingPool()
            pool.bytes = frames << 12
            return dom0.domctl(.setPagingMempoolSize, id, &pool)
        }
        func size() -> UInt64 {
            var pool = DomctlPagingPool()
            #expect(dom0.domctl(.getPagingMempoolSize, id, &pool) == .success)
            return pool.bytes >> 12
        }
        #expect(size() == 16)
        let before = tools.host.machine.outstanding
        #expect(set(20) == .success && size() == 20 && tools.host.machine.outstanding == before + 4)
        // One page in each 2 MiB, given back at once: no table is left.
        for part in 0..<600 as Range<UInt64> {
            let gfn = GFN(0x10_0000 + part << 9)
            let isThere = target.pointee.populate(gfn, order: 0, dom0.platform)
            let isGone = target.pointee.release(gfn, order: 0, dom0.platform)
            #expect(isThere && isGone)
        }
        #expect(tools.host.machine.outstanding == before + 4)
        // Kept, they are as many as there are tables.
        var kept: UInt64 = 0
        while target.pointee.populate(GFN(0x10_0000 + kept << 9), order: 0, dom0.platform) { kept += 1 }
        #expect(kept > 8 && kept < 20 && tools.host.machine.outstanding == before + 4 + Int(kept))
        #expect(tools.populate(id, 1) == .value(0) || tools.populate(id, 1) == .value(1), "an answer, no trap")
        #expect(set(10) == .error(.enomem) && size() > 10 && size() <= 20)
        #expect(set(1 << 20) == .error(.enomem))
        #expect(set(40) == .success && size() == 40)
        let isThere = target.pointee.populate(GFN(0x10_0000 + kept << 9), order: 0, dom0.platform)
        #expect(isThere)
        _ = dom0.destroy(id)
        tools.bury()
        #expect(tools.domain(id) == nil)
    }

    /// A domain's own shutdown stops it and tells the toolstack, which may resume it.
    ///
    /// Shows: XEN_DOMCTL_resumedomain, SCHEDOP_remote_shutdown
    @Test func shutdowns() throws {
        let id = tools.make()
        var virq = EventBindVIRQ()
        virq.virq = VIRQ.domainException.rawValue
        #expect(dom0.event(.bindVIRQ, &virq) == .success)
        var argument = SchedRemoteShutdown()
        argument.domain = id
        argument.reason = 0x1_0003
        #expect(dom0.operate(.schedOp, SchedOp.remoteShutdown.rawValue, &argument) == .success)
        #expect(tools.host.asleep.count == 2)
        let flags = dom0.information(id).flags
        #expect(flags & DomainInfoFlag.shutdown != 0 && flags >> DomainInfoFlag.shutdownShift == 3)
        #expect(try dom0.ref.pointee.events.pointee.isPending(polled: virq.port))
        #expect(dom0.domctl(.resumeDomain, id) == .success && tools.host.asleep.isEmpty)
        #expect(dom0.information(id).flags & DomainInfoFlag.shutdown == 0)
        argument.domain = 0
        #expect(dom0.operate(.schedOp, SchedOp.remoteShutdown.rawValue, &argument) == .error(.eperm))
        argument.domain = 99
        #expect(dom0.operate(.schedOp, SchedOp.remoteShutdown.rawValue, &argument) == .error(.esrch))
    }
}

@Suite struct DomainLifeTests {
    let tools: Toolstack
    init() throws {
        tools = try Toolstack()
        // What the first domain leaves behind for good: room in the directory.
        let id = tools.make(50)
        _ = tools.dom0.destroy(id)
        tools.bury()
    }
    var dom0: FakeDomain { tools.dom0 }
    var host: FakeHost { tools.host }

    /// Shows: XEN_DOMCTL_destroydomain
    @Test func nothingIsLeft() {
        let before = tools.state
        for pages in [0, 1, 40] as [UInt64] {
            let id = tools.make(9, pages: pages)
            #expect(tools.state != before)
            _ = dom0.destroy(id)
            #expect(tools.domain(id) == nil, "nobody finds it")
            tools.bury()
            #expect(tools.state == before, "\(pages)")
        }
    }

    /// However often it stops for something else.
    ///
    /// Shows: XEN_DOMCTL_destroydomain
    @Test func deathInParts() {
        let before = tools.state
        let id = tools.make(pages: 40)
        host.preempts = true
        #expect(dom0.destroy(id) > 40)
        host.preempts = false
        tools.bury()
        #expect(tools.state == before)
    }

    /// It is not taken apart before every processor has seen that it dies, nor freed before every one has seen that it is gone.
    ///
    /// Shows: XEN_DOMCTL_destroydomain
    @Test func graceIsWaitedFor() {
        let before = tools.state
        let id = tools.make()
        host.isSlow = true
        for _ in 0..<5 { #expect(dom0.domctl(.destroyDomain, id) == .again(first: dom0.scratch.rawValue)) }
        let info = dom0.information(id)
        #expect(info.totalPages == 8 && info.flags & DomainInfoFlag.dying == 0)
        #expect(tools.populate(id, 1) == .value(0), "it gets nothing more")
        host.grace.passed = host.grace.begun
        #expect(dom0.destroy(id) == 1)
        let dead = tools.state
        tools.bury()
        #expect(tools.state == dead)
        host.grace.passed = host.grace.begun
        tools.bury()
        #expect(tools.state == before)
    }

    /// A frame that another domain maps keeps the dead domain's number, until it is let go.
    ///
    /// Shows: XEN_DOMCTL_destroydomain
    @Test func zombies() throws {
        let before = tools.state
        let id = tools.make(9)
        let target = try #require(tools.domain(id))
        try dom0.ref.pointee.mapForeign(GFN(0x4_0003), of: target.pointee, at: GFN(0x900), dom0.platform)
        let frame = dom0.frame(0x900)
        _ = dom0.destroy(id)
        tools.bury()
        var info = dom0.information(id)
        #expect(info.domain == id && info.flags & DomainInfoFlag.dying != 0 && info.totalPages == 1)
        #expect(dom0.domctl(.destroyDomain, id) == .success, "dead already")
        var other: UInt16 = 0
        #expect(dom0.create(id, &other) == .error(.eexist))
        #expect(host.owners[frame] != nil)
        try dom0.ref.pointee.removeFromPhysmap(GFN(0x900), dom0.platform)
        #expect(tools.domain(id) == nil)
        tools.bury()
        // The page of a table that dom0's map needed stays.
        #expect(host.owners[frame] == nil)
        info = dom0.information(0)
        _ = try? dom0.ref.pointee.unmap(GFN(0x900), dom0.platform)
        #expect(tools.state.contains("2 units, 0 asleep, ") && before.contains("2 units, 0 asleep, "))
        #expect(dom0.create(id, &other) == .success)
    }

    /// The last that is held of a dead domain's is what it granted: its end comes with the end of that mapping, and with no lock held.
    ///
    /// Shows: GNTTABOP_unmap_grant_ref, XEN_DOMCTL_destroydomain
    @Test func aGrantOutlivesItsDomain() throws {
        let id = tools.make(9)
        let target = try #require(tools.domain(id))
        let table = target.pointee.grants
        var place = AddToPhysmap<Caller64>()
        (place.domain, place.space, place.gpfn) = (id, MapSpace.grantTable.rawValue, 0x4_1000)
        #expect(dom0.memory(.addToPhysmap, &place) == .success)
        var entry = GrantEntryV1()
        (entry.flags, entry.domain, entry.frame) = (GrantFlag.permitAccess, 0, 0x4_0003)
        let frame = target.pointee.p2m.withLock { $0.lookup(table.pointee.place(ofFrame: 0)).frame }
        host.machine.source.store(entry, at: frame.address + 8 * UInt64(MemoryLayout<GrantEntryV1>.stride))
        var map = GrantMap()
        (map.domain, map.ref, map.flags, map.hostAddress) = (id, 8, GrantMapFlag.hostMap, 0x900 << 12)
        #expect(dom0.grant(.mapGrantRef, &map) == .success && map.status == 0)
        _ = dom0.destroy(id)
        tools.bury()
        #expect(tools.domain(id)?.pointee.lifeStage == .dead)
        var unmap = GrantUnmap()
        (unmap.handle, unmap.hostAddress) = (map.handle, map.hostAddress)
        #expect(dom0.grant(.unmapGrantRef, &unmap) == .success && unmap.status == 0)
        #expect(tools.domain(id) == nil)
    }

    /// The last who holds a frame lets go between a domain's death and its burial by whoever killed it: it stays until every
    /// processor has seen that it is gone.
    ///
    /// Shows: XEN_DOMCTL_destroydomain
    @Test func theLastHolderIsFaster() throws {
        let id = tools.make(9)
        let target = try #require(tools.domain(id))
        try dom0.ref.pointee.mapForeign(GFN(0x4_0003), of: target.pointee, at: GFN(0x900), dom0.platform)
        var happened = false
        host.onLookup = { [host, dom0] _ in
            guard !happened, target.pointee.lifeStage == .dead else { return }
            happened = true
            host.isSlow = true
            try! dom0.ref.pointee.removeFromPhysmap(GFN(0x900), dom0.platform)
        }
        _ = dom0.destroy(id)
        host.onLookup = nil
        #expect(happened && tools.domain(id) == nil)
        let extras = host.extras
        tools.bury()
        #expect(host.extras == extras, "freed while a processor may still use it")
        host.grace.passed = host.grace.begun
        tools.bury()
        #expect(host.extras < extras)
    }

    /// What it holds of others goes back: foreign frames, grants that it maps, event channels to it.
    ///
    /// Shows: XEN_DOMCTL_destroydomain
    @Test func whatItHeldOfOthers() throws {
        let id = tools.make(9, pages: 1)
        let target = try #require(tools.domain(id))
        let held = dom0.frame(0x105)
        try target.pointee.mapForeign(GFN(0x105), of: dom0.ref.pointee, at: GFN(0x5_0000), dom0.platform)
        #expect(host.owners[held]?.holds == 1)
        // RAM that it has nowhere.
        let increased = target.pointee.increase(order: 0, dom0.platform)
        #expect(increased)
        try target.pointee.removeFromPhysmap(GFN(0x4_0000), dom0.platform)
        var unbound = EventAllocUnbound()
        unbound.domain = ReservedDomain.caller
        unbound.remoteDomain = id
        #expect(dom0.event(.allocUnbound, &unbound) == .success)
        let far = try EventChannels.bindInterdomain(
            local: target.pointee.events, remote: dom0.ref.pointee.events, remotePort: unbound.port,
            PlatformEvents(dom0.platform))
        #expect(far > 0)
        _ = dom0.destroy(id)
        tools.bury()
        #expect(host.owners[held]?.holds == 0)
        #expect(!host.owners.values.contains { $0.domain == id })
        var status = EventStatus()
        status.domain = ReservedDomain.caller
        status.port = unbound.port
        #expect(dom0.event(.status, &status) == .success)
        #expect(status.status == EventStatus.State.unbound.rawValue)
    }

    /// Every allocation of a domain's making fails once: an error comes back, and nothing is lost.
    ///
    /// Shows: XEN_DOMCTL_createdomain, XEN_DOMCTL_max_vcpus
    @Test func everyAllocationFails() {
        let before = tools.state
        var failures = 0
        for allowed in 0... {
            var id: UInt16 = 0
            host.machine.failAfter = allowed
            var outcome = dom0.create(9, &id)
            if outcome == .success { outcome = tools.vcpusAndMemory(id, 3) }
            host.machine.failAfter = nil
            let isWhole = outcome == .success
            if !isWhole {
                failures += 1
                #expect(outcome == .error(.enomem) || outcome.isPartOfThree, "\(outcome) after \(allowed)")
            }
            if tools.domain(9) != nil { _ = dom0.destroy(9) }
            tools.bury()
            #expect(tools.state == before, "after \(allowed)")
            if isWhole { break }
        }
        #expect(failures > 12)
    }
}

extension Outcome {
    /// What populate_physmap of three pages says that ran out of memory.
    var isPartOfThree: Bool {
        if case .value(let count) = self { return (0..<3).contains(count) }
        return false
    }
}
