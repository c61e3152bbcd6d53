// SPDX-License-Identifier: Apache-2.0
// x86-64 at CPL 0: one instruction per wrapper, and the C view of the frames that assembly touches.
#pragma once

// A CPU's slot of the stack area: 256 KiB, aligned to their size, so that a stack pointer leads to what belongs to the CPU.
// What is not mapped between the parts catches overflows.
#define X86_SLOT_SIZE           0x40000
#define X86_SLOT_TABLES         0x1000      // one page: GDT, TSS and the stacks of the IST
#define X86_SLOT_TSS            0x1080
#define X86_SLOT_BOOT_STACK     0x8000      // the boot CPU's stack: from here to the slot's end
#define X86_SLOT_STACK          0x38000     // any other CPU's
#define X86_SLOT_CPU            0x3fff0     // its logical number, above the stack

// Bytes from the start of the page that boot/x86_64/trampoline.S is copied to; struct trampoline_block is there.
#define X86_TRAMPOLINE_BLOCK    0xfe0

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The registers of an exception that the hypervisor itself took, as exceptions.S pushes them.
struct host_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

// What the trampoline needs to bring a CPU to Swift.
struct trampoline_block {
    uint32_t claim;         // 1 while a CPU is expected; the CPU that takes it writes 0
    uint32_t table;         // machine address of the PML4 that also maps the trampoline where it is
    uint64_t entry;         // x86_secondary_entry
    uint64_t stack;         // top of the CPU's stack
    uint64_t host_table;    // machine address of the hypervisor's own PML4
};

// The calling CPU's logical number, from its slot.
static inline uint64_t x86_processor_number(void) {
    uint64_t top;
    __asm__("mov %%rsp, %0" : "=r"(top));
    return *(const uint64_t *)((top & ~(uint64_t)(X86_SLOT_SIZE - 1)) + X86_SLOT_CPU);
}

// exceptions.S
extern char x86_stubs[];
static inline uint64_t x86_stub(uint64_t vector) { return (uint64_t)x86_stubs + vector * 16; }
// RDMSR and WRMSR of a register that may not exist: false where they fault.
bool x86_try_read_msr(uint32_t msr, uint64_t *value);
bool x86_try_write_msr(uint32_t msr, uint64_t value);

// A guest's registers while it is not running, but RAX and RSP, which its control block has. world_switch.S knows the order.
struct guest_registers {
    uint64_t rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

// What is done around a guest against what the processor foresees (X86/SpeculationPlan.swift); world_switch.S knows the offsets.
struct switch_guard {
    uint32_t flags;     // 0: SwitchGuard
    uint32_t host;      // 4: SPEC_CTRL while the hypervisor runs
    uint32_t guest;     // 8: and while the guest does
    uint32_t wanted;    // what the guest has written there, where the control block does not have it
};

// world_switch.S
void x86_enter_svm(struct guest_registers *registers, uint64_t block, uint64_t host_block);
void x86_enter_svm_guarded(struct guest_registers *registers, uint64_t block, uint64_t host_block, const struct switch_guard *guard);
// Overwrites what the processor takes returns to go to.
void x86_fill_returns(void);
// VERW, which clears buffers on processors that say so.
void x86_clear_buffers(void);
// A 64-byte aligned area for the vector registers; mask: the parts of XCR0 to move, 0 without XSAVE.
void x86_save_fp(uint64_t area, uint64_t mask);
void x86_restore_fp(uint64_t area, uint64_t mask);
static inline void x86_vmsave(uint64_t block) { __asm__ volatile("vmsave %0" ::"a"(block) : "memory"); }
static inline void x86_write_xcr0(uint64_t value) {
    __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
static inline uint64_t x86_read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
// A guest's breakpoint addresses, DR0 to DR3, which the world switch leaves alone.
static inline void x86_save_breakpoints(uint64_t *four) {
    __asm__ volatile("mov %%db0, %0\n\tmov %%db1, %1\n\tmov %%db2, %2\n\tmov %%db3, %3"
                     : "=r"(four[0]), "=r"(four[1]), "=r"(four[2]), "=r"(four[3]));
}
static inline void x86_restore_breakpoints(const uint64_t *four) {
    __asm__ volatile("mov %0, %%db0\n\tmov %1, %%db1\n\tmov %2, %%db2\n\tmov %3, %%db3" ::"r"(four[0]), "r"(four[1]),
                     "r"(four[2]), "r"(four[3]));
}
static inline void x86_write_back_caches(void) { __asm__ volatile("wbinvd" ::: "memory"); }

struct cpuid_result { uint32_t eax, ebx, ecx, edx; };

static inline struct cpuid_result x86_cpuid(uint32_t leaf, uint32_t subleaf) {
    struct cpuid_result r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t x86_read_msr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline void x86_write_msr(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

// Not before earlier loads are done (Intel SDM 18.17: LFENCE;RDTSC).
static inline uint64_t x86_read_tsc(void) {
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

#define X86_PORT(bits, type, suffix)                                                                       \
    static inline type x86_in##bits(uint16_t port) {                                                       \
        type value;                                                                                        \
        __asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port));                                \
        return value;                                                                                      \
    }                                                                                                      \
    static inline void x86_out##bits(uint16_t port, type value) {                                          \
        __asm__ volatile("out" suffix " %0, %1" ::"a"(value), "Nd"(port));                                 \
    }
X86_PORT(8, uint8_t, "b")
X86_PORT(16, uint16_t, "w")
X86_PORT(32, uint32_t, "l")

#define X86_CONTROL_REGISTER(name)                                                                         \
    static inline uint64_t x86_read_##name(void) {                                                         \
        uint64_t value;                                                                                    \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value)::"memory");                                   \
        return value;                                                                                      \
    }                                                                                                      \
    static inline void x86_write_##name(uint64_t value) { __asm__ volatile("mov %0, %%" #name ::"r"(value) : "memory"); }
X86_CONTROL_REGISTER(cr0)
X86_CONTROL_REGISTER(cr2)
X86_CONTROL_REGISTER(cr3)
X86_CONTROL_REGISTER(cr4)

struct descriptor_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static inline void x86_load_gdt(uint64_t base, uint16_t limit) {
    struct descriptor_pointer p = {limit, base};
    __asm__ volatile("lgdt %0" ::"m"(p) : "memory");
}
static inline void x86_load_idt(uint64_t base, uint16_t limit) {
    struct descriptor_pointer p = {limit, base};
    __asm__ volatile("lidt %0" ::"m"(p) : "memory");
}
// The IDT: one, for all CPUs.
extern uint64_t x86_gates[512];
static inline void x86_set_gate(uint64_t vector, uint64_t low, uint64_t high) {
    x86_gates[vector * 2] = low;
    x86_gates[vector * 2 + 1] = high;
}
static inline void x86_load_gates(void) { x86_load_idt((uint64_t)x86_gates, 4095); }
static inline void x86_fence(void) { __asm__ volatile("mfence\n\tlfence" ::: "memory"); }
static inline void x86_load_task(uint16_t selector) { __asm__ volatile("ltr %0" ::"r"(selector) : "memory"); }
static inline void x86_invalidate_page(uint64_t address) { __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory"); }

static inline void x86_trap(void) { __asm__ volatile("ud2"); }
static inline void x86_halt(void) { __asm__ volatile("hlt" ::: "memory"); }
// Interrupts are taken from the HLT on: STI holds them off for one instruction (Intel SDM 2B, STI).
static inline void x86_wait_for_interrupt(void) { __asm__ volatile("sti\n\thlt\n\tcli" ::: "memory"); }
// Takes what is pending.
static inline void x86_take_interrupts(void) { __asm__ volatile("sti\n\tnop\n\tcli" ::: "memory"); }
static inline void x86_mask_interrupts(void) { __asm__ volatile("cli" ::: "memory"); }
static inline uint64_t x86_frame_pointer(void) { return (uint64_t)__builtin_frame_address(0); }
#endif
