// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Firmware
import Machine
import Sync
import X86
import X86Machine

/// Decides what is done about speculation, and says so. On the boot CPU, before guests' CPUID is made.
@inline(never) func planSpeculation() {
    let facts = speculationFacts()
    let plan = SpeculationPlan(facts, root.options.value.words.speculation)
    root.state.speculation.set(plan)
    root.state.speculationFacts.set(facts)
    plan.report(facts) { log.notice($0) }
}

private func speculationFacts() -> SpeculationFacts {
    var microcode: UInt64 = 0
    let isThere = unsafe x86_try_read_msr(MSR.microcode, &microcode)
    var facts = SpeculationFacts(CPUID(), microcode: isThere ? UInt32(truncatingIfNeeded: microcode) : 0)
    // Microcode whose IBPB forgets the types of branches has SBPB too, which CPUID does not always say (AMD-SB-7005).
    if facts.isAMD, facts.family == 0x19, !facts.isVirtualised, !facts.has(.ibpbTypes),
        x86_try_write_msr(MSR.predictionCommand, 1 << 7)
    {
        facts.extended |=
            1 << SpeculationFacts.ExtendedHint.ibpbTypes.rawValue | 1 << SpeculationFacts.ExtendedHint.sbpb.rawValue
    }
    return facts
}

/// What the calling CPU needs for itself before it runs a guest: bits against its faults, and SPEC_CTRL.
func guardSpeculation(_ pcpu: PCPU) {
    let facts = root.state.speculationFacts.value
    let words = root.options.value.words.speculation
    for index in 0..<AMDErrata.count {
        guard let setting = AMDErrata.setting(index, facts, words) else { continue }
        var value: UInt64 = 0
        guard unsafe x86_try_read_msr(setting.register, &value) else {
            log.warning(
                "CPU\(pcpu.rawValue): no register \(hex: UInt64(setting.register)) to set bits \(hex: setting.bits) in")
            continue
        }
        if value & setting.bits != setting.bits, !x86_try_write_msr(setting.register, value | setting.bits) {
            log.warning(
                "CPU\(pcpu.rawValue): register \(hex: UInt64(setting.register)) does not take bits \(hex: setting.bits)")
        }
    }
    let plan = root.state.speculation.reference
    if plan.pointee.hasControl { x86_write_msr(GuestMSR.speculationControl, UInt64(plan.pointee.hostControl)) }
}

// MARK: Guests

/// Another vCPU comes, whom nothing of what this CPU has learned may steer.
func forgetPredictions() {
    let plan = root.state.speculation.reference
    guard plan.pointee.barrierOnSwitch else { return }
    x86_write_msr(MSR.predictionCommand, 1)
    if plan.pointee.fillsReturnsOnSwitch { x86_fill_returns() }
}

/// What the world switch is to do around the vCPU, which comes to this CPU.
func setGuards(of vcpu: MetalVCPU) {
    let plan = root.state.speculation.reference
    let guards = plan.pointee.guards(isDom0: vcpu.pointee.domain.pointee.id == .dom0)
    // SAFETY: this pCPU runs the vCPU.
    unsafe vcpu.pointee.extra.switchGuard.address.pointee.flags = guards.rawValue
    unsafe vcpu.pointee.extra.switchGuard.address.pointee.host = plan.pointee.hostControl
}

/// The guest's SPEC_CTRL; nil where it has none.
func speculationControl(of vcpu: MetalVCPU) -> UInt64? {
    let plan = root.state.speculation.reference
    guard plan.pointee.offersControl else { return nil }
    if plan.pointee.virtualisesControl { return vcpu.pointee.extra.block[VMCBField.speculationControl] }
    // SAFETY: this pCPU runs the vCPU, or none does.
    return UInt64(unsafe vcpu.pointee.extra.switchGuard.address.pointee.wanted)
}

/// The vCPU is this pCPU's, or on none.
func setSpeculationControl(_ value: UInt32, _ vcpu: MetalVCPU) {
    let plan = root.state.speculation.reference
    let isVirtual = plan.pointee.virtualisesControl
    if isVirtual { vcpu.pointee.extra.block[VMCBField.speculationControl] = UInt64(value) }
    // SAFETY: as above. What the processor has of its own counts for the guest too.
    unsafe vcpu.pointee.extra.switchGuard.address.pointee.wanted = value
    unsafe vcpu.pointee.extra.switchGuard.address.pointee.guest = (isVirtual ? 0 : value) | plan.pointee.forcedControl
}

/// Whether guests read and write SPEC_CTRL without us.
var passesSpeculationControl: Bool {
    let plan = root.state.speculation.reference
    return plan.pointee.virtualisesControl
        && plan.pointee.allowsControl(UInt64(plan.pointee.knownControl), offered: root.state.policy.value.features)
}

/// A CPU that sleeps leaves to its core's other thread what they share.
func clearBuffersBeforeSleep() {
    if root.state.speculation.reference.pointee.clearsBuffersOnIdle { x86_clear_buffers() }
}
