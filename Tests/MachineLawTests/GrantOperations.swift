// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import GrantTables
import Machine
import P2M
import XenABI

extension World {
    func grants(_ actor: Actor<Format>) {
        switch below(20) {
        case 0...4: grant(actor)
        case 5...9: map(actor)
        case 10...14: unmap(actor)
        case 15...16: copy(actor)
        case 17: setUp(actor)
        case 18: version(actor)
        default: few(actor)
        }
    }

    private func ref() -> UInt64 {
        switch below(20) {
        case 0: UInt64(below(2100))
        case 1: random.next() >> UInt64(below(64))
        default: UInt64(8 + below(8)) - (chance(in: 4) ? 8 : 0)
        }
    }

    /// Writes an entry of its own table, where it has that in its memory.
    private func grant(_ actor: Actor<Format>) {
        let table = actor.ref.pointee.grants
        let version = table.pointee.version
        let ref = UInt64(8 + below(8)) - (chance(in: 4) ? 8 : 0)
        let place = table.pointee.place(ofFrame: 0)
        guard place != .invalid else { return mapTable(actor) }
        let domain = UInt16(chance(in: 6) ? below(Self.slots) : (actor.slot + 1 + below(Self.slots - 1)) % Self.slots)
        var flags = chance(in: 8) ? UInt16(truncatingIfNeeded: random.next()) : GrantFlag.permitAccess
        if chance(in: 3) { flags |= GrantFlag.readOnly }
        let frame = chance(in: 3) ? gfn(actor.ref) : UInt64(below(48))
        _ = trace.add(
            Trace.Line(
                depth: UInt8(depth - 1), domain: actor.id, name: "writes the grant (reference, domain, frame, flags)",
                values: (ref, UInt64(domain), frame, UInt64(flags))))
        if version == 1 {
            var entry = GrantEntryV1()
            (entry.flags, entry.domain, entry.frame) = (flags, domain, UInt32(truncatingIfNeeded: frame))
            return store(entry, actor.ref, at: place.rawValue << 12 &+ ref * 8)
        }
        var entry = GrantEntryV2()
        if chance(in: 6) { flags |= GrantFlag.subPage }
        if chance(in: 6) { flags = GrantFlag.transitive }
        (entry.flags, entry.domain, entry.frame) = (flags, domain, frame)
        entry.pageOffsetOrTransitiveDomain = UInt16(below(8))
        entry.length = UInt16(below(4097))
        if flags == GrantFlag.transitive { entry.frame = UInt64(8 + below(8)) }
        store(entry, actor.ref, at: place.rawValue << 12 &+ ref * 16)
    }

    private func mapTable(_ actor: Actor<Format>) {
        var argument = AddToPhysmap<Caller64>()
        argument.domain = ReservedDomain.caller
        argument.space = MapSpace.grantTable.rawValue
        argument.gpfn = UInt64(96 + below(8))
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "add_to_physmap (grant table)", .memoryOp, UInt64(MemoryOp.addToPhysmap.rawValue), actor.area,
            shown: (0, argument.gpfn, 0, 0))
    }

    private func map(_ actor: Actor<Format>) {
        let count = chance(in: 4) ? 1 + below(3) : 1
        var wanted: [GrantMap] = []
        for index in 0..<count {
            var element = GrantMap()
            let place = chance(in: 3) ? gfn(actor.ref) : UInt64(128 + below(32))
            element.hostAddress = place << 12 &+ (chance(in: 8) ? UInt64(below(4096)) : 0)
            if chance(in: 12), let known = domains[actor.slot]!.mappings.randomElement(using: &random) {
                element.hostAddress = known.gfn << 12
            }
            element.flags = chance(in: 16) ? UInt32(below(32)) : GrantMapFlag.hostMap
            if chance(in: 3) { element.flags |= GrantMapFlag.readOnly }
            element.ref = UInt32(truncatingIfNeeded: ref())
            element.domain = chance(in: 10) ? domainNumber() : UInt16(below(Self.slots))
            if !chance(in: 4), let (domain, ref) = grantFor(actor) { (element.domain, element.ref) = (domain, ref) }
            element.status = 77
            store(element, actor.ref, at: actor.area &+ UInt64(index) * 32)
            wanted.append(element)
        }
        call(
            actor, "map (address, domain, reference, flags)", .grantTableOp, UInt64(GrantTableOp.mapGrantRef.rawValue),
            actor.area, UInt64(count),
            shown: (wanted[0].hostAddress, UInt64(wanted[0].domain), UInt64(wanted[0].ref), UInt64(wanted[0].flags)))
        for index in 0..<count {
            // What it does not get to know now, as after a call that goes on later, it has lost.
            guard let done = load(GrantMap.self, actor.ref, at: actor.area &+ UInt64(index) * 32), done.status == 0 else {
                continue
            }
            domains[actor.slot]?.mappings.append(
                KnownMapping(handle: done.handle, gfn: done.hostAddress >> 12))
        }
    }

    /// What somebody grants to it, as others would tell it.
    private func grantFor(_ actor: Actor<Format>) -> (domain: UInt16, ref: UInt32)? {
        for _ in 0..<4 {
            let slot = below(Self.slots)
            guard let domain = present(slot), slot != actor.slot else { continue }
            let table = domain.ref.pointee.grants
            let place = table.pointee.place(ofFrame: 0)
            let size: UInt64 = table.pointee.version == 1 ? 8 : 16
            guard place != .invalid else { continue }
            for ref in UInt64(0)..<16 {
                guard let word = load(UInt32.self, domain.ref, at: place.rawValue << 12 &+ ref * size), word & 3 == 1,
                    word >> 16 == UInt32(actor.id), chance(in: 2)
                else { continue }
                return (UInt16(slot), UInt32(ref))
            }
        }
        return nil
    }

    private func unmap(_ actor: Actor<Format>) {
        guard let domain = domains[actor.slot], !domain.mappings.isEmpty else { return map(actor) }
        let count = chance(in: 6) ? 1 + below(6) : 1
        let replaces = chance(in: 12)
        let size: UInt64 = 24
        var first = (UInt64(0), UInt64(0))
        for index in 0..<count {
            let known = domain.mappings[below(domain.mappings.count)]
            var (address, handle) = (known.gfn << 12, known.handle)
            switch below(8) {
            case 0: address = gfn(actor.ref) << 12
            case 1: address = domain.mappings[below(domain.mappings.count)].gfn << 12
            case 2: handle = UInt32(below(12))
            case 3: address += UInt64(below(4096))
            default: break
            }
            if chance(in: 20) { address = 0 }
            if index == 0 { first = (address, UInt64(handle)) }
            let place = actor.area &+ UInt64(index) * size
            if replaces {
                var element = GrantUnmapAndReplace()
                (element.hostAddress, element.handle) = (address, handle)
                if chance(in: 2) { element.newAddress = gfn(actor.ref) << 12 }
                store(element, actor.ref, at: place)
            } else {
                var element = GrantUnmap()
                (element.hostAddress, element.handle) = (address, handle)
                if chance(in: 8) { element.deviceAddress = random.next() }
                store(element, actor.ref, at: place)
            }
        }
        call(
            actor, replaces ? "unmap and replace (address, handle)" : "unmap (address, handle)", .grantTableOp,
            UInt64((replaces ? GrantTableOp.unmapAndReplace : .unmapGrantRef).rawValue), actor.area, UInt64(count),
            shown: (first.0, first.1, UInt64(count), 0))
        if chance(in: 3) { forgetMappings(actor) }
    }

    /// What it does not map any more it forgets, but not at once.
    private func forgetMappings(_ actor: Actor<Format>) {
        let table = actor.ref.pointee.grants
        domains[actor.slot]?.mappings.removeAll { (try? table.pointee.granter(ofHandle: $0.handle)) == nil }
    }

    private func copy(_ actor: Actor<Format>) {
        func side(_ isGrant: Bool) -> GrantCopyPointer<Caller64> {
            var pointer = GrantCopyPointer<Caller64>()
            pointer.refOrFrame = isGrant ? ref() : gfn(actor.ref)
            pointer.domain = isGrant ? UInt16(below(Self.slots)) : ReservedDomain.caller
            if chance(in: 16) { pointer.domain = domainNumber() }
            pointer.offset = UInt16(below(chance(in: 8) ? 5000 : 2048))
            return pointer
        }
        let count = 1 + below(3)
        for index in 0..<count {
            var element = GrantCopy<Caller64>()
            element.flags = UInt16(chance(in: 8) ? below(4) : 1 + below(2))
            element.source = side(element.flags & 1 != 0)
            element.destination = side(element.flags & 2 != 0)
            element.length = UInt16(below(chance(in: 8) ? 5000 : 64))
            store(element, actor.ref, at: actor.area &+ UInt64(index * MemoryLayout<GrantCopy<Caller64>>.stride))
        }
        call(actor, "copy", .grantTableOp, UInt64(GrantTableOp.copy.rawValue), actor.area, UInt64(count))
    }

    private func setUp(_ actor: Actor<Format>) {
        var argument = GrantSetupTable<Caller64>()
        argument.domain = chance(in: 4) ? domainNumber() : ReservedDomain.caller
        argument.nrFrames = UInt32(below(6))
        argument.frameList = actor.area &+ 64
        store(argument, actor.ref, at: actor.area)
        let operation: GrantTableOp = chance(in: 3) ? .getStatusFrames : .setupTable
        call(
            actor, "setup_table", .grantTableOp, UInt64(operation.rawValue), actor.area, 1,
            shown: (UInt64(operation.rawValue), UInt64(argument.domain), UInt64(argument.nrFrames), 0))
    }

    private func version(_ actor: Actor<Format>) {
        var argument = GrantSetVersion()
        argument.version = UInt32(chance(in: 8) ? below(4) : 1 + below(2))
        store(argument, actor.ref, at: actor.area)
        call(
            actor, "set_version", .grantTableOp, UInt64(GrantTableOp.setVersion.rawValue), actor.area, 1,
            shown: (UInt64(argument.version), 0, 0, 0))
    }

    private func few(_ actor: Actor<Format>) {
        switch below(4) {
        case 0:
            var argument = GrantSwap()
            (argument.refA, argument.refB) = (UInt32(truncatingIfNeeded: ref()), UInt32(truncatingIfNeeded: ref()))
            store(argument, actor.ref, at: actor.area)
            call(actor, "swap", .grantTableOp, UInt64(GrantTableOp.swapGrantRef.rawValue), actor.area, 1)
        case 1:
            var argument = GrantTransfer<Caller64>()
            argument.mfn = gfn(actor.ref)
            argument.domain = domainNumber()
            argument.ref = UInt32(truncatingIfNeeded: ref())
            store(argument, actor.ref, at: actor.area)
            call(actor, "transfer", .grantTableOp, UInt64(GrantTableOp.transfer.rawValue), actor.area, 1)
        case 2:
            var argument = GrantCacheFlush()
            argument.deviceAddressOrRef = (LawMachine.base.rawValue + UInt64(below(4200))) << 12
            (argument.length, argument.operation) = (64, 1)
            store(argument, actor.ref, at: actor.area)
            call(actor, "cache_flush", .grantTableOp, UInt64(GrantTableOp.cacheFlush.rawValue), actor.area, 1)
        default:
            var argument = GrantQuerySize()
            argument.domain = domainNumber()
            store(argument, actor.ref, at: actor.area)
            call(actor, "query_size", .grantTableOp, UInt64(GrantTableOp.querySize.rawValue), actor.area, 1)
        }
    }
}
