// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import EventChannels
import Hypercalls
import Machine
import Memory
import Scheduler
import Sync
import Synchronization
import VirtualAPIC
import X86
import X86Machine
import XenABI

/// What a guest did that needs us. True: the scheduler has to be asked.
@inline(__always)
func handleExit(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    let block = vcpu.pointee.extra.block
    let exit = SVMExit(
        code: block[VMCBField.exitCode], info1: block[VMCBField.exitInfo1], info2: block[VMCBField.exitInfo2])
    collectInterrupts(vcpu)
    // SAFETY: this pCPU runs the vCPU.
    let registers = unsafe GuestRegisters(vcpu)
    switch exit {
    case .interrupt:
        x86_take_interrupts()
        return false
    case .ignored, .window: return false
    case .nmi:
        // It has come meanwhile, with STGI.
        reportNMI(cpu.pcpu)
        return false
    case .hypercall: return hypercall(registers, vcpu, &cpu)
    case .cpuid:
        if skip(.cpuid, vcpu, cpu.pcpu) { answerCPUID(registers, vcpu) }
        return false
    case .port(let access):
        handlePort(access, registers, vcpu, cpu)
        return false
    case .readMSR:
        complete(.readMSR, vcpu, cpu.pcpu) { readMSR(registers, vcpu) }
        return false
    case .writeMSR:
        let local = cpu
        complete(.writeMSR, vcpu, cpu.pcpu) { writeMSR(registers, vcpu, local) }
        return false
    case .nestedFault(let fault):
        handleFault(fault, registers, vcpu, cpu)
        return false
    default: return handleRare(exit, registers, vcpu, &cpu)
    }
}

@inline(never)
private func handleRare(
    _ exit: SVMExit, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: inout CPULocal
) -> Bool {
    let block = vcpu.pointee.extra.block
    switch exit {
    case .halt: return halt(vcpu, &cpu)
    case .setExtendedControl:
        complete(.setExtendedControl, vcpu, cpu.pcpu) { setExtendedControl(registers, vcpu) }
    case .systemRegister:
        // The bytes may be others by now.
        if !emulateSystemRegister(registers, vcpu, cpu) { block.inject(.invalidOpcode) }
    case .flushCaches:
        // Which of the two it was says nothing.
        if !advance(.writeBack, vcpu, cpu.pcpu), !advance(.invalidate, vcpu, cpu.pcpu) { block.inject(.invalidOpcode) }
    case .undefined: block.inject(.invalidOpcode)
    case .refused: block.inject(.generalProtection)
    case .exception(let vector, let error):
        guard let event = InjectedEvent.reflected(vector, error: error) else {
            return crashed(vcpu, &cpu, "exception \(vector) of the machine, error \(hex: error)")
        }
        // The processor has left in DR6 what its handler is to see (AMD APM 2, 15.12.2).
        block.inject(event)
    case .debugInstruction:
        // Not a single step, whatever RFLAGS.TF says.
        let debugStatus = block[VMCBField.dr6]
        if skip(.debug, vcpu, cpu.pcpu) {
            block[VMCBField.dr6] = debugStatus
            block.inject(.exception(1))
        }
    case .shutdown: return tripleFault(vcpu, &cpu)
    case .invalidState:
        if !correctInvalidState(registers, vcpu, cpu) {
            return crashed(vcpu, &cpu, "its state is not one that can be entered")
        }
    case .unexpected(let code): return crashed(vcpu, &cpu, "unexpected exit 0x\(hex: code)")
    default: break
    }
    return false
}

// MARK: Instructions

/// To the next instruction. False, with #UD for the guest, where the bytes have been changed meanwhile.
@inline(__always) func skip(_ instruction: InterceptedInstruction, _ vcpu: MetalVCPU, _ pcpu: PCPU) -> Bool {
    if advance(instruction, vcpu, pcpu) { return true }
    vcpu.pointee.extra.block.inject(.invalidOpcode)
    return false
}

/// Carries out an instruction that may be refused: #GP is taken at the instruction, not behind it.
@inline(__always)
private func complete(_ instruction: InterceptedInstruction, _ vcpu: MetalVCPU, _ pcpu: PCPU, _ body: () -> Bool) {
    let block = vcpu.pointee.extra.block
    let start = block[VMCBField.rip]
    let shadow = block[VMCBField.interruptShadow]
    let debugStatus = block[VMCBField.dr6]
    guard skip(instruction, vcpu, pcpu), !body() else { return }
    block[VMCBField.rip] = start
    block[VMCBField.interruptShadow] = shadow
    block[VMCBField.dr6] = debugStatus
    block.inject(.generalProtection)
}

private func advance(_ instruction: InterceptedInstruction, _ vcpu: MetalVCPU, _ pcpu: PCPU) -> Bool {
    let block = vcpu.pointee.extra.block
    if root.state.pc.value.savesNextInstruction {
        block.skip(block[VMCBField.nextRIP] &- block[VMCBField.rip])
        return true
    }
    guard let length = length(of: instruction, vcpu, pcpu) else { return false }
    block.skip(UInt64(length))
    return true
}

private func answerCPUID(_ registers: GuestRegisters, _ vcpu: MetalVCPU) {
    let domain = vcpu.pointee.domain
    let subject = CPUIDPolicy.Subject(
        vcpu: vcpu.pointee.id.rawValue, vcpus: UInt32(domain.pointee.vcpuCount), domain: domain.pointee.id.rawValue,
        cr4: registers.block[VMCBField.cr4], extendedControl: extendedStates() != 0 ? x86_read_xcr0() : 1,
        mapsDMA: !domain.pointee.isDirectMapped)
    let answer = root.state.policy.value.answer(
        UInt32(truncatingIfNeeded: registers.rax), UInt32(truncatingIfNeeded: registers.rcx), to: subject, host: CPUID())
    registers.rax = UInt64(answer.eax)
    registers.rbx = UInt64(answer.ebx)
    registers.rcx = UInt64(answer.ecx)
    registers.rdx = UInt64(answer.edx)
}

private func setExtendedControl(_ registers: GuestRegisters, _ vcpu: MetalVCPU) -> Bool {
    let value = registers.pair
    let block = registers.block
    // Without CR4.OSXSAVE it is #UD, which the processor has taken before the intercept.
    guard registers.rcx & 0xffff_ffff == 0, block.load(VMCBField.cpl, as: UInt8.self) == 0,
        root.state.policy.value.controls.allowsExtendedControl(value)
    else { return false }
    vcpu.pointee.extra.extendedControl.store(value, ordering: .relaxed)
    x86_write_xcr0(value)
    return true
}
