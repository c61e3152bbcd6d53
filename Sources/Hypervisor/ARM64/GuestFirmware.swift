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

/// PSCI 1.1 and SMCCC 1.1 as guests see them, by HVC #0 or SMC. True: the scheduler has to be asked.
func firmwareCall(_ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: inout CPULocal) -> Bool {
    let function = UInt32(truncatingIfNeeded: registers[0])
    guard let call = PSCIFunction(call: function) else {
        answerArchitecture(function, registers)
        return false
    }
    let is64Bit = function & 1 << 30 != 0
    let mask: UInt64 = is64Bit ? .max : 0xffff_ffff
    var result = PSCIResult.success
    switch call {
    case .version: result = PSCIResult.version11
    case .cpuSuspend:
        registers[0] = 0
        block(vcpu, &cpu)
        return true
    case .cpuOff:
        return stop(vcpu, &cpu)
    case .cpuOn:
        result = turnOn(registers[1] & mask, entry: registers[2] & mask, context: registers[3] & mask, vcpu, cpu.pcpu)
    case .affinityInfo:
        let target = vcpuWith(affinity: registers[1] & mask, of: vcpu.pointee.domain)
        result = target.map { $0.pointee.isUp.load(ordering: .acquiring) ? 0 : 1 } ?? PSCIResult.invalidParameters
    case .migrateInfoType: result = PSCIResult.migrationNotRequired
    case .systemOff:
        return end(.powerOff, vcpu, &cpu)
    case .systemReset:
        return end(.reboot, vcpu, &cpu)
    case .features:
        let asked = UInt32(truncatingIfNeeded: registers[1])
        let known = PSCIFunction(call: asked) != nil || asked == SMCCC.version
        result = known ? PSCIResult.success : PSCIResult.notSupported
    }
    registers[0] = UInt64(bitPattern: result)
    return false
}

private func answerArchitecture(_ function: UInt32, _ registers: GuestRegisters) {
    switch function {
    case SMCCC.version: registers[0] = UInt64(bitPattern: SMCCC.version11)
    case SMCCC.architectureFeatures:
        let asked = UInt32(truncatingIfNeeded: registers[1])
        registers[0] = UInt64(bitPattern: guestWorkarounds.feature(asked))
    // The exception that brought it here has done it already (`BranchHardening`).
    case SMCCC.workaround1, SMCCC.workaround3: break
    case SMCCC.workaround2:
        if guestWorkarounds.storeBypass == .runtime {
            registers.bypasses = UInt32(truncatingIfNeeded: registers[1]) == 0
        }
    case SMCCC.hypervisorCallCount: registers[0] = 3
    case SMCCC.hypervisorUID:
        // XEN_SMCCC_UID a71812dc-c698-4369-9acf-79d18ddee667, public/arch-arm/smccc.h.
        registers[0] = 0xdc12_18a7
        registers[1] = 0x6943_98c6
        registers[2] = 0xd179_cf9a
        registers[3] = 0x67e6_de8d
    case SMCCC.hypervisorRevision:
        registers[0] = 0
        registers[1] = 1
    default: registers[0] = UInt64(bitPattern: SMCCC.notSupported)
    }
}

private func vcpuWith(affinity: UInt64, of domain: MetalDomain) -> MetalVCPU? {
    for number in 0..<UInt32(domain.pointee.vcpuCount) where GICVersion.affinity(of: VCPUID(number)) == affinity {
        return domain.pointee.vcpu(VCPUID(number))
    }
    return nil
}

/// PSCI CPU_ON.
private func turnOn(_ affinity: UInt64, entry: UInt64, context: UInt64, _ caller: MetalVCPU, _ pcpu: PCPU) -> Int64 {
    guard let target = vcpuWith(affinity: affinity, of: caller.pointee.domain) else { return PSCIResult.invalidParameters }
    guard target.pointee.isUp.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    else { return PSCIResult.alreadyOn }
    reset(target, entry: entry, context: context)
    target.pointee.changeRunstate(to: .runnable, now: root.state.machine.value.now)
    Metal(pcpu: pcpu).startRunning(target)
    return PSCIResult.success
}

/// A vCPU's registers as PSCI starts it: EL1h, everything masked, MMU off.
func reset(_ vcpu: MetalVCPU, entry: UInt64, context: UInt64) {
    var frame = guest_frame()
    frame.pc = entry
    frame.pstate = 0x3c5
    frame.x.0 = context
    var state = el1_state()
    // RES1 bits of SCTLR_EL1.
    state.sctlr = 0x30d0_0800
    // SAFETY: the vCPU is down and on no pCPU: `stop` unloaded it before it said so.
    unsafe vcpu.pointee.extra.frame.address.pointee = frame
    unsafe vcpu.pointee.extra.el1.address.pointee = state
    unsafe vcpu.pointee.extra.interface.address.pointee = InterfaceState()
    vcpu.pointee.isInitialised.store(true, ordering: .relaxed)
    vcpu.pointee.extra.isRunnable.store(true, ordering: .releasing)
}
