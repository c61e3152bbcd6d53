// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import Synchronization
import VirtualAPIC
import X86
import X86Machine

/// RDMSR. False where it is refused: what nobody knows, as by a processor that has no such register.
func readMSR(_ registers: GuestRegisters, _ vcpu: MetalVCPU) -> Bool {
    let number = UInt32(truncatingIfNeeded: registers.rcx)
    guard let value = value(of: number, registers.block, vcpu) else {
        logGuest(vcpu, "RDMSR 0x\(hex: UInt64(number), digits: 8) unimplemented")
        return false
    }
    registers.pair = value
    return true
}

private func value(of number: UInt32, _ block: ControlBlock, _ vcpu: MetalVCPU) -> UInt64? {
    let apic = Ref(apicOf: vcpu)
    if GuestMSR.x2APIC.contains(number) {
        guard apic.pointee.isX2 else { return nil }
        let offset = (number - 0x800) << 4
        guard let low = apic.pointee.read(offset, now: systemTime()) else { return nil }
        // The command register is one of 64 bits.
        let high = offset == 0x300 ? apic.pointee.read(0x310, now: systemTime()) ?? 0 : 0
        return UInt64(high) << 32 | UInt64(low)
    }
    if let index = MemoryTypeRegister.index(number) {
        guard root.state.policy.value.controls.hasMemoryTypes else { return nil }
        return vcpu.pointee.extra.memoryTypes[index].load(ordering: .relaxed)
    }
    switch number {
    case GuestMSR.timeStamp: return x86_read_tsc() &+ block[VMCBField.tscOffset]
    case GuestMSR.apicBase: return apic.pointee.base
    case GuestMSR.pageAttributes: return block[VMCBField.pat]
    case GuestMSR.extendedFeatures: return block[VMCBField.efer] & ~EFER.virtualisation
    case GuestMSR.speculationControl: return speculationControl(of: vcpu)
    default: return GuestMSR.constant(number)?.value
    }
}

/// WRMSR. False where it is refused.
func writeMSR(_ registers: GuestRegisters, _ vcpu: MetalVCPU, _ cpu: CPULocal) -> Bool {
    let number = UInt32(truncatingIfNeeded: registers.rcx)
    let value = registers.pair
    if set(number, value, registers.block, vcpu, cpu) { return true }
    logGuest(vcpu, "WRMSR 0x\(hex: UInt64(number), digits: 8) val 0x\(hex: value, digits: 16) unimplemented")
    return false
}

private func set(_ number: UInt32, _ value: UInt64, _ block: ControlBlock, _ vcpu: MetalVCPU, _ cpu: CPULocal) -> Bool {
    let apic = Ref(apicOf: vcpu)
    if number == GuestMSR.taskPriority { return apic.pointee.writeTaskPriority(value) }
    if GuestMSR.x2APIC.contains(number) {
        let offset = (number - 0x800) << 4
        guard apic.pointee.isX2, VirtualLocalAPIC.allows(value, at: offset) else { return false }
        let now = VirtualLocalAPIC.looksAtTime(offset) ? systemTime() : SystemTime(nanoseconds: 0)
        let effect = apic.pointee.write(offset, value, now: now)
        if effect != .none { follow(effect, vcpu, cpu) }
        return effect != .refused
    }
    if let index = MemoryTypeRegister.index(number) {
        let controls = root.state.policy.value.controls
        guard controls.hasMemoryTypes, MemoryTypeRegister.allows(value, at: index, addressBits: controls.addressBits) else {
            return false
        }
        vcpu.pointee.extra.memoryTypes[index].store(value, ordering: .relaxed)
        return true
    }
    switch number {
    case GuestMSR.timeStamp:
        block[VMCBField.tscOffset] = value &- x86_read_tsc()
        publishTime(vcpu)
        return true
    case GuestMSR.apicBase: return apic.pointee.setBase(value)
    case GuestMSR.pageAttributes:
        guard GuestMSR.isPageAttributes(value) else { return false }
        block[VMCBField.pat] = value
        return true
    case GuestMSR.extendedFeatures:
        let old = block.control
        guard let new = root.state.policy.value.controls.writingEFER(value, old) else { return false }
        setControl(new, old, vcpu)
        return true
    case GuestMSR.hypercallPage: return writeHypercallPage(value, vcpu, cpu.pcpu)
    case GuestMSR.speculationControl:
        let plan = root.state.speculation.reference
        guard plan.pointee.allowsControl(value, offered: root.state.policy.value.features) else { return false }
        setSpeculationControl(UInt32(truncatingIfNeeded: value), vcpu)
        return true
    case GuestMSR.predictionCommand:
        guard root.state.policy.value.features.has(.ibpb), value & ~1 == 0 else { return false }
        if value != 0 { x86_write_msr(MSR.predictionCommand, 1) }
        return true
    default: break
    }
    if let field = GuestMSR.addressField(number) {
        guard GuestMSR.isCanonical(value) else { return false }
        block[field] = value
        return true
    }
    return GuestMSR.constant(number)?.ignoresWrites ?? false
}

/// Fills a page of the guest's with hypercalls, 32 bytes each: MOV number to EAX, VMMCALL, RET (Xen: svm_init_hypercall_page).
private func writeHypercallPage(_ value: UInt64, _ vcpu: MetalVCPU, _ pcpu: PCPU) -> Bool {
    guard value & 0xfff == 0 else { return false }
    let domain = vcpu.pointee.domain
    let guest = RunningGuest(vcpu: vcpu, pcpu: pcpu)
    let isWritten: Void? = guest.withPlace(GuestAddress(value), of: domain, write: true) { page in
        for number in UInt64(0)..<128 {
            let entry = page + number * 32
            frames.store(0xb8 as UInt8, at: entry)
            frames.store(UInt32(number), at: entry + 1)
            frames.store(0xc3d9_010f as UInt32, at: entry + 5)
        }
        // IRET is none for such a guest: UD2.
        frames.store(0x0b0f as UInt16, at: page + 23 * 32)
    }
    guard isWritten != nil else { return false }
    domain.pointee.latchWords(of: vcpu.pointee.extra.block.isIn64BitCode ? 64 : 32, Metal(pcpu: pcpu, vcpu: vcpu))
    return true
}
