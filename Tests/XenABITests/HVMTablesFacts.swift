// SPDX-License-Identifier: Apache-2.0

import XenABI

// hvm/hvm_info_table.h, hvm/e820.h, hvm/hvm_vcpu.h.

extension Facts {
    mutating func addHVMTables() {
        addHVMTablesNumbers()
        addHVMTablesStructures()
    }

    private mutating func addHVMTablesNumbers() {
        values(
            "HVM_",
            [
                "INFO_PFN": HVMMap.infoPFN, "INFO_OFFSET": HVMMap.infoOffset, "INFO_PADDR": HVMMap.infoAddress,
                "MAX_VCPUS": HVMMap.maxVCPUs, "E820_PAGE": HVMMap.e820Page, "E820_NR_OFFSET": HVMMap.e820CountOffset,
                "E820_OFFSET": HVMMap.e820Offset, "BELOW_4G_RAM_END": HVMMap.below4GRAMEnd,
                "BELOW_4G_MMIO_START": HVMMap.below4GMMIOStart, "BELOW_4G_MMIO_LENGTH": HVMMap.below4GMMIOLength,
            ] as KeyValuePairs<String, UInt64>)
        cases("VCPU_HVM_MODE_", ["32B": .bits32, "64B": .bits64] as KeyValuePairs<String, VCPUHVMMode>)
    }

    private mutating func addHVMTablesStructures() {
        structure(
            "struct hvm_info_table", HVMInfoTable.self,
            [
                "signature": \.signature, "length": \.length, "checksum": \.checksum, "apic_mode": \.apicMode,
                "nr_vcpus": \.nrVcpus, "low_mem_pgend": \.lowMemPgend, "reserved_mem_pgstart": \.reservedMemPgstart,
                "high_mem_pgend": \.highMemPgend, "vcpu_online": \.vcpuOnline,
            ])
        structure(
            "struct vcpu_hvm_x86_32", VCPUHVMX86_32.self,
            [
                "eax": \.eax, "ecx": \.ecx, "edx": \.edx, "ebx": \.ebx, "esp": \.esp, "ebp": \.ebp, "esi": \.esi,
                "edi": \.edi, "eip": \.eip, "eflags": \.eflags, "cr0": \.cr0, "cr3": \.cr3, "cr4": \.cr4, "pad1": \.pad1,
                "efer": \.efer, "cs_base": \.csBase, "ds_base": \.dsBase, "ss_base": \.ssBase, "es_base": \.esBase,
                "tr_base": \.trBase, "cs_limit": \.csLimit, "ds_limit": \.dsLimit, "ss_limit": \.ssLimit,
                "es_limit": \.esLimit, "tr_limit": \.trLimit, "cs_ar": \.csAr, "ds_ar": \.dsAr, "ss_ar": \.ssAr,
                "es_ar": \.esAr, "tr_ar": \.trAr, "pad2": \.pad2,
            ])
        structure(
            "struct vcpu_hvm_x86_64", VCPUHVMX86_64.self,
            [
                "rax": \.rax, "rcx": \.rcx, "rdx": \.rdx, "rbx": \.rbx, "rsp": \.rsp, "rbp": \.rbp, "rsi": \.rsi,
                "rdi": \.rdi, "rip": \.rip, "rflags": \.rflags, "cr0": \.cr0, "cr3": \.cr3, "cr4": \.cr4, "efer": \.efer,
            ])
        add("sizeof(vcpu_hvm_context_t)", MemoryLayout<VCPUHVMContext>.stride, "VCPUHVMContext")
        add("offsetof(vcpu_hvm_context_t, cpu_regs)", 8, "VCPUHVMContext: the registers' place")
        add(
            "sizeof(((vcpu_hvm_context_t *)0)->cpu_regs)",
            max(MemoryLayout<VCPUHVMX86_32>.stride, MemoryLayout<VCPUHVMX86_64>.stride), "VCPUHVMContext")
    }
}
