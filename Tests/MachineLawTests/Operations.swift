// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
@testable import Domains
import Hypercalls
import Machine
import P2M
import Sync
import Synchronization
import XenABI

/// Who asks.
struct Actor<Format: EntryFormat> {
    let slot: Int
    let number: Int
    let vcpu: Ref<VCPU<LawPlatform<Format>>>
    let pcpu: Int
    /// Where its arguments go: an address of its own, anywhere in a page.
    let area: UInt64
    var ref: Ref<Domain<LawPlatform<Format>>> { vcpu.pointee.domain }
    var id: UInt16 { UInt16(slot) }
}

extension World {
    /// One operation of whoever runs on the pCPU.
    func operate(_ pcpu: Int) {
        if chance(in: 40) { return idle(pcpu) }
        guard let actor = choose(pcpu) else { return idle(pcpu) }
        running[pcpu] = actor.vcpu
        defer { running[pcpu] = nil }
        note(lookedUp: actor.ref, by: pcpu)
        if actor.slot == 0, below(3) > 0 { return toolstack(actor) }
        switch below(24) {
        case 0...7: grants(actor)
        case 8...12: memory(actor)
        case 13...15: events(actor)
        case 16...17: again(actor)
        case 18...21: touch(actor)
        case 22: vcpus(actor)
        default: odd(actor)
        }
    }

    private func choose(_ pcpu: Int) -> Actor<Format>? {
        let slot = below(4)
        guard let domain = present(slot) else { return slot == 0 ? nil : actor(0, pcpu) }
        // Nobody runs what is paused.
        guard domain.ref.pointee.pauses.load(ordering: .relaxed) == 0, !domain.vcpus.isEmpty else { return actor(0, pcpu) }
        return actor(slot, pcpu)
    }

    /// A vCPU of the domain that no pCPU runs.
    private func actor(_ slot: Int, _ pcpu: Int) -> Actor<Format>? {
        guard let domain = present(slot), !domain.vcpus.isEmpty else { return nil }
        let number = below(domain.vcpus.count)
        let vcpu = domain.vcpus[number]
        guard !running.contains(where: { $0 == vcpu }) else { return nil }
        return Actor(slot: slot, number: number, vcpu: vcpu, pcpu: pcpu, area: area(slot, number, domain.ref))
    }

    private func area(_ slot: Int, _ number: Int, _ ref: Ref<Domain<P>>) -> UInt64 {
        if slot == 0 { return UInt64(number) << 12 }
        let offset = chance(in: 24) ? UInt64(3900 + below(196)) : UInt64(below(48) * 64)
        if chance(in: 50) { return gfn(ref) << 12 &+ offset }
        for _ in 0..<6 {
            let gfn = UInt64(below(64))
            if mayAccess(lookup(ref, GFN(gfn)).type, write: true, byHypervisor: true) { return gfn << 12 &+ offset }
        }
        return UInt64(below(64)) << 12 &+ offset
    }

    /// Whether a pCPU is in a hypercall of the domain's: whoever pauses it would wait.
    func runs(_ slot: Int) -> Bool {
        guard let domain = domains[slot] else { return false }
        return running.contains { $0 != nil && $0!.pointee.domain == domain.ref }
    }

    private func idle(_ pcpu: Int) {
        for _ in 0..<4 { _ = machine.heap.pointee.scrub() }
    }

    // MARK: Numbers

    /// A guest frame: mostly where RAM and mappings are, now and then far away, at an edge or nonsense.
    func gfn(_ ref: Ref<Domain<P>>) -> UInt64 {
        switch below(40) {
        case 0...23: return UInt64(below(96))
        case 24...27: return UInt64(below(1024))
        case 28...32: return UInt64(below(64)) << 9 + UInt64(below(3))
        case 33: return format.capacity &- UInt64(below(3)) &+ 1
        case 34: return ~0 &- UInt64(below(2))
        case 35: return LawMachine.base.rawValue + UInt64(below(4096))
        case 36: return UInt64(below(256)) << 18
        case 37: return random.next() >> UInt64(below(60))
        case 38: return ref.pointee.sharedInfoPlace.load(ordering: .relaxed)
        default: return UInt64(96 + below(32))
        }
    }

    func domainNumber() -> UInt16 {
        switch below(16) {
        case 0: ReservedDomain.caller
        case 1: UInt16(truncatingIfNeeded: random.next())
        default: UInt16(below(Self.slots))
        }
    }

    // MARK: Calls

    @discardableResult
    func call(
        _ actor: Actor<Format>, _ name: StaticString, _ number: Hypercall, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
        _ d: UInt64 = 0, shown: (UInt64, UInt64, UInt64, UInt64)? = nil
    ) -> Int64 {
        let line = trace.add(
            Trace.Line(depth: UInt8(depth - 1), domain: actor.id, name: name, values: shown ?? (a, b, c, d)))
        let result = perform(actor, LawCall(number: number, arguments: [a, b, c, d, 0]))
        trace.set(result, of: line)
        return result
    }

    func perform(_ actor: Actor<Format>, _ call: LawCall) -> Int64 {
        let outcome = Call<P, Caller64>(
            platform: platform(actor.pcpu, actor.vcpu), vcpu: actor.vcpu, arguments: call.arguments
        ).perform(call.number.rawValue)
        var next: LawCall? = call
        var result: Int64 = 0
        switch outcome {
        case .again(let first): next!.arguments[0] = first
        case .againWithRest(let first, let second, let third):
            next!.arguments[0] = first
            next!.arguments[1] = second
            next!.arguments[2] = third
        case .value(let value): (next, result) = (nil, value)
        case .poll:
            (next, result) = (nil, 0)
            actor.ref.pointee.events.pointee.endPoll(actor.vcpu.pointee.id)
        case .shutdown(let reason):
            next = nil
            shutDown(actor, reason)
        default: next = nil
        }
        if domains[actor.slot]?.ref == actor.ref { domains[actor.slot]!.pending[actor.number] = next }
        return next == nil ? result : 1 << 32
    }

    /// dom0's end would be the machine's.
    private func shutDown(_ actor: Actor<Format>, _ reason: ShutdownReason) {
        if actor.slot != 0 { actor.ref.pointee.shutDown(reason.rawValue, platform(actor.pcpu, actor.vcpu)) }
    }

    /// Goes on with a call that was interrupted.
    private func again(_ actor: Actor<Format>) {
        guard let pending = domains[actor.slot]?.pending[actor.number] else { return touch(actor) }
        call(
            actor, "again", pending.number, pending.arguments[0], pending.arguments[1], pending.arguments[2],
            pending.arguments[3])
    }

    /// What the guest does without asking: a load or a store of its own, by stage 2 or by what a processor remembers of it.
    private func touch(_ actor: Actor<Format>) {
        let gfn = gfn(actor.ref)
        let write = chance(in: 2)
        if let known = remembered.first(where: { $0.domain == actor.id && $0.gfn == gfn && ($0.writable || !write) }) {
            if write { scribble(known.frame) }
            return
        }
        var entry = lookup(actor.ref, GFN(gfn))
        let isOnDemand = entry.type == .populateOnDemand
        if !mayAccess(entry.type, write: write) {
            switch actor.ref.pointee.resolve(GFN(gfn), write: write, platform(actor.pcpu, actor.vcpu)) {
            case .again: break
            case .refused: return
            case .outOfMemory: return shutDown(actor, .crash)
            }
            entry = lookup(actor.ref, GFN(gfn))
            guard mayAccess(entry.type, write: write) else { return }
            if isOnDemand { lookAt(new: entry.frame) }
        }
        _ = trace.add(
            Trace.Line(
                depth: UInt8(depth - 1), domain: actor.id, name: write ? "stores to" : "loads from", values: (gfn, 0, 0, 0)))
        if remembered.count >= 24 { remembered.removeFirst() }
        remembered.append(
            Remembered(domain: actor.id, gfn: gfn, frame: entry.frame, writable: mayAccess(entry.type, write: true)))
        if write { scribble(entry.frame) }
    }

    /// What comes on demand is new to everybody.
    private func lookAt(new frame: MFN) {
        machine.lookWhetherClean(frame)
        if references(frame) != 0 { machine.note("\(LawMachine.name(frame)) comes on demand, and somebody has it") }
    }

    /// What a hostile guest would have the hypervisor take for its own: frame numbers, in the words where a list would begin.
    private func scribble(_ frame: MFN) {
        let word = chance(in: 2) ? LawMachine.base.rawValue + 32 + UInt64(below(4064)) : random.next()
        let offset = chance(in: 2) ? 0 : UInt64(below(512)) * 8
        machine.pointer(to: frame.address + offset).storeBytes(of: word, as: UInt64.self)
    }

    private func vcpus(_ actor: Actor<Format>) {
        let count = domains[actor.slot]!.vcpus.count
        switch below(4) {
        case 0:
            var argument = VCPURegisterInfo()
            argument.gfn = gfn(actor.ref)
            argument.offset = chance(in: 4) ? UInt32(below(5000)) : UInt32(below(63)) * 64
            store(argument, actor.ref, at: actor.area)
            call(
                actor, "register_vcpu_info", .vcpuOp, UInt64(VCPUOp.registerVCPUInfo.rawValue), UInt64(below(count + 1)),
                actor.area, shown: (argument.gfn, UInt64(argument.offset), 0, 0))
        case 1:
            let place = gfn(actor.ref) << 12 &+ (chance(in: 2) ? 4096 - UInt64(below(56)) : UInt64(below(400)) * 8)
            store(place, actor.ref, at: actor.area)
            call(
                actor, "register_runstate", .vcpuOp, UInt64(VCPUOp.registerRunstateMemoryArea.rawValue),
                UInt64(actor.number), actor.area, shown: (place, 0, 0, 0))
        case 2: actor.vcpu.pointee.publishRunstate(platform(actor.pcpu, actor.vcpu))
        default:
            let isUp = !actor.vcpu.pointee.isUp.load(ordering: .relaxed)
            actor.vcpu.pointee.isUp.store(isUp, ordering: .relaxed)
        }
    }

    private func odd(_ actor: Actor<Format>) {
        let number: [Hypercall] = [
            .memoryOp, .grantTableOp, .eventChannelOp, .vcpuOp, .hvmOp, .xenVersion, .schedOp, .vmAssist,
        ]
        let what = number[below(number.count)]
        let operation = UInt64(below(34))
        // The end of its own domain is the toolstack's to see.
        if what == .schedOp && (operation == 2 || operation == 4) { return }
        for index in 0..<UInt64(6) {
            store(
                chance(in: 2) ? UInt64(below(64)) : random.next() >> UInt64(below(64)), actor.ref,
                at: actor.area &+ index * 8)
        }
        call(
            actor, "odd", what, operation, actor.area, chance(in: 2) ? UInt64(below(4)) : random.next() >> UInt64(below(64)))
    }
}
