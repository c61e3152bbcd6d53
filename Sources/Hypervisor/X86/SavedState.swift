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
import X86Machine
import XenABI

// A vCPU's state in the records of arch-x86/hvm/save.h.
extension Metal {
    var savedStateClock: UInt64 { x86_read_tsc() }
    var savedStateProcessor: UInt32? { x86_cpuid(1, 0).eax }

    private var limits: ControlLimits {
        let controls = root.state.policy.value.controls
        return ControlLimits(cr4: controls.cr4, features: controls.features, addressBits: controls.addressBits)
    }

    func saveState(_ record: SavedRecord, of vcpu: MetalVCPU, to address: GuestVirtualAddress) throws(XenError) {
        switch record {
        case .cpu: try guest.write(savedCPU(vcpu), at: address)
        case .memoryTypes: try guest.write(savedMemoryTypes(vcpu), at: address)
        }
    }

    func loadState(
        _ record: SavedRecord, length: UInt32, of vcpu: MetalVCPU, from address: GuestVirtualAddress, clock: UInt64
    ) throws(XenError) {
        switch record {
        case .memoryTypes: try load(guest.read(HVMSavedMTRR.self, at: address), into: vcpu)
        case .cpu where length == record.length:
            try load(guest.read(HVMSavedCPU.self, at: address), into: vcpu, clock: clock)
        case .cpu:
            try load(HVMSavedCPU(guest.read(HVMSavedCPUCompat.self, at: address)), into: vcpu, clock: clock)
        }
    }

    // MARK: Processor

    /// Xen: hvm_load_cpu_ctxt
    private func load(_ saved: HVMSavedCPU, into vcpu: MetalVCPU, clock: UInt64) throws(XenError) {
        try saved.check(limits)
        let registers = saved.registers
        let state = ControlState(
            cr0: registers.cr0, cr3: registers.cr3, cr4: registers.cr4, efer: registers.msrEfer,
            code: segmentAttributes(registers.csArbytes))
        // Xen takes what could not be entered, and the domain would crash.
        guard EntryCheck.failure(of: EntryState(state), root.state.policy.value.controls) == nil else { throw .einval }
        guard saved.hasGoodEvent else {
            vcpu.pointee.domain.pointee.shutDown(ShutdownReason.crash.rawValue, self)
            throw .einval
        }
        loadGeneral(saved.registers, into: vcpu)
        loadControl(saved.registers, into: vcpu)
        loadSegments(saved.registers, into: vcpu)
        let block = vcpu.pointee.extra.block
        block[VMCBField.tscOffset] = saved.tsc &- clock
        let isTaking = saved.pendingEvent & PendingEventBits.valid != 0
        block[VMCBField.eventInjection] = isTaking ? UInt64(saved.errorCode) << 32 | UInt64(saved.pendingEvent) : 0
        // SAFETY: a plain value.
        let vectors = unsafe unsafeBitCast(saved.registers.fpuRegs, to: InlineArray<64, UInt64>.self)
        setVectors(of: vcpu, to: vectors, areValid: saved.flags & HVMSaveConstant.fpuInitialised != 0)
        publishTime(vcpu)
        vcpu.pointee.extra.mustFlush.store(true, ordering: .relaxed)
        vcpu.pointee.isInitialised.store(true, ordering: .relaxed)
        vcpu.pointee.extra.setUp.store(2, ordering: .releasing)
        setRunnable(vcpu, true)
    }

    private func loadGeneral(_ saved: HVMSavedRegisters, into vcpu: MetalVCPU) {
        // SAFETY: the vCPU is stopped and no pCPU has its registers.
        let registers = unsafe GuestRegisters(vcpu)
        let values: InlineArray<16, UInt64> = [
            saved.rax, saved.rcx, saved.rdx, saved.rbx, saved.rsp, saved.rbp, saved.rsi, saved.rdi, saved.r8, saved.r9,
            saved.r10, saved.r11, saved.r12, saved.r13, saved.r14, saved.r15,
        ]
        for index in values.indices { registers[index] = values[index] }
        setDebug(of: vcpu, to: [saved.dr0, saved.dr1, saved.dr2, saved.dr3, 0, 0, saved.dr6, saved.dr7])
    }

    private func loadControl(_ saved: HVMSavedRegisters, into vcpu: MetalVCPU) {
        let block = vcpu.pointee.extra.block
        let words: InlineArray<16, (UInt64, UInt64)> = [
            (VMCBField.rip, saved.rip), (VMCBField.rflags, saved.rflags & 0x3f_7fd5 | 2), (VMCBField.cr0, saved.cr0),
            (VMCBField.cr2, saved.cr2), (VMCBField.cr3, saved.cr3), (VMCBField.cr4, saved.cr4),
            (VMCBField.efer, saved.msrEfer | EFER.virtualisation), (VMCBField.sysenterCS, saved.sysenterCs),
            (VMCBField.sysenterESP, saved.sysenterEsp), (VMCBField.sysenterEIP, saved.sysenterEip),
            (VMCBField.kernelGSBase, saved.shadowGs), (VMCBField.star, saved.msrStar), (VMCBField.longStar, saved.msrLstar),
            (VMCBField.compatStar, saved.msrCstar), (VMCBField.flagMask, saved.msrSyscallMask),
            (VMCBField.interruptShadow, 0),
        ]
        for index in words.indices { block[words[index].0] = words[index].1 }
    }

    /// Some were written with four bits between (Xen: UNFOLD_ARBYTES).
    private func segmentAttributes(_ saved: UInt32) -> UInt16 {
        let isSpread = saved & 0xf000 != 0 && saved & 0xf00 == 0
        return UInt16(truncatingIfNeeded: isSpread ? saved & 0xff | saved >> 4 & 0xf00 : saved) & 0xfff
    }

    private func loadSegments(_ saved: HVMSavedRegisters, into vcpu: MetalVCPU) {
        let block = vcpu.pointee.extra.block
        let segments: InlineArray<8, (UInt64, UInt32, UInt32, UInt32, UInt64)> = [
            (VMCBField.cs, saved.csSel, saved.csArbytes, saved.csLimit, saved.csBase),
            (VMCBField.ds, saved.dsSel, saved.dsArbytes, saved.dsLimit, saved.dsBase),
            (VMCBField.es, saved.esSel, saved.esArbytes, saved.esLimit, saved.esBase),
            (VMCBField.fs, saved.fsSel, saved.fsArbytes, saved.fsLimit, saved.fsBase),
            (VMCBField.gs, saved.gsSel, saved.gsArbytes, saved.gsLimit, saved.gsBase),
            (VMCBField.ss, saved.ssSel, saved.ssArbytes, saved.ssLimit, saved.ssBase),
            (VMCBField.tr, saved.trSel, saved.trArbytes, saved.trLimit, saved.trBase),
            (VMCBField.ldtr, saved.ldtrSel, saved.ldtrArbytes, saved.ldtrLimit, saved.ldtrBase),
        ]
        for index in segments.indices {
            let (field, selector, attributes, limit, base) = segments[index]
            block.setSegment(
                field, selector: UInt16(truncatingIfNeeded: selector), attributes: segmentAttributes(attributes),
                limit: limit,
                base: base)
        }
        block.setSegment(VMCBField.gdtr, selector: 0, attributes: 0, limit: saved.gdtrLimit & 0xffff, base: saved.gdtrBase)
        block.setSegment(VMCBField.idtr, selector: 0, attributes: 0, limit: saved.idtrLimit & 0xffff, base: saved.idtrBase)
        block.store(UInt8(truncatingIfNeeded: block.stackAttributes >> 5 & 3), VMCBField.cpl)
    }

    private func savedCPU(_ vcpu: MetalVCPU) -> HVMSavedCPU {
        var saved = HVMSavedCPU()
        let block = vcpu.pointee.extra.block
        var vectors = InlineArray<64, UInt64>(repeating: 0)
        for index in 0..<64 {
            vectors[index] = frames.load(UInt64.self, at: vcpu.pointee.extra.vectors + UInt64(index) * 8)
        }
        // SAFETY: a plain value.
        saved.registers.fpuRegs = unsafe unsafeBitCast(vectors, to: InlineArray<512, UInt8>.self)
        saveGeneral(vcpu, to: &saved.registers)
        saveControl(block, to: &saved.registers)
        saveSegments(block, to: &saved.registers)
        saved.tsc = x86_read_tsc() &+ block[VMCBField.tscOffset]
        let event = InjectedEvent(rawValue: block[VMCBField.eventInjection])
        if event.isValid {
            saved.pendingEvent = UInt32(truncatingIfNeeded: event.rawValue)
            saved.errorCode = UInt32(truncatingIfNeeded: event.rawValue >> 32)
        }
        saved.flags = HVMSaveConstant.fpuInitialised
        return saved
    }

    private func saveGeneral(_ vcpu: MetalVCPU, to saved: inout HVMSavedRegisters) {
        let user = userRegisters(of: vcpu)
        (saved.rax, saved.rcx, saved.rdx, saved.rbx) = (user.rax, user.rcx, user.rdx, user.rbx)
        (saved.rsp, saved.rbp, saved.rsi, saved.rdi) = (user.rsp, user.rbp, user.rsi, user.rdi)
        (saved.r8, saved.r9, saved.r10, saved.r11) = (user.r8, user.r9, user.r10, user.r11)
        (saved.r12, saved.r13, saved.r14, saved.r15) = (user.r12, user.r13, user.r14, user.r15)
        (saved.rip, saved.rflags) = (user.rip, user.rflags)
        // SAFETY: the vCPU is stopped and no pCPU has its registers.
        let breakpoints = unsafe vcpu.pointee.extra.breakpoints.address.pointee
        (saved.dr0, saved.dr1, saved.dr2, saved.dr3) = (breakpoints[0], breakpoints[1], breakpoints[2], breakpoints[3])
    }

    private func saveControl(_ block: ControlBlock, to saved: inout HVMSavedRegisters) {
        (saved.dr6, saved.dr7) = (block[VMCBField.dr6], block[VMCBField.dr7])
        (saved.cr0, saved.cr2) = (block[VMCBField.cr0], block[VMCBField.cr2])
        (saved.cr3, saved.cr4) = (block[VMCBField.cr3], block[VMCBField.cr4])
        saved.msrEfer = block[VMCBField.efer] & ~EFER.virtualisation
        saved.sysenterCs = block[VMCBField.sysenterCS]
        saved.sysenterEsp = block[VMCBField.sysenterESP]
        saved.sysenterEip = block[VMCBField.sysenterEIP]
        saved.shadowGs = block[VMCBField.kernelGSBase]
        (saved.msrStar, saved.msrLstar) = (block[VMCBField.star], block[VMCBField.longStar])
        (saved.msrCstar, saved.msrSyscallMask) = (block[VMCBField.compatStar], block[VMCBField.flagMask])
    }

    private func saveSegments(_ block: ControlBlock, to saved: inout HVMSavedRegisters) {
        func selector(_ field: UInt64) -> UInt32 { UInt32(block.load(field, as: UInt16.self)) }
        func attributes(_ field: UInt64) -> UInt32 { UInt32(block.load(field + 2, as: UInt16.self)) }
        func limit(_ field: UInt64) -> UInt32 { block.load(field + 4) }
        func base(_ field: UInt64) -> UInt64 { block[field + 8] }
        (saved.csSel, saved.csArbytes) = (selector(VMCBField.cs), attributes(VMCBField.cs))
        (saved.csLimit, saved.csBase) = (limit(VMCBField.cs), base(VMCBField.cs))
        (saved.dsSel, saved.dsArbytes) = (selector(VMCBField.ds), attributes(VMCBField.ds))
        (saved.dsLimit, saved.dsBase) = (limit(VMCBField.ds), base(VMCBField.ds))
        (saved.esSel, saved.esArbytes) = (selector(VMCBField.es), attributes(VMCBField.es))
        (saved.esLimit, saved.esBase) = (limit(VMCBField.es), base(VMCBField.es))
        (saved.fsSel, saved.fsArbytes) = (selector(VMCBField.fs), attributes(VMCBField.fs))
        (saved.fsLimit, saved.fsBase) = (limit(VMCBField.fs), base(VMCBField.fs))
        (saved.gsSel, saved.gsArbytes) = (selector(VMCBField.gs), attributes(VMCBField.gs))
        (saved.gsLimit, saved.gsBase) = (limit(VMCBField.gs), base(VMCBField.gs))
        (saved.ssSel, saved.ssArbytes) = (selector(VMCBField.ss), attributes(VMCBField.ss))
        (saved.ssLimit, saved.ssBase) = (limit(VMCBField.ss), base(VMCBField.ss))
        (saved.trSel, saved.trArbytes) = (selector(VMCBField.tr), attributes(VMCBField.tr))
        (saved.trLimit, saved.trBase) = (limit(VMCBField.tr), base(VMCBField.tr))
        (saved.ldtrSel, saved.ldtrArbytes) = (selector(VMCBField.ldtr), attributes(VMCBField.ldtr))
        (saved.ldtrLimit, saved.ldtrBase) = (limit(VMCBField.ldtr), base(VMCBField.ldtr))
        (saved.gdtrLimit, saved.gdtrBase) = (limit(VMCBField.gdtr), base(VMCBField.gdtr))
        (saved.idtrLimit, saved.idtrBase) = (limit(VMCBField.idtr), base(VMCBField.idtr))
    }

    // MARK: Memory types

    /// Xen: hvm_load_mtrr_msr. Values that no register takes are left out there; here the registers have no effect.
    private func load(_ saved: HVMSavedMTRR, into vcpu: MetalVCPU) throws(XenError) {
        guard saved.msrMtrrCap & 0xff <= 8 else { throw .einval }
        if GuestMSR.isPageAttributes(saved.msrPatCr) { vcpu.pointee.extra.block[VMCBField.pat] = saved.msrPatCr }
        func set(_ index: Int, _ value: UInt64) { vcpu.pointee.extra.memoryTypes[index].store(value, ordering: .relaxed) }
        set(MemoryTypeRegister.defaultType, saved.msrMtrrDefType)
        for index in 0..<16 { set(1 + index, saved.msrMtrrVar[index]) }
        for index in 0..<11 { set(MemoryTypeRegister.firstFixed + index, saved.msrMtrrFixed[index]) }
    }

    private func savedMemoryTypes(_ vcpu: MetalVCPU) -> HVMSavedMTRR {
        var saved = HVMSavedMTRR()
        func get(_ index: Int) -> UInt64 { vcpu.pointee.extra.memoryTypes[index].load(ordering: .relaxed) }
        saved.msrPatCr = vcpu.pointee.extra.block[VMCBField.pat]
        saved.msrMtrrCap = GuestMSR.constant(0xfe)?.value ?? 0
        saved.msrMtrrDefType = get(MemoryTypeRegister.defaultType)
        for index in 0..<16 { saved.msrMtrrVar[index] = get(1 + index) }
        for index in 0..<11 { saved.msrMtrrFixed[index] = get(MemoryTypeRegister.firstFixed + index) }
        return saved
    }
}
