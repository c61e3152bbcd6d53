// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Hypercalls
import Scheduler
import Sync
import Synchronization
import X86
import X86Machine
import XenABI

// A guest's hypercalls: who may ask, which registers its arguments are in, and how its structures are laid out.

/// The number and the result are in RAX, the arguments as the caller's mode has them (Xen: arch-x86/xen-x86_64.h, xen-x86_32.h).
@inline(__always)
func hypercall(_ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    let block = registers.block
    guard block.load(VMCBField.cpl, as: UInt8.self) == 0, block.isIn64BitCode else {
        return unusualHypercall(registers, vcpu, &cpu)
    }
    let call = Call<Metal, Caller64>(
        platform: Metal(pcpu: cpu.pcpu, vcpu: vcpu), vcpu: vcpu, arguments: registers.arguments(of: .bits64))
    let outcome = call.perform(UInt32(clamping: registers.rax))
    if registers.putBack(outcome, for: .bits64) { return false }
    guard skip(.hypercall, vcpu, cpu.pcpu) else { return false }
    registers.rax = outcome.result
    return follow(outcome, vcpu, &cpu)
}

@inline(never)
private func unusualHypercall(_ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    guard registers.block.hypercallMode == .bits32 else {
        if skip(.hypercall, vcpu, cpu.pcpu) { registers.rax = UInt64(bitPattern: Int64(XenError.eperm.returnValue)) }
        return false
    }
    let call = Call<Metal, Caller32>(
        platform: Metal(pcpu: cpu.pcpu, vcpu: vcpu), vcpu: vcpu, arguments: registers.arguments(of: .bits32))
    let outcome = call.perform(UInt32(truncatingIfNeeded: registers.rax))
    if registers.putBack(outcome, for: .bits32) { return false }
    guard skip(.hypercall, vcpu, cpu.pcpu) else { return false }
    registers.rax = HypercallMode.bits32.result(outcome.result, over: registers.rax)
    return follow(outcome, vcpu, &cpu)
}

extension ControlBlock {
    var hypercallMode: HypercallMode? {
        HypercallMode(
            cr0: self[VMCBField.cr0], flags: self[VMCBField.rflags], isLong: isIn64BitCode, level: load(VMCBField.cpl))
    }
}

extension GuestRegisters {
    @inline(__always) func arguments(of mode: HypercallMode) -> InlineArray<5, UInt64> {
        var arguments = InlineArray<5, UInt64>(repeating: 0)
        for index in 0..<5 { arguments[index] = mode.argument(self[mode.registers[index]]) }
        return arguments
    }

    /// A call that is to be made again gets the arguments for that. False for another outcome.
    @inline(__always) func putBack(_ outcome: Outcome, for mode: HypercallMode) -> Bool {
        switch outcome {
        case .again(let first): self[mode.registers[0]] = mode.argument(first)
        case .againWithRest(let first, let second, let third):
            self[mode.registers[0]] = mode.argument(first)
            self[mode.registers[1]] = mode.argument(second)
            self[mode.registers[2]] = mode.argument(third)
        default: return false
        }
        return true
    }
}

extension Outcome {
    /// What the result register gets.
    fileprivate var result: UInt64 { if case .value(let result) = self { UInt64(bitPattern: result) } else { 0 } }
}

/// What comes of a hypercall but for its result. True: the scheduler has to be asked.
@inline(__always)
private func follow(_ outcome: Outcome, _ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    switch outcome {
    case .yield:
        guard root.state.scheduler.hasWaiters(on: cpu.pcpu) else { return false }
        root.state.pc.value.states[cpu.pcpu.index].reschedule.store(true, ordering: .relaxed)
        return true
    case .block:
        block(vcpu, &cpu)
        return true
    case .poll(let time):
        if time != .never { vcpu.pointee.extra.deadline.store(time.nanoseconds, ordering: .relaxed) }
        block(vcpu, &cpu, polls: true)
        return true
    case .shutdown(let reason):
        shutDown(vcpu.pointee.domain, reason, Metal(pcpu: cpu.pcpu))
        return leave(vcpu, &cpu)
    case .value, .again, .againWithRest: return false
    }
}
