// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import P2M
import XenABI

extension World {
    func memory(_ actor: Actor<Format>) {
        // The toolstack's own frames for arguments stay.
        let target = chance(in: 16) ? domainNumber() : ReservedDomain.caller
        switch below(16) {
        case 0...4: reservation(actor, .decreaseReservation, target, 0)
        case 5...9: reservation(actor, .populatePhysmap, target, 0)
        case 10: reservation(actor, .increaseReservation, target, 0)
        case 11...13: add(actor, target)
        case 14: addBatch(actor, target)
        default: remove(actor, target)
        }
    }

    private func order() -> UInt32 {
        switch below(64) {
        case 0: 9
        case 1: UInt32(below(20))
        case 2...14: UInt32(1 + below(3))
        default: 0
        }
    }

    /// Extents in a row, in every second place, or anywhere.
    func reservation(_ actor: Actor<Format>, _ operation: MemoryOp, _ target: UInt16, _ flags: UInt32) {
        var argument = MemoryReservation<Caller64>()
        argument.nrExtents = chance(in: 40) ? UInt64(below(600)) : UInt64(1 + below(4))
        argument.extentOrder = order()
        argument.domain = target
        argument.flags = MemoryFlags(rawValue: chance(in: 16) ? UInt32(below(4)) << 8 | flags : flags)
        argument.extentStart = actor.area &+ 64
        if argument.extentOrder == 9 { argument.nrExtents = 1 }
        let count = min(argument.nrExtents, 40)
        let step = chance(in: 2) ? UInt64(below(3)) << UInt64(argument.extentOrder) : 0
        var place = frame(actor, aligned: argument.extentOrder)
        let first = place
        for index in 0..<count {
            store(place, actor.ref, at: argument.extentStart &+ index * 8)
            place = step == 0 ? frame(actor, aligned: argument.extentOrder) : place &+ step
        }
        store(argument, actor.ref, at: actor.area)
        call(
            actor, operation == .populatePhysmap ? "populate" : operation == .decreaseReservation ? "decrease" : "increase",
            .memoryOp, UInt64(operation.rawValue), actor.area,
            shown: (first, UInt64(argument.extentOrder), argument.nrExtents, step))
    }

    private func frame(_ actor: Actor<Format>, aligned order: UInt32) -> UInt64 {
        var place = gfn(actor.ref)
        if actor.slot == 0 && place < 8 { place += 8 }
        return order > 0 && !chance(in: 8) ? place & ~(1 << UInt64(order & 63) - 1) | (actor.slot == 0 ? 64 : 0) : place
    }

    private func add(_ actor: Actor<Format>, _ target: UInt16) {
        var argument = AddToPhysmap<Caller64>()
        argument.domain = target
        argument.space = chance(in: 16) ? UInt32(below(8)) : [0, 1, 1, 1, 2, 2, 3][below(7)]
        argument.size = UInt16(below(4))
        argument.gpfn = frame(actor, aligned: 0)
        switch argument.space {
        case 0: argument.index = chance(in: 8) ? 1 : 0
        case 1: argument.index = UInt64(below(5)) | (chance(in: 3) ? MapSpace.grantTableStatus : 0)
        default: argument.index = frame(actor, aligned: 0)
        }
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "add_to_physmap (space, index, frame)", .memoryOp, UInt64(MemoryOp.addToPhysmap.rawValue), actor.area,
            shown: (UInt64(argument.space), argument.index, argument.gpfn, UInt64(argument.size)))
    }

    func addBatch(_ actor: Actor<Format>, _ target: UInt16, foreign: UInt16? = nil) {
        var argument = AddToPhysmapBatch<Caller64>()
        argument.domain = target
        argument.space = foreign != nil ? UInt16(MapSpace.gmfnForeign.rawValue) : UInt16(below(6))
        argument.size = UInt16(1 + below(chance(in: 30) ? 40 : 3))
        argument.foreignDomain = foreign ?? domainNumber()
        (argument.indexes, argument.gpfns, argument.errors) = (actor.area &+ 64, actor.area &+ 512, actor.area &+ 1024)
        for index in 0..<UInt64(argument.size) {
            store(frame(actor, aligned: 0), actor.ref, at: argument.indexes &+ index * 8)
            let place = actor.slot == 0 && !chance(in: 16) ? UInt64(64 + below(64)) : frame(actor, aligned: 0)
            store(place, actor.ref, at: argument.gpfns &+ index * 8)
        }
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "add_to_physmap_batch (space, domain, size)", .memoryOp, UInt64(MemoryOp.addToPhysmapBatch.rawValue),
            actor.area, shown: (UInt64(argument.space), UInt64(argument.foreignDomain), UInt64(argument.size), 0))
    }

    func remove(_ actor: Actor<Format>, _ target: UInt16, _ gfn: UInt64? = nil) {
        var argument = RemoveFromPhysmap<Caller64>()
        argument.domain = target
        argument.gpfn = gfn ?? frame(actor, aligned: 0)
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "remove_from_physmap", .memoryOp, UInt64(MemoryOp.removeFromPhysmap.rawValue), actor.area,
            shown: (argument.gpfn, UInt64(target), 0, 0))
    }
}
