// SPDX-License-Identifier: Apache-2.0

import XenABI

// arch-x86/hvm/save.h: struct hvm_hw_cpu, and what has bit fields.

extension Facts {
    mutating func addHVMSavedCPUs(_ caller: Caller) {
        if !caller.isARM { addHVMSavedCPUsX86Numbers() }
        if !caller.isARM { addHVMSavedCPUsX86Structures() }
    }

    private mutating func addHVMSavedCPUsX86Numbers() {
        for (field, mask) in [
            ("pending_vector", PendingEventBits.vector), ("pending_type", PendingEventBits.type),
            ("pending_error_valid", PendingEventBits.errorValid), ("pending_reserved", PendingEventBits.reserved),
            ("pending_valid", PendingEventBits.valid),
        ] { bits("struct hvm_hw_cpu", field, at: MemoryLayout<HVMSavedCPU>.offset(of: \.pendingEvent)!, mask) }
        for (field, mask) in [("init_state", PICInitialisationBits.state), ("priority_add", PICInitialisationBits.priority)]
        { bits("struct hvm_hw_vpic", field, at: 4, mask) }
        for (field, mask) in [
            ("readsel_isr", PICModeBits.readselIsr), ("poll", PICModeBits.poll), ("auto_eoi", PICModeBits.autoEoi),
            ("rotate_on_auto_eoi", PICModeBits.rotateOnAutoEoi),
            ("special_fully_nested_mode", PICModeBits.specialFullyNestedMode),
            ("special_mask_mode", PICModeBits.specialMaskMode), ("is_master", PICModeBits.isMaster),
        ] { bits("struct hvm_hw_vpic", field, at: 5, mask) }
        for (field, mask) in [
            ("fields.vector", RedirectionBits.vector), ("fields.delivery_mode", RedirectionBits.deliveryMode),
            ("fields.dest_mode", RedirectionBits.destinationMode),
            ("fields.delivery_status", RedirectionBits.deliveryStatus), ("fields.polarity", RedirectionBits.polarity),
            ("fields.remote_irr", RedirectionBits.remoteIRR), ("fields.trig_mode", RedirectionBits.triggerMode),
            ("fields.mask", RedirectionBits.mask), ("fields.reserve", RedirectionBits.reserve),
            ("fields.dest_id", RedirectionBits.destinationID),
        ] { bits("union vioapic_redir_entry", field, at: 0, mask) }
    }

    private mutating func addHVMSavedCPUsX86Structures() {
        for c in ["struct hvm_hw_cpu", "struct hvm_hw_cpu_compat"] {
            fields(
                c, HVMSavedRegisters.self,
                [
                    "fpu_regs": \.fpuRegs, "rax": \.rax, "rbx": \.rbx, "rcx": \.rcx, "rdx": \.rdx, "rbp": \.rbp, "rsi": \.rsi,
                    "rdi": \.rdi, "rsp": \.rsp, "r8": \.r8, "r9": \.r9, "r10": \.r10, "r11": \.r11, "r12": \.r12, "r13": \.r13,
                    "r14": \.r14, "r15": \.r15, "rip": \.rip, "rflags": \.rflags, "cr0": \.cr0, "cr2": \.cr2, "cr3": \.cr3,
                    "cr4": \.cr4, "dr0": \.dr0, "dr1": \.dr1, "dr2": \.dr2, "dr3": \.dr3, "dr6": \.dr6, "dr7": \.dr7,
                    "cs_sel": \.csSel, "ds_sel": \.dsSel, "es_sel": \.esSel, "fs_sel": \.fsSel, "gs_sel": \.gsSel,
                    "ss_sel": \.ssSel, "tr_sel": \.trSel, "ldtr_sel": \.ldtrSel, "cs_limit": \.csLimit, "ds_limit": \.dsLimit,
                    "es_limit": \.esLimit, "fs_limit": \.fsLimit, "gs_limit": \.gsLimit, "ss_limit": \.ssLimit,
                    "tr_limit": \.trLimit, "ldtr_limit": \.ldtrLimit, "idtr_limit": \.idtrLimit, "gdtr_limit": \.gdtrLimit,
                    "cs_base": \.csBase, "ds_base": \.dsBase, "es_base": \.esBase, "fs_base": \.fsBase, "gs_base": \.gsBase,
                    "ss_base": \.ssBase, "tr_base": \.trBase, "ldtr_base": \.ldtrBase, "idtr_base": \.idtrBase,
                    "gdtr_base": \.gdtrBase, "cs_arbytes": \.csArbytes, "ds_arbytes": \.dsArbytes, "es_arbytes": \.esArbytes,
                    "fs_arbytes": \.fsArbytes, "gs_arbytes": \.gsArbytes, "ss_arbytes": \.ssArbytes, "tr_arbytes": \.trArbytes,
                    "ldtr_arbytes": \.ldtrArbytes, "sysenter_cs": \.sysenterCs, "sysenter_esp": \.sysenterEsp,
                    "sysenter_eip": \.sysenterEip, "shadow_gs": \.shadowGs, "msr_flags": \.msrFlags, "msr_lstar": \.msrLstar,
                    "msr_star": \.msrStar, "msr_cstar": \.msrCstar, "msr_syscall_mask": \.msrSyscallMask, "msr_efer": \.msrEfer,
                ])
        }
        structure(
            "struct hvm_hw_cpu", HVMSavedCPU.self,
            [
                "msr_tsc_aux": \.msrTscAux, "tsc": \.tsc, "pending_event": \.pendingEvent, "error_code": \.errorCode,
                "flags": \.flags, "pad0": \.pad0,
            ])
        structure(
            "struct hvm_hw_cpu_compat", HVMSavedCPUCompat.self,
            ["tsc": \.tsc, "pending_event": \.pendingEvent, "error_code": \.errorCode])
        structure(
            "struct hvm_hw_vpic", HVMSavedPIC.self,
            ["irr": \.irr, "imr": \.imr, "isr": \.isr, "irq_base": \.irqBase, "elcr": \.elcr, "int_output": \.intOutput])
        structure(
            "struct hvm_hw_vioapic", HVMSavedIOAPIC.self,
            ["base_address": \.baseAddress, "ioregsel": \.ioregsel, "id": \.id, "redirtbl": \.redirtbl])
        add("sizeof(union vioapic_redir_entry)", MemoryLayout<UInt64>.size, "RedirectionBits")
        add("offsetof(union vioapic_redir_entry, fields.reserved)", 3, "RedirectionBits: reserved bytes")
    }
}
