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

/// What a guest did that needs us. True: the scheduler has to be asked.
@inline(__always) func handleTrap(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    let syndrome = read_esr_el2()
    // SAFETY: this pCPU runs the vCPU.
    let registers = unsafe GuestRegisters(vcpu.pointee.extra.frame.address)
    let exit = Exit(syndrome: syndrome, faultAddress: read_far_el2(), faultPage: read_hpfar_el2())
    switch exit {
    case .hypervisorCall(let tag):
        if tag == armHypercallTag { return hypercall(registers, vcpu, &cpu) }
        guard tag == 0 else { return injectUndefined(registers, vcpu) }
        return firmwareCall(registers, vcpu, &cpu)
    case .systemRegister(let access):
        return systemRegister(access, registers, vcpu, cpu.pcpu)
    case .dataAbort(let access):
        return dataAbort(access, registers, vcpu, cpu.pcpu)
    case .wait(let isEvent):
        registers.skipInstruction()
        if isEvent { return yield(&cpu) }
        block(vcpu, &cpu)
        return true
    case .floatingPoint:
        giveFP(to: vcpu, &cpu)
        return false
    case .secureMonitorCall:
        registers.skipInstruction()
        return firmwareCall(registers, vcpu, &cpu)
    case .instructionAbort(let address):
        logGuest(
            vcpu, "instruction abort at 0x\(hex: address.rawValue)"
        )
        return injectAbort(registers, vcpu, isInstruction: true)
    case .coprocessor, .unexpected:
        return injectUndefined(registers, vcpu)
    }
}

// MARK: Hypercalls

@inline(__always)
private func hypercall(_ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    var arguments = InlineArray<5, UInt64>(repeating: 0)
    for index in 0..<5 { arguments[index] = registers[index] }
    let call = Call<Metal, Caller64>(platform: Metal(pcpu: cpu.pcpu), vcpu: vcpu, arguments: arguments)
    let outcome = call.perform(UInt32(clamping: registers[16]))
    if case .value(let result) = outcome {
        registers[0] = UInt64(bitPattern: result)
        return false
    }
    return finish(outcome, registers, vcpu, &cpu)
}

@inline(never)
private func finish(
    _ outcome: Outcome, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: inout CPULocal
) -> Bool {
    switch outcome {
    case .value(let result):
        registers[0] = UInt64(bitPattern: result)
        return false
    case .again(let first):
        registers[0] = first
        registers.pc = registers.pc &- 4
        return false
    case .againWithRest(let first, let second, let third):
        registers[0] = first
        registers[1] = second
        registers[2] = third
        registers.pc = registers.pc &- 4
        return false
    case .yield:
        registers[0] = 0
        return yield(&cpu)
    case .block:
        registers[0] = 0
        block(vcpu, &cpu)
        return true
    case .poll(let time):
        registers[0] = 0
        vcpu.pointee.extra.deadlines.setPoll(time)
        block(vcpu, &cpu, polls: true)
        return true
    case .shutdown(let reason):
        registers[0] = 0
        return end(reason, vcpu, &cpu)
    }
}

/// The vCPU's domain shuts down, which takes its vCPUs from their pCPUs: dom0's for good, others' until somebody resumes it.
func end(_ reason: ShutdownReason, _ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    shutDown(vcpu.pointee.domain, reason, Metal(pcpu: cpu.pcpu))
    return vcpu.pointee.domain.pointee.id == .dom0 ? stop(vcpu, &cpu) : true
}

private func yield(_ cpu: inout CPULocal) -> Bool {
    guard root.state.scheduler.hasWaiters(on: cpu.pcpu) else { return false }
    root.state.machine.value.states[cpu.pcpu.index].reschedule.store(true, ordering: .relaxed)
    return true
}

/// The vCPU does not run again until somebody turns it on, which may happen as soon as `isUp` is false.
func stop(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    vcpu.pointee.extra.isRunnable.store(false, ordering: .sequentiallyConsistent)
    vcpu.pointee.changeRunstate(to: .offline, now: root.state.machine.value.now)
    unload(vcpu, &cpu)
    vcpu.pointee.extra.place.store(0, ordering: .relaxed)
    root.state.scheduler.stop(on: cpu.pcpu)
    cpu.current = nil
    vcpu.pointee.isUp.store(false, ordering: .releasing)
    return true
}

// MARK: System registers

@inline(__always)
private func systemRegister(
    _ access: SystemRegisterAccess, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ pcpu: PCPU
) -> Bool {
    if access.isRead, let feature = SystemRegister.feature(access.register) {
        registers[access.target] = root.state.machine.value.features[feature]
    } else if access.register == SystemRegister.sgi1r, !access.isRead {
        sendSGI(registers[access.target], vcpu, pcpu)
    } else {
        return otherRegister(access, registers, vcpu)
    }
    registers.skipInstruction()
    return false
}

@inline(never)
private func otherRegister(
    _ access: SystemRegisterAccess, _ registers: GuestRegisters, _ vcpu: MetalVCPU
) -> Bool {
    let rules = TrappedRegister.rules
    for index in rules.indices where access.register & rules[index].mask == rules[index].register {
        if access.isRead { registers[access.target] = 0 }
        registers.skipInstruction()
        return false
    }
    return injectUndefined(registers, vcpu)
}

/// Registers that read as zero and ignore writes.
private struct TrappedRegister {
    let register: UInt32
    let mask: UInt32

    private static func exact(_ op0: UInt32, _ op1: UInt32, _ crn: UInt32, _ crm: UInt32, _ op2: UInt32) -> Self {
        Self(register: SystemRegister.id(op0, op1, crn, crm, op2), mask: ~0)
    }
    /// All of op0, CRn whatever the rest.
    private static func group(_ op0: UInt32, _ crn: UInt32) -> Self {
        Self(register: SystemRegister.id(op0, 0, crn, 0, 0), mask: SystemRegister.id(3, 0, 15, 0, 0))
    }

    static var rules: InlineArray<9, TrappedRegister> {
        [
            exact(3, 0, 1, 0, 1),  // ACTLR_EL1
            exact(3, 0, 12, 12, 5),  // ICC_SRE_EL1
            exact(3, 0, 12, 11, 6),  // ICC_ASGI1R_EL1
            exact(3, 0, 12, 11, 7),  // ICC_SGI0R_EL1
            group(2, 0),  // breakpoints, watchpoints, MDSCR, DCC
            group(2, 1),  // OS lock, double lock
            group(2, 7),  // claim tags, authentication status
            group(3, 9),  // performance monitors
            group(3, 14),  // physical timer, PMEVCNTR
        ]
    }
}

// MARK: Memory

@inline(__always)
private func dataAbort(
    _ access: DataAbort, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ pcpu: PCPU
) -> Bool {
    guard access.isAddressKnown else { return forbiddenAbort(access, registers, vcpu, pcpu) }
    let domain = vcpu.pointee.domain
    let distributorOffset = access.address.rawValue &- domain.pointee.extra.distributor.rawValue
    let redistributorOffset = access.address.rawValue &- domain.pointee.extra.redistributors.rawValue
    let isDistributor = distributorOffset < domain.pointee.extra.distributorSize
    guard access.isDecoded, isDistributor || redistributorOffset < domain.pointee.extra.redistributorsSize else {
        return unhandledAbort(access, registers, vcpu, pcpu)
    }
    let offset = UInt32(truncatingIfNeeded: isDistributor ? distributorOffset : redistributorOffset)
    let value = access.isWrite ? registers[access.target] : nil
    guard
        let result = accessGIC(
            offset, isDistributor: isDistributor, width: UInt32(access.width), write: value, vcpu, pcpu)
    else { return unhandledAbort(access, registers, vcpu, pcpu) }
    if !access.isWrite { registers[access.target] = access.extend(result) }
    registers.skipInstruction()
    return false
}

/// Stage 2 translates it and forbids the access. Where the guest's own tables no longer lead there it tries again.
@inline(never)
private func forbiddenAbort(
    _ access: DataAbort, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ pcpu: PCPU
) -> Bool {
    let saved = readTranslation()
    arm64_at_s1e1r(read_far_el2())
    arm64_isb()
    let translation = readTranslation()
    write_par_el1(saved)
    guard let access = access.with(translation: translation) else { return false }
    return unhandledAbort(access, registers, vcpu, pcpu)
}

@inline(never)
private func unhandledAbort(
    _ access: DataAbort, _ registers: GuestRegisters, _ vcpu: MetalVCPU, _ pcpu: PCPU
) -> Bool {
    // Another vCPU may have mapped it, or be changing the mapping, meanwhile.
    let domain = vcpu.pointee.domain
    if access.kind != .other,
        domain.pointee.resolve(access.address.frame, write: access.isWrite, Metal(pcpu: pcpu)) == .again
    {
        return false
    }
    logGuest(
        vcpu, "data abort at 0x\(hex: access.address.rawValue), pc 0x\(hex: registers.pc)"
    )
    return injectAbort(registers, vcpu, isInstruction: false)
}
