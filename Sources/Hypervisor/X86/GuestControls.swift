// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import Synchronization
import X86
import X86Emulator
import X86Machine

/// The guest writes one of the registers that say in which mode its processor is, or how it is debugged.
func writeSystemRegister(_ register: SystemRegister, _ value: UInt64, _ vcpu: MetalVCPU) throws(EmulationStop) {
    let block = vcpu.pointee.extra.block
    // The processor has looked at that; the bytes may be others by now.
    guard block.load(VMCBField.cpl, as: UInt8.self) == 0 else { throw .exception(13) }
    let old = block.control
    let rules = root.state.policy.value.controls
    switch register {
    case .control(0): try set(rules.writingCR0(value, old), old, vcpu)
    case .control(4): try set(rules.writingCR4(value, old), old, vcpu)
    case .control(3):
        try set(rules.writingCR3(value, old), old, vcpu)
        vcpu.pointee.extra.mustFlush.store(true, ordering: .relaxed)
    case .taskSwitched: try set(rules.clearingTaskSwitched(old), old, vcpu)
    case .machineStatus: try set(rules.writingMachineStatus(value, old), old, vcpu)
    case .debug(let number) where number >= 4:
        // The first two are the last two, unless CR4.DE is set.
        if number < 6, old.cr4 >> 3 & 1 != 0 { throw .invalidOpcode }
        guard let kept = DebugRegister.kept(value, in: number) else { throw .exception(13) }
        block[number & 1 == 0 ? VMCBField.dr6 : VMCBField.dr7] = kept
    default: throw .unknown
    }
}

/// VMRUN has refused the state, or so it seems: QEMU (7.2) says that too of a guest which writes to CR3 what no processor takes.
/// False where the state cannot be entered indeed.
func correctInvalidState(_ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal) -> Bool {
    let block = registers.block
    let state = EntryState(
        block.control, debugStatus: block[VMCBField.dr6], debugControl: block[VMCBField.dr7])
    guard EntryCheck.failure(of: state, root.state.policy.value.controls) == nil else { return false }
    return emulateSystemRegister(registers, vcpu, cpu)
}

private func set(_ new: ControlState?, _ old: ControlState, _ vcpu: MetalVCPU) throws(EmulationStop) {
    guard let new else { throw .exception(13) }
    setControl(new, old, vcpu)
}

/// As `ControlRules` has found it to be legal.
func setControl(_ new: ControlState, _ old: ControlState, _ vcpu: MetalVCPU) {
    let block = vcpu.pointee.extra.block
    block[VMCBField.cr0] = new.cr0
    block[VMCBField.cr3] = new.cr3
    block[VMCBField.cr4] = new.cr4
    block[VMCBField.efer] = new.efer | EFER.virtualisation
    block.store(new.code, VMCBField.cs + 2)
    if !new.keepsTranslations(of: old) { vcpu.pointee.extra.mustFlush.store(true, ordering: .relaxed) }
}
