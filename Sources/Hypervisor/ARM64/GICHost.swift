// SPDX-License-Identifier: Apache-2.0

import ARM
import ARM64
import ArchARM64
import ArchCommon
import Base
import Boot
import Containers
import DomainBuilder
import Domains
import Drivers
import EventChannels
import Firmware
import GrantTables
import Hypercalls
import MMIO
import Machine
import Memory
import P2M
import Scheduler
import Sync
import Synchronization
import Timekeeping
import VirtualGIC
import XenABI

/// The virtual interface of a GICv3 on this pCPU.
struct HostV3: VirtualGICHost {
    typealias Format = ListRegisterV3
    let domain: MetalDomain
    let pcpu: PCPU
    let gic: GICv3

    var listRegisterCount: Int { root.state.machine.value.listRegisters }
    var emptyListRegisters: UInt32 {
        // A list register that was just written must not read as empty.
        arm64_isb()
        return UInt32(truncatingIfNeeded: gic.emptyListRegisters)
    }
    func listRegister(_ index: Int) -> UInt64 { gic.listRegister(index) }
    func setListRegister(_ index: Int, _ value: UInt64) { gic.setListRegister(index, value) }
    func setUnderflowInterrupt(_ isOn: Bool) { gic.setControl(isOn ? 3 : 1) }
    func kick(_ vcpu: VCPUID) { kickVCPU(vcpu, of: domain, from: pcpu) }
    func mappingChanged(_ interrupt: UInt32, vcpu: VCPUID) { followMapping(interrupt, vcpu, of: domain) }
    func deactivate(physical: UInt32) { deactivatePhysical(physical) }
    func setPending(physical: UInt32, _ isPending: Bool) { setPhysicalPending(physical, isPending) }
}

/// The virtual interface of a GICv2 on this pCPU.
struct HostV2: VirtualGICHost {
    typealias Format = ListRegisterV2
    let domain: MetalDomain
    let pcpu: PCPU
    let gic: GICv2<MappedBus>

    var listRegisterCount: Int { root.state.machine.value.listRegisters }
    var emptyListRegisters: UInt32 { UInt32(truncatingIfNeeded: gic.emptyListRegisters) }
    func listRegister(_ index: Int) -> UInt64 { UInt64(gic.listRegister(index)) }
    func setListRegister(_ index: Int, _ value: UInt64) { gic.setListRegister(index, UInt32(truncatingIfNeeded: value)) }
    func setUnderflowInterrupt(_ isOn: Bool) { gic.setControl(isOn ? 3 : 1) }
    func kick(_ vcpu: VCPUID) { kickVCPU(vcpu, of: domain, from: pcpu) }
    func mappingChanged(_ interrupt: UInt32, vcpu: VCPUID) { followMapping(interrupt, vcpu, of: domain) }
    func deactivate(physical: UInt32) { deactivatePhysical(physical) }
    func setPending(physical: UInt32, _ isPending: Bool) { setPhysicalPending(physical, isPending) }
}

private func kickVCPU(_ vcpu: VCPUID, of domain: MetalDomain, from pcpu: PCPU) {
    if let target = domain.pointee.vcpu(vcpu) { kick(target, from: pcpu) }
}

/// Programs the physical interrupt behind a shared interrupt of dom0's as dom0 has programmed its own. Private ones
/// are on all the time: what the guest has not enabled stays active and quiet.
private func followMapping(_ interrupt: UInt32, _ vcpu: VCPUID, of domain: MetalDomain) {
    guard interrupt >= 32 else { return }
    let machine = root.state.machine.reference
    machine.pointee.interrupts.withLock { _ in
        guard let mapping = domain.pointee.extra.gic.mapping(of: interrupt, vcpu: vcpu) else { return }
        let distributor = machine.pointee.gic.distributor
        guard mapping.isEnabled else {
            distributor.disable(mapping.physical)
            return
        }
        let place = domain.pointee.vcpu(mapping.target)?.pointee.extra.place.load(ordering: .relaxed) ?? 0
        let pcpu = place == 0 ? Int(mapping.target.rawValue) % machine.pointee.processorCount : Int(place - 1)
        distributor.configure(mapping.physical, isEdge: mapping.isEdge)
        distributor.route(mapping.physical, to: machine.pointee.gic.routeTarget(machine.pointee.processors[pcpu]))
        distributor.enable(mapping.physical)
    }
}

private func deactivatePhysical(_ physical: UInt32) { root.state.machine.value.gic.deactivate(physical) }

private func setPhysicalPending(_ physical: UInt32, _ isPending: Bool) {
    guard physical >= 32 else { return }
    root.state.machine.value.gic.distributor.setPending(physical, isPending)
}

// MARK: Kicks

/// There is news for `vcpu`: gets it out of the guest, or awake, unless it is on this very pCPU.
func kick(_ vcpu: MetalVCPU, from pcpu: PCPU) {
    // Pairs with `block`: the news was published before; the other side says that it blocks before it looks for news.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    let place = vcpu.pointee.extra.place.load(ordering: .relaxed)
    if place == pcpu.rawValue + 1 { return }
    if place != 0 {
        sendKick(to: Int(place - 1))
    } else if vcpu.pointee.extra.isRunnable.load(ordering: .acquiring),
        case .tickle(let target) = root.state.scheduler.wake(UnitID(vcpu.pointee.unit))
    {
        tickle(target, from: pcpu)
    }
}

/// Makes a pCPU ask the scheduler.
func tickle(_ target: PCPU, from pcpu: PCPU) {
    let machine = root.state.machine.reference
    machine.pointee.states[target.index].reschedule.store(true, ordering: .releasing)
    if target != pcpu { sendKick(to: target.index) }
}

func sendKick(to pcpu: Int) {
    let machine = root.state.machine.reference
    // What it tells of comes before it (ARM IHI 0069, 12.1.8: a write of ICC_SGI1R_EL1 is not ordered with stores).
    arm64_dsb_ishst()
    machine.pointee.gic.send(OwnInterrupt.kick, to: machine.pointee.processors[pcpu])
}

// MARK: The virtual GIC on whichever hardware there is

/// An interrupt for a vCPU, from outside the guest.
func pulse(_ interrupt: UInt32, _ vcpu: MetalVCPU, from pcpu: PCPU) {
    let domain = vcpu.pointee.domain
    switch root.state.machine.value.gic {
    case .v3(let gic):
        domain.pointee.extra.gic.pulse(interrupt, vcpu: vcpu.pointee.id, on: HostV3(domain: domain, pcpu: pcpu, gic: gic))
    case .v2(let gic):
        domain.pointee.extra.gic.pulse(interrupt, vcpu: vcpu.pointee.id, on: HostV2(domain: domain, pcpu: pcpu, gic: gic))
    }
}

/// Fills the list registers before the guest runs.
@inline(__always) func enterInterface(_ vcpu: MetalVCPU, _ domain: MetalDomain, _ pcpu: PCPU) {
    switch root.state.machine.value.gic {
    case .v3(let gic):
        domain.pointee.extra.gic.enter(vcpu.pointee.id, on: HostV3(domain: domain, pcpu: pcpu, gic: gic))
    case .v2(let gic):
        domain.pointee.extra.gic.enter(vcpu.pointee.id, on: HostV2(domain: domain, pcpu: pcpu, gic: gic))
    }
}

/// Whether there is an interrupt for the vCPU that this pCPU has loaded.
func hasInterrupt(_ vcpu: MetalVCPU, _ pcpu: PCPU) -> Bool {
    let domain = vcpu.pointee.domain
    return switch root.state.machine.value.gic {
    case .v3(let gic):
        domain.pointee.extra.gic.hasPending(
            running: vcpu.pointee.id, on: HostV3(domain: domain, pcpu: pcpu, gic: gic))
    case .v2(let gic):
        domain.pointee.extra.gic.hasPending(
            running: vcpu.pointee.id, on: HostV2(domain: domain, pcpu: pcpu, gic: gic))
    }
}

/// A guest's write to ICC_SGI1R_EL1.
@inline(__always) func sendSGI(_ value: UInt64, _ vcpu: MetalVCPU, _ pcpu: PCPU) {
    let domain = vcpu.pointee.domain
    guard case .v3(let gic) = root.state.machine.value.gic else { return }
    domain.pointee.extra.gic.sendSGI(v3: value, by: vcpu.pointee.id, on: HostV3(domain: domain, pcpu: pcpu, gic: gic))
}

/// An access to the distributor or to a redistributor. Nil: a data abort.
@inline(__always) func accessGIC(
    _ offset: UInt32, isDistributor: Bool, width: UInt32, write value: UInt64?, _ vcpu: MetalVCPU, _ pcpu: PCPU
) -> UInt64? {
    let domain = vcpu.pointee.domain
    switch root.state.machine.value.gic {
    case .v3(let gic):
        return access(
            offset, isDistributor, width, value, vcpu.pointee.id, domain, HostV3(domain: domain, pcpu: pcpu, gic: gic))
    case .v2(let gic):
        return access(
            offset, isDistributor, width, value, vcpu.pointee.id, domain, HostV2(domain: domain, pcpu: pcpu, gic: gic))
    }
}

@inline(__always) private func access(
    _ offset: UInt32, _ isDistributor: Bool, _ width: UInt32, _ value: UInt64?, _ vcpu: VCPUID, _ domain: MetalDomain,
    _ host: some VirtualGICHost
) -> UInt64? {
    guard let value else {
        return isDistributor
            ? domain.pointee.extra.gic.readDistributor(offset, width: width, by: vcpu, on: host)
            : domain.pointee.extra.gic.readRedistributor(offset, width: width, by: vcpu, on: host)
    }
    let accepted =
        isDistributor
        ? domain.pointee.extra.gic.writeDistributor(offset, width: width, value: value, by: vcpu, on: host)
        : domain.pointee.extra.gic.writeRedistributor(offset, width: width, value: value, by: vcpu, on: host)
    return accepted ? 0 : nil
}
