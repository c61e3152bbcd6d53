// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
@testable import Domains
import Machine
import P2M
import Sync
import Synchronization
import XenABI

/// A domctl as a toolstack lays it out: header and union.
private struct DomctlArgument: BitwiseCopyable {
    var header = DomctlHeader()
    var payload = InlineArray<16, UInt64>(repeating: 0)
}

extension World {
    func toolstack(_ actor: Actor<Format>) {
        let slot = 1 + below(Self.slots - 1)
        guard let domain = domains[slot] else { return create(actor, slot) }
        if domain.isBeingKilled || chance(in: domain.ref.pointee.isShutDown ? 6 : 400) { return destroy(actor, slot) }
        switch below(21) {
        case 0...3: reservation(actor, .populatePhysmap, UInt16(slot), 0)
        case 4...6: addBatch(actor, chance(in: 8) ? UInt16(slot) : ReservedDomain.caller, foreign: UInt16(slot))
        case 7: resource(actor, slot)
        case 8: domctl(actor, "pause", .pauseDomain, slot)
        case 9...11: domctl(actor, "unpause", .unpauseDomain, slot)
        case 12: domctl(actor, "max_mem", .maxMem, slot, UInt64(below(900)) * 4)
        case 13: claim(actor, slot)
        case 14...15: log(actor, slot)
        case 16: demand(actor, slot)
        case 17: target(actor, slot)
        case 18: pool(actor, slot)
        case 19: machine.failAfter = chance(in: 3) ? below(12) : -1
        default: unpause(actor, slot)
        }
    }

    @discardableResult
    private func domctl(
        _ actor: Actor<Format>, _ name: StaticString, _ operation: Domctl, _ slot: Int, _ a: UInt64 = 0, _ b: UInt64 = 0,
        _ c: UInt64 = 0, _ d: UInt64 = 0
    ) -> Int64 {
        var argument = DomctlArgument()
        (argument.payload[0], argument.payload[1], argument.payload[2], argument.payload[3]) = (a, b, c, d)
        return domctl(actor, name, operation, slot, &argument)
    }

    private func domctl(
        _ actor: Actor<Format>, _ name: StaticString, _ operation: Domctl, _ slot: Int, _ argument: inout DomctlArgument
    ) -> Int64 {
        // Whoever pauses a domain waits for those that are in a call of its.
        if runs(slot) { return -1 }
        argument.header.command = operation.rawValue
        argument.header.interfaceVersion = Domctl.interfaceVersion
        argument.header.domain = UInt16(slot)
        store(argument, actor.ref, at: actor.area)
        return call(
            actor, name, .domctl, actor.area,
            shown: (UInt64(slot), argument.payload[0], argument.payload[1], argument.payload[2]))
    }

    private func create(_ actor: Actor<Format>, _ slot: Int) {
        guard depth == 1 else { return }
        var config = CreateDomain<ARMDomainConfig>()
        config.flags = CreateFlag.hvm | CreateFlag.hap
        config.maximumVCPUs = UInt32(1 + below(3))
        config.maximumPort = chance(in: 4) ? 40 : 4000
        config.maximumGrantFrames = Int32(1 + below(3))
        config.maximumMaptrackFrames = 1
        config.grantOptions = chance(in: 4) ? 1 : 2
        var argument = DomctlArgument()
        withUnsafeMutableBytes(of: &argument.payload) { $0.storeBytes(of: config, as: CreateDomain<ARMDomainConfig>.self) }
        let result = domctl(actor, "create", .createDomain, slot, &argument)
        // Somebody has frames of whoever had the number before.
        if result == -17 { return letGo(actor) }
        guard result == 0,
            let ref = directory.pointee.domain(DomainID(UInt16(slot)), in: frames)
        else { return }
        // It may have the frame of one whose burial is under way: that has let go of it, and of its name here.
        forget(ref)
        unburied.append(ref)
        domctl(actor, "max_vcpus", .maxVCPUs, slot, UInt64(config.maximumVCPUs))
        domctl(actor, "max_mem", .maxMem, slot, UInt64(200 + below(700)) * 4)
        enter(ref, UInt16(slot))
        let platform = platform(actor.pcpu, actor.vcpu)
        for gfn in 0..<UInt64(40) { _ = ref.pointee.populate(GFN(gfn), order: 0, platform) }
        _ = ref.pointee.populate(GFN(40), order: 3, platform)
        if chance(in: 2) {
            demand(actor, slot)
            target(actor, slot)
        }
        domctl(actor, "unpause", .unpauseDomain, slot)
    }

    /// dom0 lets go of others' frames, and now and then the others have to go too.
    private func letGo(_ actor: Actor<Format>) {
        for gfn in UInt64(64)..<128 where lookup(actor.ref, GFN(gfn)).type == .foreign {
            remove(actor, ReservedDomain.caller, gfn)
        }
        for domain in unburied where domain != actor.ref && chance(in: 8) && domain.pointee.lifeStage == .alive {
            destroy(actor, Int(domain.pointee.id.rawValue))
        }
    }

    private func unpause(_ actor: Actor<Format>, _ slot: Int) {
        for _ in 0..<4 where present(slot)?.ref.pointee.isPausedByToolstack == true {
            domctl(actor, "unpause", .unpauseDomain, slot)
        }
    }

    private func destroy(_ actor: Actor<Format>, _ slot: Int) {
        guard !runs(slot), domains[slot] != nil else { return }
        domains[slot]!.isBeingKilled = true
        for _ in 0..<6 where domctl(actor, "destroy", .destroyDomain, slot) != 0 {}
    }

    private func resource(_ actor: Actor<Format>, _ slot: Int) {
        var argument = AcquireResource<Caller64>()
        argument.domain = UInt16(slot)
        argument.type = ResourceType.grantTable.rawValue
        argument.id = UInt32(below(2))
        argument.nrFrames = UInt32(1 + below(3))
        argument.frame = UInt64(below(3))
        argument.frameList = actor.area &+ 64
        for index in 0..<UInt64(3) { store(UInt64(64 + below(64)), actor.ref, at: argument.frameList &+ index * 8) }
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "acquire_resource", .memoryOp, UInt64(MemoryOp.acquireResource.rawValue), actor.area,
            shown: (UInt64(slot), UInt64(argument.id), argument.frame, UInt64(argument.nrFrames)))
    }

    private func claim(_ actor: Actor<Format>, _ slot: Int) {
        var argument = MemoryReservation<Caller64>()
        argument.nrExtents = chance(in: 2) ? 0 : UInt64(below(900))
        argument.domain = UInt16(slot)
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "claim", .memoryOp, UInt64(MemoryOp.claimPages.rawValue), actor.area,
            shown: (UInt64(slot), argument.nrExtents, 0, 0))
    }

    private func log(_ actor: Actor<Format>, _ slot: Int) {
        var argument = DomctlShadowOp()
        argument.operation = [ShadowOp.off, .enableLogDirty, .clean, .peek][below(4)].rawValue
        argument.pages = UInt64(below(2000))
        argument.bitmap = actor.area &+ 1024
        var whole = DomctlArgument()
        withUnsafeMutableBytes(of: &whole.payload) { $0.storeBytes(of: argument, as: DomctlShadowOp.self) }
        _ = domctl(actor, "shadow_op", .shadowOp, slot, &whole)
    }

    /// What is set aside for its page tables: a few more than it has need of, or less.
    private func pool(_ actor: Actor<Format>, _ slot: Int) {
        let size = UInt64(chance(in: 8) ? below(100) : 6 + below(20)) << 12 | (chance(in: 16) ? UInt64(below(4096)) : 0)
        domctl(actor, "set_paging_mempool_size", .setPagingMempoolSize, slot, size)
    }

    private func demand(_ actor: Actor<Format>, _ slot: Int) {
        var argument = MemoryReservation<Caller64>()
        argument.nrExtents = 1
        argument.extentOrder = chance(in: 2) ? 9 : UInt32(below(6))
        argument.domain = UInt16(slot)
        argument.flags = MemoryFlags(rawValue: MemoryFlags.populateOnDemandBit)
        argument.extentStart = actor.area &+ 64
        let place = argument.extentOrder == 9 ? UInt64(1 + below(2)) << 9 : UInt64(64 + below(64))
        store(place, actor.ref, at: argument.extentStart)
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "populate on demand", .memoryOp, UInt64(MemoryOp.populatePhysmap.rawValue), actor.area,
            shown: (UInt64(slot), place, UInt64(argument.extentOrder), 0))
    }

    private func target(_ actor: Actor<Format>, _ slot: Int) {
        var argument = PoDTarget<Caller64>()
        argument.targetPages = UInt64(below(700))
        argument.domain = UInt16(slot)
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "set_pod_target", .memoryOp, UInt64(MemoryOp.setPoDTarget.rawValue), actor.area,
            shown: (UInt64(slot), argument.targetPages, 0, 0))
    }
}
