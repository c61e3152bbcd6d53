// SPDX-License-Identifier: Apache-2.0
// ARMv7 in HYP mode: one instruction per wrapper, and the C view of the frames that assembly touches.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The registers of an exception that the hypervisor itself took. vectors.S knows these offsets.
struct host_frame {
    uint32_t r[13];                 // 0
    uint32_t sp, lr, pc, cpsr;      // 52
    uint32_t hsr, hdfar, hifar;     // 68
    uint32_t vector;                // 80: index of the vector taken
};

// What a secondary CPU needs before it can run Swift. Read by boot/arm32/entry.S.
struct secondary_start {
    uint32_t ttbr;      // machine address of the hypervisor's level-1 table
    uint32_t stack;     // top of its stack
    uint32_t cpu;       // logical number
};

// Coprocessor 15 registers of 32 bits: opc1, CRn, CRm, opc2; of 64 bits: opc1, CRm (ARM DDI 0406C, B3.17).
#define SYSTEM_REGISTER(name, opc1, crn, crm, opc2)                                                         \
    static inline uint32_t read_##name(void) {                                                              \
        uint32_t value;                                                                                     \
        __asm__ volatile("mrc p15, " #opc1 ", %0, " #crn ", " #crm ", " #opc2 : "=r"(value));               \
        return value;                                                                                       \
    }                                                                                                       \
    static inline void write_##name(uint32_t value) {                                                       \
        __asm__ volatile("mcr p15, " #opc1 ", %0, " #crn ", " #crm ", " #opc2 ::"r"(value) : "memory");     \
    }

#define SYSTEM_REGISTER_64(name, opc1, crm)                                                                 \
    static inline uint64_t read_##name(void) {                                                              \
        uint32_t low, high;                                                                                 \
        __asm__ volatile("mrrc p15, " #opc1 ", %0, %1, " #crm : "=r"(low), "=r"(high));                     \
        return (uint64_t)high << 32 | low;                                                                  \
    }                                                                                                       \
    static inline void write_##name(uint64_t value) {                                                       \
        __asm__ volatile("mcrr p15, " #opc1 ", %0, %1, " #crm                                               \
            ::"r"((uint32_t)value), "r"((uint32_t)(value >> 32)) : "memory");                               \
    }

SYSTEM_REGISTER(midr, 0, c0, c0, 0)
SYSTEM_REGISTER(mpidr, 0, c0, c0, 5)
SYSTEM_REGISTER(hcr, 4, c1, c1, 0)
SYSTEM_REGISTER(hsctlr, 4, c1, c0, 0)
SYSTEM_REGISTER(cntfrq, 0, c14, c0, 0)
SYSTEM_REGISTER(cnthctl, 4, c14, c1, 0)
SYSTEM_REGISTER(cnthp_ctl, 4, c14, c2, 1)
SYSTEM_REGISTER(cntv_ctl, 0, c14, c3, 1)
SYSTEM_REGISTER_64(httbr, 4, c2)
SYSTEM_REGISTER_64(cntpct, 0, c14)
SYSTEM_REGISTER_64(cntvoff, 4, c14)
SYSTEM_REGISTER_64(cnthp_cval, 6, c14)

static inline void arm32_isb(void) { __asm__ volatile("isb" ::: "memory"); }
static inline void arm32_dsb_ish(void) { __asm__ volatile("dsb ish" ::: "memory"); }
static inline void arm32_dsb_ishst(void) { __asm__ volatile("dsb ishst" ::: "memory"); }
static inline void arm32_dsb_sy(void) { __asm__ volatile("dsb sy" ::: "memory"); }
/// Sleeps until an interrupt is pending, masked or not.
static inline void arm32_wfi(void) { __asm__ volatile("dsb sy\n\twfi" ::: "memory"); }
static inline void arm32_wfe(void) { __asm__ volatile("wfe" ::: "memory"); }
/// DCCIMVAC: cleans and invalidates the data cache's line at `address`.
static inline void arm32_clean_line(uint32_t address) {
    __asm__ volatile("mcr p15, 0, %0, c7, c14, 1" ::"r"(address) : "memory");
}
/// TLBIALLHIS: all of HYP mode's translations, on every CPU.
static inline void arm32_tlbi_hyp(void) { __asm__ volatile("mcr p15, 4, %0, c8, c3, 0" ::"r"(0) : "memory"); }

/// A call into the firmware. Answers its first result.
static inline uint32_t arm32_smc(uint32_t function, uint32_t a, uint32_t b, uint32_t c) {
    register uint32_t r0 __asm__("r0") = function, r1 __asm__("r1") = a, r2 __asm__("r2") = b, r3 __asm__("r3") = c;
    __asm__ volatile(".arch_extension sec\n\tsmc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3) :: "r12", "memory");
    return r0;
}
