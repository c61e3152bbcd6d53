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

/// CPTR_EL2: FP traps while the registers are another vCPU's.
private let trapFP = GuestTraps.floatingPoint
private let allowFP = GuestTraps.always

/// Trap configuration that is the same for every guest.
func configureTraps() {
    write_hcr_el2(GuestTraps.hypervisor)
    write_cptr_el2(trapFP)
    write_hstr_el2(GuestTraps.coprocessors)
    write_mdcr_el2(GuestTraps.debug)
    write_vpidr_el2(read_midr_el1())
    if GuestTraps.hasRAS(read_id_aa64pfr0_el1()) { write_vsesr_el2(GuestTraps.systemErrorSyndrome) }
    arm64_isb()
}

/// Gives the pCPU's registers to `vcpu`, saving whoever had them.
func load(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    if cpu.loaded == vcpu { return }
    if let old = cpu.loaded { save(old, cpu.pcpu) }
    cpu.loaded = vcpu
    vcpu.pointee.extra.holder.store(cpu.pcpu.rawValue + 1, ordering: .relaxed)
    let domain = vcpu.pointee.domain
    write_vttbr_el2(domain.pointee.extra.vttbr)
    write_vtcr_el2(domain.pointee.extra.vtcr)
    write_vmpidr_el2(vcpu.pointee.extra.mpidr)
    // SAFETY: this pCPU runs the vCPU now; its cells are nobody else's.
    unsafe arm64_restore_el1(vcpu.pointee.extra.el1.address)
    restoreInterface(vcpu, cpu.pcpu)
    write_cptr_el2(cpu.fpOwner == vcpu ? allowFP : trapFP)
    write_hcr_el2(GuestTraps.hypervisor(hasSystemError: vcpu.pointee.extra.hasSystemError.load(ordering: .relaxed)))
    // What ESB kept of a virtual SError; no guest is told that it has that.
    if GuestTraps.hasRAS(read_id_aa64pfr0_el1()) { write_vdisr_el2(0) }
    vcpu.pointee.extra.deadlines.isLoaded()
    arm64_isb()
}

private func save(_ vcpu: MetalVCPU, _ pcpu: PCPU) {
    // SAFETY: this pCPU still holds the vCPU's registers.
    unsafe arm64_save_el1(vcpu.pointee.extra.el1.address)
    // The processor clears the bit when the guest takes the error.
    vcpu.pointee.extra.hasSystemError.store(GuestTraps.hasSystemError(read_hcr_el2()), ordering: .relaxed)
    write_cntv_ctl_el0(0)
    arm64_isb()
    setDeadline(vcpu)
    saveInterface(vcpu, pcpu)
    vcpu.pointee.extra.holder.store(0, ordering: .releasing)
}

/// Lets go of the registers of vCPUs that are paused: somebody may wait for them, to look at them or to free them.
@inline(__always) func releasePaused(_ cpu: inout CPULocal) {
    if let vcpu = cpu.loaded, vcpu != cpu.current, vcpu.pointee.pauses.load(ordering: .relaxed) > 0 {
        evict(vcpu, &cpu)
    }
    if let vcpu = cpu.fpOwner, vcpu != cpu.current, vcpu.pointee.pauses.load(ordering: .relaxed) > 0 {
        releaseFP(of: vcpu, &cpu)
    }
}

/// The vCPU that runs here goes to another pCPU, and takes its registers along. Returns that pCPU.
@inline(never) func depart(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> PCPU {
    let destination = PCPU(vcpu.pointee.extra.destination.exchange(0, ordering: .relaxed) - 1)
    cpu.current = nil
    if cpu.loaded == vcpu { evict(vcpu, &cpu) }
    if cpu.fpOwner == vcpu { releaseFP(of: vcpu, &cpu) }
    root.state.units.value.set(UnitID(vcpu.pointee.unit), vcpu, home: destination)
    return destination
}

@inline(never) private func evict(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    cpu.loaded = nil
    leaveStage2()
    save(vcpu, cpu.pcpu)
}

/// dom0's stage 2 stays; another's may go once none of its vCPUs is here, and the processor must not walk it meanwhile. What it walks
/// instead it keeps under VMID 0, which is nobody's. In force with the barrier in `save`, before `holder` says that it is done.
private func leaveStage2() { write_vttbr_el2(root.state.dom0.value.pointee.extra.vttbr & 0xFFFF_FFFF_FFFF) }

@inline(never) private func releaseFP(of vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    write_cptr_el2(allowFP)
    arm64_isb()
    // SAFETY: the registers are this vCPU's until now, which does not run.
    unsafe arm64_save_fp(vcpu.pointee.extra.fp.address)
    cpu.fpOwner = nil
    write_cptr_el2(trapFP)
    arm64_isb()
}

/// Takes a vCPU that is turned off from the pCPU, and forgets its interrupts.
func unload(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    guard cpu.loaded == vcpu else { return }
    leaveStage2()
    save(vcpu, cpu.pcpu)
    vcpu.pointee.extra.deadlines.clear()
    vcpu.pointee.extra.hasSystemError.store(false, ordering: .relaxed)
    let domain = vcpu.pointee.domain
    switch root.state.machine.value.gic {
    case .v3(let gic):
        domain.pointee.extra.gic.turnOff(vcpu.pointee.id, on: HostV3(domain: domain, pcpu: cpu.pcpu, gic: gic))
    case .v2(let gic):
        domain.pointee.extra.gic.turnOff(vcpu.pointee.id, on: HostV2(domain: domain, pcpu: cpu.pcpu, gic: gic))
    }
    cpu.loaded = nil
    if cpu.fpOwner == vcpu { cpu.fpOwner = nil }
}

/// A vCPU that is not loaded has its virtual timer watched by ours.
private func setDeadline(_ vcpu: MetalVCPU) {
    // SAFETY: as in `save`.
    let state = unsafe vcpu.pointee.extra.el1.address.pointee
    guard state.cntv_ctl & 3 == 1 else { return }
    let machine = root.state.machine.reference
    let count = state.cntv_cval > machine.pointee.bootCount ? state.cntv_cval - machine.pointee.bootCount : 0
    vcpu.pointee.extra.deadlines.setTimer(TimerPacing.time(count, frequency: machine.pointee.frequency))
}

private func saveInterface(_ vcpu: MetalVCPU, _ pcpu: PCPU) {
    let domain = vcpu.pointee.domain
    let machine = root.state.machine.reference
    var state = InterfaceState()
    switch machine.pointee.gic {
    case .v3(let gic):
        domain.pointee.extra.gic.leave(vcpu.pointee.id, on: HostV3(domain: domain, pcpu: pcpu, gic: gic))
        state.control = read_ich_vmcr_el2()
        for index in 0..<gic.activePriorityRegisters { state.activePriorities[index] = gic.activePriorities(index) }
    case .v2(let gic):
        domain.pointee.extra.gic.leave(vcpu.pointee.id, on: HostV2(domain: domain, pcpu: pcpu, gic: gic))
        state.control = UInt64(gic.virtualMachineControl)
        state.activePriorities[0] = UInt64(gic.activePriorities)
    }
    state.timerIsActive = domain.pointee.extra.gic.isInFlight(domain.pointee.extra.timer, vcpu: vcpu.pointee.id)
    machine.pointee.gic.setPrivateActive(machine.pointee.virtualTimer, false, machine.pointee.processors[pcpu.index])
    // SAFETY: this pCPU still holds the vCPU.
    unsafe vcpu.pointee.extra.interface.address.pointee = state
}

private func restoreInterface(_ vcpu: MetalVCPU, _ pcpu: PCPU) {
    let machine = root.state.machine.reference
    // SAFETY: this pCPU runs the vCPU now.
    let state = unsafe vcpu.pointee.extra.interface.address.pointee
    switch machine.pointee.gic {
    case .v3(let gic):
        write_ich_vmcr_el2(state.control)
        for index in 0..<gic.activePriorityRegisters { gic.setActivePriorities(index, state.activePriorities[index]) }
    case .v2(let gic):
        gic.setVirtualMachineControl(UInt32(truncatingIfNeeded: state.control))
        gic.setActivePriorities(UInt32(truncatingIfNeeded: state.activePriorities[0]))
    }
    let record = machine.pointee.processors[pcpu.index]
    machine.pointee.gic.setPrivateActive(machine.pointee.virtualTimer, state.timerIsActive, record)
}

/// The guest used FP or SIMD for the first time since it was loaded.
func giveFP(to vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    write_cptr_el2(allowFP)
    arm64_isb()
    if cpu.fpOwner == vcpu { return }
    // SAFETY: a vCPU that goes to another pCPU takes its FP registers along, so both areas are this pCPU's.
    if let old = cpu.fpOwner { unsafe arm64_save_fp(old.pointee.extra.fp.address) }
    unsafe arm64_restore_fp(vcpu.pointee.extra.fp.address)
    cpu.fpOwner = vcpu
}
