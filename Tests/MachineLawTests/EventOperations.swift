// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import EventChannels
import Machine
import P2M
import XenABI

extension World {
    func events(_ actor: Actor<Format>) {
        let port = UInt32(chance(in: 20) ? below(5000) : below(24))
        let vcpu = UInt32(below(4))
        switch below(20) {
        case 0...3: port1(actor, "send", .send, port)
        case 4...5: port1(actor, "close", .close, port)
        case 6: port1(actor, "unmask", .unmask, port)
        case 7...8:
            var argument = EventAllocUnbound()
            argument.domain = chance(in: 6) ? domainNumber() : ReservedDomain.caller
            argument.remoteDomain = UInt16(below(Self.slots))
            operate(actor, "alloc_unbound", .allocUnbound, argument, UInt64(argument.remoteDomain))
        case 9...11:
            var argument = EventBindInterdomain()
            (argument.remoteDomain, argument.remotePort) = (UInt16(below(Self.slots)), port)
            operate(actor, "bind_interdomain", .bindInterdomain, argument, UInt64(argument.remoteDomain), UInt64(port))
        case 12:
            var argument = EventBindVIRQ()
            (argument.virq, argument.vcpu) = (UInt32(below(26)), vcpu)
            operate(actor, "bind_virq", .bindVIRQ, argument, UInt64(argument.virq), UInt64(vcpu))
        case 13:
            var argument = EventBindIPI()
            argument.vcpu = vcpu
            operate(actor, "bind_ipi", .bindIPI, argument, UInt64(vcpu))
        case 14:
            var argument = EventBindVCPU()
            (argument.port, argument.vcpu) = (port, vcpu)
            operate(actor, "bind_vcpu", .bindVCPU, argument, UInt64(port), UInt64(vcpu))
        case 15:
            var argument = EventReset()
            argument.domain = chance(in: 4) ? domainNumber() : ReservedDomain.caller
            operate(actor, "reset", .reset, argument, UInt64(argument.domain))
        case 16...17:
            var argument = EventInitControl()
            argument.controlGFN = gfn(actor.ref)
            argument.offset = chance(in: 4) ? UInt32(below(5000)) : UInt32(below(500)) * 8
            argument.vcpu = vcpu
            operate(
                actor, "init_control", .initControl, argument, argument.controlGFN, UInt64(argument.offset), UInt64(vcpu))
        case 18:
            var argument = EventExpandArray()
            argument.arrayGFN = gfn(actor.ref)
            operate(actor, "expand_array", .expandArray, argument, argument.arrayGFN)
        default: more(actor, port)
        }
    }

    private func more(_ actor: Actor<Format>, _ port: UInt32) {
        switch below(4) {
        case 0:
            var argument = EventSetPriority()
            (argument.port, argument.priority) = (port, UInt32(below(17)))
            operate(actor, "set_priority", .setPriority, argument, UInt64(port))
        case 1:
            var argument = EventStatus()
            (argument.domain, argument.port) = (domainNumber(), port)
            operate(actor, "status", .status, argument, UInt64(argument.domain), UInt64(port))
        case 2:
            var argument = EventRegister3LevelBitmaps()
            argument.nrPages = 8
            for index in 0..<8 {
                argument.pendingGFN[index] = gfn(actor.ref)
                argument.maskGFN[index] = chance(in: 2) ? UInt64(8 + index) : gfn(actor.ref)
                if chance(in: 3) { argument.pendingGFN[index] = UInt64(16 + index) }
            }
            operate(actor, "register_bitmaps", .register3LevelBitmaps, argument)
        default:
            var argument = EventRegister3LevelSelector()
            (argument.gfn, argument.offset, argument.vcpu) = (gfn(actor.ref), UInt32(below(8)) * 512, UInt32(below(3)))
            operate(actor, "register_selector", .register3LevelSelector, argument, argument.gfn)
        }
    }

    private func port1(_ actor: Actor<Format>, _ name: StaticString, _ operation: EventChannelOp, _ port: UInt32) {
        var argument = EventPort()
        argument.port = port
        operate(actor, name, operation, argument, UInt64(port))
    }

    private func operate<Argument: BitwiseCopyable>(
        _ actor: Actor<Format>, _ name: StaticString, _ operation: EventChannelOp, _ argument: Argument, _ a: UInt64 = 0,
        _ b: UInt64 = 0, _ c: UInt64 = 0
    ) {
        store(argument, actor.ref, at: actor.area)
        call(actor, name, .eventChannelOp, UInt64(operation.rawValue), actor.area, shown: (a, b, c, 0))
    }
}
