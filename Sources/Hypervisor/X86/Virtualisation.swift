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

/// Turns SVM on for the calling CPU (AMD APM 2, 15.4 and 15.30). Without it, or without nested paging, there is no dom0.
func startVirtualisation(_ pcpu: PCPU) {
    let pc = root.state.pc.reference
    let features = pc.pointee.features
    guard features.hasSVM, features.hasNestedPaging else { return }
    var control: UInt64 = 0
    if unsafe x86_try_read_msr(MSR.virtualisation, &control), control >> 4 & 1 != 0 {
        return log.warning("CPU\(pcpu.rawValue): the firmware has turned SVM off")
    }
    guard let save = root.heap.value.allocate(order: 0, node: nil), let block = root.heap.value.allocate(order: 0, node: nil)
    else { return log.error("CPU\(pcpu.rawValue): no memory for SVM") }
    x86_write_msr(MSR.extendedFeatures, x86_read_msr(MSR.extendedFeatures) | 1 << 12)
    x86_write_msr(MSR.hostSave, save.address.rawValue)
    if pc.pointee.extendedStates != 0 { x86_write_cr4(x86_read_cr4() | 1 << 18) }
    // FXSAVE, SSE, and no trap on the vector registers: only the world switch touches them.
    x86_write_cr4(x86_read_cr4() | 1 << 9 | 1 << 10)
    x86_vmsave(block.address.rawValue)
    pc.pointee.states[pcpu.index].hostBlock.store(block.address.rawValue, ordering: .releasing)
    if pcpu.rawValue == 0 { log.notice("HVM: SVM enabled, nested paging") }
}

/// Fills in what does not change while a vCPU lives. All address spaces have the one tag that every processor knows: what a
/// processor remembers of one vCPU it forgets before it runs another (`load`).
func fill(_ block: ControlBlock, for domain: borrowing X86Domain) {
    block[VMCBField.interceptControl] = Intercept.control
    block.store(Intercept.exceptions, VMCBField.interceptExceptions)
    block.store(Intercept.first, VMCBField.intercepts1)
    block.store(Intercept.second, VMCBField.intercepts2)
    block[VMCBField.portMap] = domain.portMap.rawValue
    block[VMCBField.msrMap] = domain.msrMap.rawValue
    block.store(1 as UInt32, VMCBField.asid)
    block[VMCBField.virtualInterrupt] = VirtualInterrupt.masking
    block[VMCBField.nestedPaging] = 1
    block[VMCBField.nestedRoot] = domain.nestedRoot.rawValue
}

/// Registers as after reset, in 16-bit or in flat 32-bit segments.
private func reset(_ vcpu: MetalVCPU, isFlat: Bool, codeSelector: UInt16, codeBase: UInt64) {
    let block = vcpu.pointee.extra.block
    // SAFETY: the vCPU is on no pCPU.
    unsafe vcpu.pointee.extra.registers.address.pointee = guest_registers()
    let limit: UInt32 = isFlat ? .max : 0xffff
    let data = isFlat ? SegmentAttributes.data32 : SegmentAttributes.data16
    for field in stride(from: VMCBField.es, through: VMCBField.gs, by: 16) {
        block.setSegment(field, selector: 0, attributes: data, limit: limit, base: 0)
    }
    block.setSegment(
        VMCBField.cs, selector: codeSelector, attributes: isFlat ? SegmentAttributes.code32 : SegmentAttributes.code16,
        limit: limit, base: codeBase)
    block.setSegment(VMCBField.gdtr, selector: 0, attributes: 0, limit: 0xffff, base: 0)
    block.setSegment(VMCBField.idtr, selector: 0, attributes: 0, limit: 0xffff, base: 0)
    block.setSegment(VMCBField.ldtr, selector: 0, attributes: SegmentAttributes.ldt, limit: 0xffff, base: 0)
    block.setSegment(VMCBField.tr, selector: 0, attributes: SegmentAttributes.busyTask, limit: 0x67, base: 0)
    let zeros: InlineArray<9, UInt64> = [
        VMCBField.cr2, VMCBField.cr3, VMCBField.cr4, VMCBField.rsp, VMCBField.rax, VMCBField.rip, VMCBField.interruptShadow,
        VMCBField.eventInjection, VMCBField.exitInterrupt,
    ]
    for index in zeros.indices { block[zeros[index]] = 0 }
    block.store(0 as UInt8, VMCBField.cpl)
    block[VMCBField.efer] = EFER.virtualisation
    block[VMCBField.rflags] = 2
    block[VMCBField.dr6] = 0xffff_0ff0
    block[VMCBField.dr7] = 0x400
    block[VMCBField.pat] = 0x0007_0406_0007_0406
    resetVectors(vcpu)
    setSpeculationControl(0, vcpu)
    vcpu.pointee.extra.mustFlush.store(true, ordering: .relaxed)
    vcpu.pointee.isInitialised.store(true, ordering: .relaxed)
    vcpu.pointee.extra.setUp.store(2, ordering: .releasing)
}

/// The x87 control word and MXCSR; all else is zeros.
func resetVectors(_ vcpu: MetalVCPU) {
    frames.zero(vcpu.pointee.extra.vectors, count: pageSize)
    frames.store(0x37f as UInt16, at: vcpu.pointee.extra.vectors)
    frames.store(0x1f80 as UInt32, at: vcpu.pointee.extra.vectors + 24)
    vcpu.pointee.extra.extendedControl.store(1, ordering: .relaxed)
    for index in 0..<MemoryTypeRegister.count { vcpu.pointee.extra.memoryTypes[index].store(0, ordering: .relaxed) }
    vcpu.pointee.extra.memoryTypes[MemoryTypeRegister.defaultType]
        .store(MemoryTypeRegister.enabledWriteBack, ordering: .relaxed)
    for index in MemoryTypeRegister.firstFixed..<MemoryTypeRegister.count {
        vcpu.pointee.extra.memoryTypes[index].store(0x0606_0606_0606_0606, ordering: .relaxed)
    }
}

/// As a PVH domain starts: 32-bit protected mode, flat, paging off, EBX the start info (Xen: docs/misc/pvh.pandoc).
func resetToPVH(_ vcpu: MetalVCPU, entry: UInt32, startInfo: UInt64) {
    reset(vcpu, isFlat: true, codeSelector: 0, codeBase: 0)
    let block = vcpu.pointee.extra.block
    block[VMCBField.cr0] = 0x11
    block[VMCBField.rip] = UInt64(entry)
    // SAFETY: the vCPU is on no pCPU.
    unsafe vcpu.pointee.extra.registers.address.pointee.rbx = startInfo
    vcpu.pointee.extra.isRunnable.store(true, ordering: .releasing)
}

/// As a startup message starts a processor: real mode, at the first byte of a page below 1 MiB.
func resetToRealMode(_ vcpu: MetalVCPU, page: UInt8) {
    vcpu.pointee.extra.apic.reset()
    reset(vcpu, isFlat: false, codeSelector: UInt16(page) << 8, codeBase: UInt64(page) << 12)
    vcpu.pointee.extra.block[VMCBField.cr0] = 0x6000_0010
}

/// As the domain wants it (VCPUOP_initialise). Its counter of time is that of the first vCPU.
func reset(_ vcpu: MetalVCPU, to start: VCPUStart) {
    reset(vcpu, isFlat: true, codeSelector: 0, codeBase: 0)
    let block = vcpu.pointee.extra.block
    // SAFETY: the vCPU is on no pCPU.
    let registers = unsafe GuestRegisters(vcpu)
    for number in 0..<8 { registers[number] = start.registers[number] }
    block[VMCBField.rip] = start.instruction
    block[VMCBField.rflags] = start.flags | 2
    block[VMCBField.cr0] = start.cr0
    block[VMCBField.cr3] = start.cr3
    block[VMCBField.cr4] = start.cr4
    block[VMCBField.efer] = start.features | EFER.virtualisation
    let segments: InlineArray<5, (UInt64, VCPUStart.Segment)> = [
        (VMCBField.cs, start.code), (VMCBField.ss, start.stack), (VMCBField.ds, start.data), (VMCBField.es, start.extra),
        (VMCBField.tr, start.task),
    ]
    for index in segments.indices {
        let (field, segment) = segments[index]
        block.setSegment(field, selector: 0, attributes: segment.attributes, limit: segment.limit, base: segment.base)
    }
    block.store(UInt8(truncatingIfNeeded: start.stack.attributes >> 5 & 3), VMCBField.cpl)
    if let first = vcpu.pointee.domain.pointee.vcpu(VCPUID(0)) {
        block[VMCBField.tscOffset] = first.pointee.extra.block[VMCBField.tscOffset]
    }
}
