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

// vCPUs that come and go, stop and go on, while the machine runs.
extension Metal {
    func takeUnit() -> UInt16? { root.state.units.value.take()?.rawValue }
    func giveBackUnit(_ unit: UInt16) { root.state.units.value.giveBack(UnitID(unit)) }

    func admit(_ vcpu: MetalVCPU) {
        let unit = UnitID(vcpu.pointee.unit)
        let home = root.state.units.value.leastUsed(of: root.state.machine.value.onlineCount)
        root.state.units.value.set(unit, vcpu, home: home)
        _ = root.state.scheduler.withLock { $0.add(unit, on: home, isAsleep: true) }
    }

    func dismiss(_ vcpu: MetalVCPU) {
        let unit = UnitID(vcpu.pointee.unit)
        _ = root.state.scheduler.withLock { $0.remove(unit) }
        root.state.units.value.giveBack(unit)
    }

    func sleep(_ vcpu: MetalVCPU) { follow(root.state.scheduler.withLock { $0.sleep(UnitID(vcpu.pointee.unit)) }) }
    func endSleep(_ vcpu: MetalVCPU) { follow(root.state.scheduler.withLock { $0.endSleep(UnitID(vcpu.pointee.unit)) }) }

    private func follow(_ hint: SchedulingHint) {
        if case .tickle(let target) = hint { tickle(target, from: pcpu) }
    }

    /// The pCPU that has its registers lets go of them when it asks the scheduler (`releasePaused`).
    func waitUntilStopped(_ vcpu: MetalVCPU) {
        let holder = vcpu.pointee.extra.holder.load(ordering: .acquiring)
        guard holder != 0, holder != pcpu.rawValue + 1 else { return }
        tickle(PCPU(holder - 1), from: pcpu)
        while vcpu.pointee.extra.holder.load(ordering: .acquiring) != 0 { cpu_relax() }
    }

    var processorCount: UInt32 { UInt32(root.state.machine.value.onlineCount) }

    func canRun(on processor: UInt32) -> Bool {
        let machine = root.state.machine.reference
        return Int(processor) < machine.pointee.processorCount
            && machine.pointee.states[Int(processor)].isOnline.load(ordering: .relaxed)
    }

    /// Seen to when this pCPU asks the scheduler, which is as soon as the hypercall is done.
    func move(_ vcpu: MetalVCPU, to processor: UInt32) {
        guard processor != pcpu.rawValue else { return }
        vcpu.pointee.extra.destination.store(processor + 1, ordering: .relaxed)
        root.state.scheduler.withLock { $0.move(UnitID(vcpu.pointee.unit), to: PCPU(processor)) }
        root.state.machine.value.states[pcpu.index].reschedule.store(true, ordering: .relaxed)
    }

    // MARK: Grace periods

    func beginGrace() -> UInt64 {
        let machine = root.state.machine.reference
        let period = root.state.grace.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
        for index in 0..<machine.pointee.processorCount where machine.pointee.states[index].isOnline.load(ordering: .relaxed)
        {
            tickle(PCPU(UInt32(index)), from: pcpu)
        }
        return period
    }

    func graceHasPassed(_ period: UInt64) -> Bool {
        let machine = root.state.machine.reference
        for index in 0..<machine.pointee.processorCount {
            let state = machine.pointee.states[index].grace.load(ordering: .acquiring)
            if machine.pointee.states[index].isOnline.load(ordering: .relaxed) && state < period { return false }
        }
        return true
    }

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
        vcpu.pointee.extra.isRunnable.store(isUp, ordering: .releasing)
        vcpu.pointee.isUp.store(isUp, ordering: .releasing)
        vcpu.pointee.changeRunstate(to: .offline, now: now())
        // It is asleep: this says whether it runs when that ends.
        root.state.scheduler.withLock { scheduler in
            let unit = UnitID(vcpu.pointee.unit)
            if isUp { _ = scheduler.wake(unit) } else { scheduler.rest(unit) }
        }
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

/// This pCPU refers to no domain besides those of its own vCPUs, which live.
@inline(__always) func passGrace(_ pcpu: PCPU) {
    let grace = root.state.grace.load(ordering: .acquiring)
    root.state.machine.value.states[pcpu.index].grace.store(grace, ordering: .releasing)
    root.state.domains.value.bury(Metal(pcpu: pcpu))
}
