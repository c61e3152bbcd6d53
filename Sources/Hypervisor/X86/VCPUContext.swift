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

// The registers of a vCPU as the toolstack sees them: what struct vcpu_guest_context says of a domain that is no PV guest.
extension Metal {
    /// Xen: arch_get_info_guest
    func readContext(of vcpu: MetalVCPU, to address: GuestVirtualAddress) throws(XenError) {
        let extra = Ref(extraOf: vcpu)
        var start = X86VCPUContextStart()
        for index in 0..<64 {
            start.vectors[index] = frames.load(UInt64.self, at: extra.pointee.vectors + UInt64(index) * 8)
        }
        start.flags = X86VCPUContext.vectorsAreValid
        if vcpu.pointee.isUp.load(ordering: .relaxed) { start.flags |= X86VCPUContext.online }
        start.registers = userRegisters(of: vcpu)
        try guest.write(start, at: address)
        for offset in stride(from: X86VCPUContext.trapsOffset, to: X86VCPUContext.endOffset, by: 8) {
            try guest.write(0 as UInt64, at: address + offset)
        }
        try guest.write(end(of: vcpu), at: address + X86VCPUContext.endOffset)
    }

    func userRegisters(of vcpu: MetalVCPU) -> X86UserRegisters {
        // SAFETY: the vCPU is stopped and no pCPU has its registers.
        let registers = unsafe GuestRegisters(vcpu)
        let block = vcpu.pointee.extra.block
        var user = X86UserRegisters()
        (user.rax, user.rcx, user.rdx, user.rbx) = (registers[0], registers[1], registers[2], registers[3])
        (user.rsp, user.rbp, user.rsi, user.rdi) = (registers[4], registers[5], registers[6], registers[7])
        (user.r8, user.r9, user.r10, user.r11) = (registers[8], registers[9], registers[10], registers[11])
        (user.r12, user.r13, user.r14, user.r15) = (registers[12], registers[13], registers[14], registers[15])
        user.rip = block[VMCBField.rip]
        user.rflags = block[VMCBField.rflags]
        (user.cs, user.ss) = (block.load(VMCBField.cs), block.load(VMCBField.ss))
        (user.ds, user.es) = (block.load(VMCBField.ds), block.load(VMCBField.es))
        (user.fs, user.gs) = (block.load(VMCBField.fs), block.load(VMCBField.gs))
        return user
    }

    private func end(of vcpu: MetalVCPU) -> X86VCPUContextEnd {
        let block = vcpu.pointee.extra.block
        var end = X86VCPUContextEnd()
        end.control[0] = block[VMCBField.cr0]
        end.control[2] = block[VMCBField.cr2]
        end.control[3] = block[VMCBField.cr3]
        end.control[4] = block[VMCBField.cr4]
        // SAFETY: the vCPU is stopped and no pCPU has its registers.
        let breakpoints = unsafe vcpu.pointee.extra.breakpoints.address.pointee
        for index in 0..<4 { end.debug[index] = breakpoints[index] }
        end.debug[6] = block[VMCBField.dr6]
        end.debug[7] = block[VMCBField.dr7]
        end.fsBase = block[VMCBField.fs + 8]
        // The one that is in use is the kernel's where the kernel runs.
        let bases = (block[VMCBField.gs + 8], block[VMCBField.kernelGSBase])
        let isKernel = block.load(VMCBField.cpl, as: UInt8.self) == 0
        (end.gsBaseKernel, end.gsBaseUser) = isKernel ? bases : (bases.1, bases.0)
        return end
    }

    /// Segments and control registers stay as they are.
    ///
    /// Xen: arch_set_info_guest
    func writeContext(of vcpu: MetalVCPU, from address: GuestVirtualAddress) throws(XenError) {
        let start = try guest.read(X86VCPUContextStart.self, at: address)
        // The table in the middle covers no page alone but perhaps one.
        _ = try guest.read(UInt8.self, at: address + X86VCPUContext.trapsOffset)
        let end = try guest.read(X86VCPUContextEnd.self, at: address + X86VCPUContext.endOffset)
        if vcpu.pointee.id.rawValue == 0 {
            guard end.assists & ~assists == 0 else { throw .einval }
            vcpu.pointee.domain.pointee.assists.store(end.assists, ordering: .relaxed)
        }
        set(start.registers, of: vcpu)
        setVectors(of: vcpu, to: start.vectors, areValid: start.flags & X86VCPUContext.vectorsAreValid != 0)
        setDebug(of: vcpu, to: end.debug)
        setRunnable(vcpu, start.flags & X86VCPUContext.online != 0)
    }

    private func set(_ user: X86UserRegisters, of vcpu: MetalVCPU) {
        // SAFETY: the vCPU is stopped and no pCPU has its registers.
        let registers = unsafe GuestRegisters(vcpu)
        let values: InlineArray<16, UInt64> = [
            user.rax, user.rcx, user.rdx, user.rbx, user.rsp, user.rbp, user.rsi, user.rdi, user.r8, user.r9, user.r10,
            user.r11, user.r12, user.r13, user.r14, user.r15,
        ]
        for index in values.indices { registers[index] = values[index] }
        let block = vcpu.pointee.extra.block
        block[VMCBField.rip] = user.rip
        block[VMCBField.rflags] = user.rflags & 0x3f_7fd5 | 2
        block[VMCBField.interruptShadow] = 0
    }

    /// The processor refuses bits of DR6 and DR7 above the lower 32.
    func setDebug(of vcpu: MetalVCPU, to registers: InlineArray<8, UInt64>) {
        for index in 0..<4 {
            // SAFETY: the vCPU is stopped and no pCPU has its registers.
            unsafe vcpu.pointee.extra.breakpoints.address.pointee[index] = registers[index]
        }
        vcpu.pointee.extra.block[VMCBField.dr6] = registers[6] & 0xffff_ffff
        vcpu.pointee.extra.block[VMCBField.dr7] = registers[7] & 0xffff_ffff
    }

    /// As FXSAVE writes them, or as after reset.
    func setVectors(of vcpu: MetalVCPU, to words: InlineArray<64, UInt64>, areValid: Bool) {
        resetVectors(vcpu)
        guard areValid else { return }
        let area = vcpu.pointee.extra.vectors
        for index in 0..<64 { frames.store(words[index], at: area + UInt64(index) * 8) }
        // Bits of MXCSR that there are not would stop us, not the guest.
        frames.store(UInt32(truncatingIfNeeded: words[3]) & 0xffff, at: area + 24)
        // XSAVE's header: x87 and SSE have values.
        frames.store(3 as UInt64, at: area + 512)
    }
}

extension Ref where Value == X86VCPU {
    init(extraOf vcpu: MetalVCPU) {
        // SAFETY: a vCPU is never moved.
        unsafe self.init(
            unsafe: UnsafeMutablePointer(mutating: withUnsafePointer(to: vcpu.pointee.extra) { unsafe $0 }))
    }
}
