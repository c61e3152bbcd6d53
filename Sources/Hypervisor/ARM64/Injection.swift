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

/// Exceptions that a guest gets from us as if from its own processor (ARM DDI 0487, D1.3).
private func injectSynchronous(_ registers: GuestRegisters, syndrome: UInt64) {
    let mode = registers.pstate & 0xf
    // Vector: same EL with SP_EL0 or SP_ELx, or from EL0 in AArch64 or AArch32.
    let offset: UInt64 =
        if registers.pstate & 0x10 != 0 { 0x600 } else if mode == 0 { 0x400 } else if mode == 4 { 0 } else { 0x200 }
    write_elr_el1(registers.pc)
    write_spsr_el1(registers.pstate)
    write_esr_el1(syndrome)
    registers.pc = read_vbar_el1() &+ offset
    // EL1h, DAIF masked.
    registers.pstate = 0x3c5
}

func injectUndefined(_ registers: GuestRegisters, _ vcpu: MetalVCPU) -> Bool {
    // EC 0, IL.
    injectSynchronous(registers, syndrome: 1 << 25)
    return false
}

/// A synchronous external abort, with the address that the guest used.
func injectAbort(_ registers: GuestRegisters, _ vcpu: MetalVCPU, isInstruction: Bool) -> Bool {
    let fromLowerEL = registers.pstate & 0xf == 0 || registers.pstate & 0x10 != 0
    let exceptionClass: UInt64 = (isInstruction ? 0x20 : 0x24) | (fromLowerEL ? 0 : 1)
    write_far_el1(read_far_el2())
    injectSynchronous(registers, syndrome: exceptionClass << 26 | 1 << 25 | 0x10)
    return false
}

/// An SError from the guest's own doing, or from a device that it has: it goes back to the guest.
func handleSystemError(_ vcpu: MetalVCPU, _ cpu: inout CPULocal) {
    GuestLog().warning("d\(vcpu.pointee.domain.pointee.id.rawValue)v\(vcpu.pointee.id.rawValue): SError, passed on")
    // This pCPU has its registers; they leave with the bit (`save`).
    write_hcr_el2(GuestTraps.hypervisor(hasSystemError: true))
}
