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

// Processors and the registers of vCPUs, as the portable part asks for them.
extension Metal {
    var processorCount: UInt32 { UInt32(root.state.machine.value.onlineCount) }

    func canRun(on processor: UInt32) -> Bool {
        let machine = root.state.machine.reference
        return Int(processor) < machine.pointee.processorCount
            && machine.pointee.states[Int(processor)].isOnline.load(ordering: .relaxed)
    }

    /// It has no registers yet.
    func prepare(_ vcpu: MetalVCPU) {}

    // MARK: Registers

    func readContext(of vcpu: MetalVCPU, to address: GuestVirtualAddress) throws(XenError) {
        var context = ARMVCPUContext()
        // SAFETY: the vCPU is stopped and no pCPU has its registers.
        let frame = unsafe vcpu.pointee.extra.frame.address
        let el1 = unsafe vcpu.pointee.extra.el1.address
        let registers = unsafe GuestRegisters(frame)
        for index in 0..<31 { context.registers.x[index] = registers[index] }
        context.registers.pc = registers.pc
        context.registers.cpsr = registers.pstate
        context.registers.spsrEL1 = unsafe el1.pointee.spsr
        context.registers.spEL0 = unsafe el1.pointee.sp_el0
        context.registers.spEL1 = unsafe el1.pointee.sp_el1
        context.registers.elrEL1 = unsafe el1.pointee.elr
        context.sctlr = unsafe el1.pointee.sctlr
        context.ttbcr = unsafe el1.pointee.tcr
        context.ttbr0 = unsafe el1.pointee.ttbr0
        context.ttbr1 = unsafe el1.pointee.ttbr1
        if vcpu.pointee.isUp.load(ordering: .relaxed) { context.flags = ARMVCPUContext.online }
        try guest.write(context, at: address)
    }

    func writeContext(of vcpu: MetalVCPU, from address: GuestVirtualAddress) throws(XenError) {
        let context = try guest.read(ARMVCPUContext.self, at: address)
        guard vcpu.pointee.domain.pointee.extra.is64Bit.load(ordering: .relaxed), isGuestMode(context.registers.cpsr),
            context.registers.spsrEL1 == 0 || isGuestMode(context.registers.spsrEL1)
        else { throw .einval }
        let isUp = context.flags & ARMVCPUContext.online != 0
        setRegisters(of: vcpu, context)
        vcpu.pointee.isInitialised.store(true, ordering: .relaxed)
        setRunnable(vcpu, isUp)
    }

    private func setRegisters(of vcpu: MetalVCPU, _ context: ARMVCPUContext) {
        // SAFETY: the vCPU is stopped and no pCPU has its registers.
        let frame = unsafe vcpu.pointee.extra.frame.address
        let el1 = unsafe vcpu.pointee.extra.el1.address
        let registers = unsafe GuestRegisters(frame)
        for index in 0..<31 { registers[index] = context.registers.x[index] }
        registers.pc = context.registers.pc
        registers.pstate = context.registers.cpsr
        unsafe el1.pointee.spsr = context.registers.spsrEL1
        unsafe el1.pointee.sp_el0 = context.registers.spEL0
        unsafe el1.pointee.sp_el1 = context.registers.spEL1
        unsafe el1.pointee.elr = context.registers.elrEL1
        unsafe el1.pointee.sctlr = context.sctlr
        unsafe el1.pointee.tcr = context.ttbcr
        unsafe el1.pointee.ttbr0 = context.ttbr0
        unsafe el1.pointee.ttbr1 = context.ttbr1
    }
}

/// EL0 or EL1 in AArch64.
private func isGuestMode(_ pstate: UInt64) -> Bool {
    let mode = pstate & 0x1F
    return mode == 0 || mode == 4 || mode == 5
}
