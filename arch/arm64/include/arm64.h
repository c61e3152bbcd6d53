// SPDX-License-Identifier: Apache-2.0
// AArch64 at EL2: one instruction per wrapper, and the C view of the frames that assembly touches.
#pragma once
#include <stddef.h>
#include <stdint.h>

// A guest's registers while it is not running. vectors.S and world_switch.S know these offsets.
struct guest_frame {
    uint64_t x[31];     // 0
    uint64_t pc;        // 248
    uint64_t pstate;    // 256
    uint64_t host_sp;   // 264: the hypervisor's stack pointer while the guest runs
    uint64_t bypasses;  // 272: the guest has turned off the firmware's protection against loads that overtake stores
    uint64_t reserved;  // SP_EL2 is aligned to 16 bytes
};

// What EL1 and EL0 own besides the general registers; saved and restored only when the vCPU changes.
struct el1_state {
    uint64_t sctlr, actlr, cpacr, ttbr0, ttbr1, tcr;
    uint64_t esr, far, afsr0, afsr1, mair, amair, vbar, contextidr;
    uint64_t sp_el0, sp_el1, elr, spsr, tpidr, tpidrro, tpidr_el0, par;
    uint64_t csselr, cntkctl, mdscr;
    uint64_t dacr32, ifsr32;
    uint64_t cntv_ctl, cntv_cval;
};

struct fp_state {
    uint64_t v[64];
    uint64_t fpsr, fpcr, fpexc32;
};

// The registers of an exception that the hypervisor itself took.
struct host_frame {
    uint64_t x[31];
    uint64_t sp, pc, pstate, esr, far;
};

// What a secondary CPU needs before it can run Swift. Read by boot/arm64/entry.S.
struct secondary_start {
    uint64_t ttbr;      // machine address of the hypervisor's level-0 table
    uint64_t stack;     // top of its stack
    uint64_t cpu;       // logical number
    uint64_t mpidr;     // its affinity
};

// world_switch.S
uint64_t arm64_enter_guest(struct guest_frame *frame);
void arm64_save_el1(struct el1_state *state);
void arm64_restore_el1(const struct el1_state *state);
void arm64_save_fp(struct fp_state *state);
void arm64_restore_fp(const struct fp_state *state);

// vectors.S: EL2's vectors, and those of processors that do something as soon as a guest's exception arrives: what TPIDR_EL2 says
// (ARM/BranchHardening.swift).
extern char arm64_vectors[], arm64_hardened_vectors[];
static inline uint64_t arm64_vector_table(int hardened) {
    return (uint64_t)(hardened ? arm64_hardened_vectors : arm64_vectors);
}

#define SYSTEM_REGISTER(name, spelling)                                                                     \
    static inline uint64_t read_##name(void) {                                                              \
        uint64_t value;                                                                                     \
        __asm__ volatile("mrs %0, " spelling : "=r"(value));                                                \
        return value;                                                                                       \
    }                                                                                                       \
    static inline void write_##name(uint64_t value) { __asm__ volatile("msr " spelling ", %0" ::"r"(value) : "memory"); }

SYSTEM_REGISTER(currentel, "CurrentEL")
SYSTEM_REGISTER(midr_el1, "midr_el1")
SYSTEM_REGISTER(mpidr_el1, "mpidr_el1")
SYSTEM_REGISTER(revidr_el1, "revidr_el1")
SYSTEM_REGISTER(aidr_el1, "aidr_el1")
SYSTEM_REGISTER(ctr_el0, "ctr_el0")
SYSTEM_REGISTER(hcr_el2, "hcr_el2")
SYSTEM_REGISTER(hstr_el2, "hstr_el2")
SYSTEM_REGISTER(mdcr_el2, "mdcr_el2")
SYSTEM_REGISTER(cptr_el2, "cptr_el2")
SYSTEM_REGISTER(esr_el2, "esr_el2")
SYSTEM_REGISTER(far_el2, "far_el2")
SYSTEM_REGISTER(hpfar_el2, "hpfar_el2")
SYSTEM_REGISTER(vttbr_el2, "vttbr_el2")
SYSTEM_REGISTER(vtcr_el2, "vtcr_el2")
SYSTEM_REGISTER(vpidr_el2, "vpidr_el2")
SYSTEM_REGISTER(vmpidr_el2, "vmpidr_el2")
SYSTEM_REGISTER(ttbr0_el2, "ttbr0_el2")
SYSTEM_REGISTER(tcr_el2, "tcr_el2")
SYSTEM_REGISTER(sctlr_el2, "sctlr_el2")
SYSTEM_REGISTER(vbar_el2, "vbar_el2")
SYSTEM_REGISTER(tpidr_el2, "tpidr_el2")
SYSTEM_REGISTER(par_el1, "par_el1")
SYSTEM_REGISTER(vsesr_el2, "S3_4_C5_C2_3")
SYSTEM_REGISTER(vdisr_el2, "S3_4_C12_C1_1")
SYSTEM_REGISTER(isr_el1, "isr_el1")
SYSTEM_REGISTER(elr_el1, "elr_el1")
SYSTEM_REGISTER(spsr_el1, "spsr_el1")
SYSTEM_REGISTER(esr_el1, "esr_el1")
SYSTEM_REGISTER(far_el1, "far_el1")
SYSTEM_REGISTER(vbar_el1, "vbar_el1")
SYSTEM_REGISTER(cntfrq_el0, "cntfrq_el0")
SYSTEM_REGISTER(cntpct_el0, "cntpct_el0")
SYSTEM_REGISTER(cntvct_el0, "cntvct_el0")
SYSTEM_REGISTER(cntvoff_el2, "cntvoff_el2")
SYSTEM_REGISTER(cnthctl_el2, "cnthctl_el2")
SYSTEM_REGISTER(cnthp_ctl_el2, "cnthp_ctl_el2")
SYSTEM_REGISTER(cnthp_cval_el2, "cnthp_cval_el2")
SYSTEM_REGISTER(cntv_ctl_el0, "cntv_ctl_el0")
SYSTEM_REGISTER(cntv_cval_el0, "cntv_cval_el0")
SYSTEM_REGISTER(id_aa64pfr0_el1, "id_aa64pfr0_el1")
SYSTEM_REGISTER(id_aa64pfr1_el1, "id_aa64pfr1_el1")
SYSTEM_REGISTER(id_aa64dfr0_el1, "id_aa64dfr0_el1")
SYSTEM_REGISTER(id_aa64dfr1_el1, "id_aa64dfr1_el1")
SYSTEM_REGISTER(id_aa64afr0_el1, "id_aa64afr0_el1")
SYSTEM_REGISTER(id_aa64afr1_el1, "id_aa64afr1_el1")
SYSTEM_REGISTER(id_aa64isar0_el1, "id_aa64isar0_el1")
SYSTEM_REGISTER(id_aa64isar1_el1, "id_aa64isar1_el1")
SYSTEM_REGISTER(id_aa64isar2_el1, "S3_0_C0_C6_2")
SYSTEM_REGISTER(id_aa64mmfr0_el1, "id_aa64mmfr0_el1")
SYSTEM_REGISTER(id_aa64mmfr1_el1, "id_aa64mmfr1_el1")
SYSTEM_REGISTER(id_aa64mmfr2_el1, "S3_0_C0_C7_2")
SYSTEM_REGISTER(id_pfr0_el1, "id_pfr0_el1")
SYSTEM_REGISTER(id_pfr1_el1, "id_pfr1_el1")
SYSTEM_REGISTER(id_dfr0_el1, "id_dfr0_el1")
SYSTEM_REGISTER(id_afr0_el1, "id_afr0_el1")
SYSTEM_REGISTER(id_mmfr0_el1, "id_mmfr0_el1")
SYSTEM_REGISTER(id_mmfr1_el1, "id_mmfr1_el1")
SYSTEM_REGISTER(id_mmfr2_el1, "id_mmfr2_el1")
SYSTEM_REGISTER(id_mmfr3_el1, "id_mmfr3_el1")
SYSTEM_REGISTER(id_isar0_el1, "id_isar0_el1")
SYSTEM_REGISTER(id_isar1_el1, "id_isar1_el1")
SYSTEM_REGISTER(id_isar2_el1, "id_isar2_el1")
SYSTEM_REGISTER(id_isar3_el1, "id_isar3_el1")
SYSTEM_REGISTER(id_isar4_el1, "id_isar4_el1")
SYSTEM_REGISTER(id_isar5_el1, "id_isar5_el1")
SYSTEM_REGISTER(mvfr0_el1, "mvfr0_el1")
SYSTEM_REGISTER(mvfr1_el1, "mvfr1_el1")
SYSTEM_REGISTER(mvfr2_el1, "mvfr2_el1")
SYSTEM_REGISTER(icc_sre_el2, "S3_4_C12_C9_5")
SYSTEM_REGISTER(icc_sre_el1, "S3_0_C12_C12_5")
SYSTEM_REGISTER(icc_pmr_el1, "S3_0_C4_C6_0")
SYSTEM_REGISTER(icc_ctlr_el1, "S3_0_C12_C12_4")
SYSTEM_REGISTER(icc_igrpen1_el1, "S3_0_C12_C12_7")
SYSTEM_REGISTER(icc_iar1_el1, "S3_0_C12_C12_0")
SYSTEM_REGISTER(icc_eoir1_el1, "S3_0_C12_C12_1")
SYSTEM_REGISTER(icc_dir_el1, "S3_0_C12_C11_1")
SYSTEM_REGISTER(icc_sgi1r_el1, "S3_0_C12_C11_5")
SYSTEM_REGISTER(icc_bpr1_el1, "S3_0_C12_C12_3")
SYSTEM_REGISTER(ich_hcr_el2, "S3_4_C12_C11_0")
SYSTEM_REGISTER(ich_vtr_el2, "S3_4_C12_C11_1")
SYSTEM_REGISTER(ich_misr_el2, "S3_4_C12_C11_2")
SYSTEM_REGISTER(ich_eisr_el2, "S3_4_C12_C11_3")
SYSTEM_REGISTER(ich_elrsr_el2, "S3_4_C12_C11_5")
SYSTEM_REGISTER(ich_vmcr_el2, "S3_4_C12_C11_7")
SYSTEM_REGISTER(ich_ap0r0_el2, "S3_4_C12_C8_0")
SYSTEM_REGISTER(ich_ap1r0_el2, "S3_4_C12_C9_0")
SYSTEM_REGISTER(ich_ap1r1_el2, "S3_4_C12_C9_1")
SYSTEM_REGISTER(ich_ap1r2_el2, "S3_4_C12_C9_2")
SYSTEM_REGISTER(ich_ap1r3_el2, "S3_4_C12_C9_3")
SYSTEM_REGISTER(ich_lr0_el2, "S3_4_C12_C12_0")
SYSTEM_REGISTER(ich_lr1_el2, "S3_4_C12_C12_1")
SYSTEM_REGISTER(ich_lr2_el2, "S3_4_C12_C12_2")
SYSTEM_REGISTER(ich_lr3_el2, "S3_4_C12_C12_3")
SYSTEM_REGISTER(ich_lr4_el2, "S3_4_C12_C12_4")
SYSTEM_REGISTER(ich_lr5_el2, "S3_4_C12_C12_5")
SYSTEM_REGISTER(ich_lr6_el2, "S3_4_C12_C12_6")
SYSTEM_REGISTER(ich_lr7_el2, "S3_4_C12_C12_7")
SYSTEM_REGISTER(ich_lr8_el2, "S3_4_C12_C13_0")
SYSTEM_REGISTER(ich_lr9_el2, "S3_4_C12_C13_1")
SYSTEM_REGISTER(ich_lr10_el2, "S3_4_C12_C13_2")
SYSTEM_REGISTER(ich_lr11_el2, "S3_4_C12_C13_3")
SYSTEM_REGISTER(ich_lr12_el2, "S3_4_C12_C13_4")
SYSTEM_REGISTER(ich_lr13_el2, "S3_4_C12_C13_5")
SYSTEM_REGISTER(ich_lr14_el2, "S3_4_C12_C13_6")
SYSTEM_REGISTER(ich_lr15_el2, "S3_4_C12_C13_7")

static inline void arm64_isb(void) { __asm__ volatile("isb" ::: "memory"); }
static inline void arm64_dsb_ish(void) { __asm__ volatile("dsb ish" ::: "memory"); }
static inline void arm64_dsb_ishst(void) { __asm__ volatile("dsb ishst" ::: "memory"); }
static inline void arm64_dmb_ishld(void) { __asm__ volatile("dmb ishld" ::: "memory"); }
static inline void arm64_dmb_sy(void) { __asm__ volatile("dmb sy" ::: "memory"); }
static inline void arm64_dsb_sy(void) { __asm__ volatile("dsb sy" ::: "memory"); }
/// What was stored before is seen by whoever waits for an event.
static inline void arm64_sev(void) { __asm__ volatile("dsb sy\n\tsev" ::: "memory"); }
static inline void arm64_wfi(void) { __asm__ volatile("dsb sy\n\twfi" ::: "memory"); }
static inline void arm64_unmask_irq(void) { __asm__ volatile("msr daifclr, #2" ::: "memory"); }
static inline void arm64_mask_irq(void) { __asm__ volatile("msr daifset, #2" ::: "memory"); }
static inline void arm64_unmask_serror(void) { __asm__ volatile("msr daifclr, #4" ::: "memory"); }
static inline void arm64_dc_cvac(uint64_t address) { __asm__ volatile("dc cvac, %0" ::"r"(address) : "memory"); }
static inline void arm64_dc_civac(uint64_t address) { __asm__ volatile("dc civac, %0" ::"r"(address) : "memory"); }
static inline void arm64_ic_ivau(uint64_t address) { __asm__ volatile("ic ivau, %0" ::"r"(address) : "memory"); }
static inline void arm64_ic_ialluis(void) { __asm__ volatile("ic ialluis" ::: "memory"); }
static inline void arm64_tlbi_alle2is(void) { __asm__ volatile("tlbi alle2is" ::: "memory"); }
/// One page of EL2's, where nothing is.
static inline void arm64_tlbi_nothing(void) { __asm__ volatile("tlbi vale2is, xzr" ::: "memory"); }
static inline void arm64_tlbi_vae2is(uint64_t page) { __asm__ volatile("tlbi vae2is, %0" ::"r"(page) : "memory"); }
static inline void arm64_tlbi_vmalls12e1is(void) { __asm__ volatile("tlbi vmalls12e1is" ::: "memory"); }
static inline void arm64_tlbi_vmalle1is(void) { __asm__ volatile("tlbi vmalle1is" ::: "memory"); }
static inline void arm64_tlbi_alle1is(void) { __asm__ volatile("tlbi alle1is" ::: "memory"); }
static inline void arm64_tlbi_ipas2e1is(uint64_t page) { __asm__ volatile("tlbi ipas2e1is, %0" ::"r"(page) : "memory"); }
/// Translates a guest virtual address for an EL1 read (stages 1 and 2); the answer is in PAR_EL1.
static inline void arm64_at_s12e1r(uint64_t address) { __asm__ volatile("at s12e1r, %0" ::"r"(address) : "memory"); }
static inline void arm64_at_s12e1w(uint64_t address) { __asm__ volatile("at s12e1w, %0" ::"r"(address) : "memory"); }
static inline void arm64_at_s1e1r(uint64_t address) { __asm__ volatile("at s1e1r, %0" ::"r"(address) : "memory"); }
static inline uint64_t arm64_frame_pointer(void) { return (uint64_t)__builtin_frame_address(0); }

struct smccc_result { uint64_t a0, a1, a2, a3; };

static inline struct smccc_result arm64_smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c) {
    register uint64_t x0 __asm__("x0") = function, x1 __asm__("x1") = a, x2 __asm__("x2") = b, x3 __asm__("x3") = c;
    __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
        :: "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");
    return (struct smccc_result){x0, x1, x2, x3};
}
