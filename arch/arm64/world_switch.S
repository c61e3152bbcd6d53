// SPDX-License-Identifier: Apache-2.0
// Entering a guest and leaving it: uint64_t arm64_enter_guest(struct guest_frame *).
//
// While the guest runs, SP_EL2 is the guest_frame itself, so that the exit vector can store x0 and x1 at once with no
// register free. The hypervisor's own stack pointer waits in the frame; its callee-saved registers on its stack.

#define FRAME_PC        248
#define FRAME_HOST_SP   264
#define FRAME_BYPASSES  272

#define SMCCC_ARCH_WORKAROUND_2 0x80007fff

    .text
    .globl arm64_enter_guest
    .balign 64
arm64_enter_guest:
    stp     x29, x30, [sp, #-96]!
    stp     x27, x28, [sp, #16]
    stp     x25, x26, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x21, x22, [sp, #64]
    stp     x19, x20, [sp, #80]
    mov     x1, sp
    str     x1, [x0, #FRAME_HOST_SP]
    mov     sp, x0
    ldr     x2, [sp, #FRAME_BYPASSES]
    cbnz    x2, 2f
1:  ldp     x2, x3, [sp, #FRAME_PC]
    msr     elr_el2, x2
    msr     spsr_el2, x3
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    ldr     x30, [sp, #240]
    ldp     x0, x1, [sp]
    eret
    // No speculation past an exception return.
    dsb     nsh
    isb

// Loads may overtake stores again in the guest, as it wants it.
2:  ldr     w0, =SMCCC_ARCH_WORKAROUND_2
    mov     w1, wzr
    smc     #0
    b       1b

// What a processor does before its first branch that it predicts the target of: TPIDR_EL2 names a function of the firmware in bits 0-31,
// a number of branches in 32-39, and the instruction CLRBHB by bit 40. All registers but SP are free.
.macro harden
    mov     x19, x0
    mrs     x20, tpidr_el2
    ubfx    x1, x20, #32, #8
    cbz     x1, 2f
1:  b       . + 4
    subs    x1, x1, #1
    b.ne    1b
    dsb     nsh
    isb
2:  tbz     x20, #40, 3f
    hint    #22                     // CLRBHB
    isb
3:  mov     w0, w20
    cbz     w0, 4f
    smc     #0
4:  ldr     x2, [sp, #FRAME_BYPASSES]
    cbz     x2, 5f
    ldr     w0, =SMCCC_ARCH_WORKAROUND_2
    mov     w1, #1
    smc     #0
5:  mov     x0, x19
.endm

// The vectors of a lower EL come here with x0 and x1 saved and the reason in x0.
.macro exit_guest name, isHardened
    .globl \name
\name:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x2, elr_el2
    stp     x30, x2, [sp, #240]
    mrs     x3, spsr_el2
    str     x3, [sp, #256]
.if \isHardened
    harden
.endif
    ldr     x1, [sp, #FRAME_HOST_SP]
    mov     sp, x1
    ldp     x19, x20, [sp, #80]
    ldp     x21, x22, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #32]
    ldp     x27, x28, [sp, #16]
    ldp     x29, x30, [sp], #96
    ret
.endm

    exit_guest arm64_exit_guest, 0
    exit_guest arm64_exit_hardened, 1
    .ltorg

.macro save_pair first, second, offset
    mrs     x1, \first
    mrs     x2, \second
    stp     x1, x2, [x0, #\offset]
.endm

.macro restore_pair first, second, offset
    ldp     x1, x2, [x0, #\offset]
    msr     \first, x1
    msr     \second, x2
.endm

// The order of struct el1_state.
.macro each_el1_pair operation
    \operation sctlr_el1, actlr_el1, 0
    \operation cpacr_el1, ttbr0_el1, 16
    \operation ttbr1_el1, tcr_el1, 32
    \operation esr_el1, far_el1, 48
    \operation afsr0_el1, afsr1_el1, 64
    \operation mair_el1, amair_el1, 80
    \operation vbar_el1, contextidr_el1, 96
    \operation sp_el0, sp_el1, 112
    \operation elr_el1, spsr_el1, 128
    \operation tpidr_el1, tpidrro_el0, 144
    \operation tpidr_el0, par_el1, 160
    \operation csselr_el1, cntkctl_el1, 176
    \operation mdscr_el1, dacr32_el2, 192
    \operation cntv_ctl_el0, cntv_cval_el0, 216
.endm

// PAR_EL1 is not read beside a load from a device (Cortex-A77, erratum 1508412).
    .globl arm64_save_el1
arm64_save_el1:
    dmb     sy
    each_el1_pair save_pair
    dmb     sy
    mrs     x1, ifsr32_el2
    str     x1, [x0, #208]
    ret

    .globl arm64_restore_el1
arm64_restore_el1:
    each_el1_pair restore_pair
    ldr     x1, [x0, #208]
    msr     ifsr32_el2, x1
    ret

    .arch_extension fp
    .arch_extension simd
    .globl arm64_save_fp
arm64_save_fp:
    stp     q0, q1, [x0]
    stp     q2, q3, [x0, #32]
    stp     q4, q5, [x0, #64]
    stp     q6, q7, [x0, #96]
    stp     q8, q9, [x0, #128]
    stp     q10, q11, [x0, #160]
    stp     q12, q13, [x0, #192]
    stp     q14, q15, [x0, #224]
    stp     q16, q17, [x0, #256]
    stp     q18, q19, [x0, #288]
    stp     q20, q21, [x0, #320]
    stp     q22, q23, [x0, #352]
    stp     q24, q25, [x0, #384]
    stp     q26, q27, [x0, #416]
    stp     q28, q29, [x0, #448]
    stp     q30, q31, [x0, #480]
    mrs     x1, fpsr
    mrs     x2, fpcr
    mrs     x3, fpexc32_el2
    str     x1, [x0, #512]
    str     x2, [x0, #520]
    str     x3, [x0, #528]
    ret

    .globl arm64_restore_fp
arm64_restore_fp:
    ldp     q0, q1, [x0]
    ldp     q2, q3, [x0, #32]
    ldp     q4, q5, [x0, #64]
    ldp     q6, q7, [x0, #96]
    ldp     q8, q9, [x0, #128]
    ldp     q10, q11, [x0, #160]
    ldp     q12, q13, [x0, #192]
    ldp     q14, q15, [x0, #224]
    ldp     q16, q17, [x0, #256]
    ldp     q18, q19, [x0, #288]
    ldp     q20, q21, [x0, #320]
    ldp     q22, q23, [x0, #352]
    ldp     q24, q25, [x0, #384]
    ldp     q26, q27, [x0, #416]
    ldp     q28, q29, [x0, #448]
    ldp     q30, q31, [x0, #480]
    ldr     x1, [x0, #512]
    ldr     x2, [x0, #520]
    ldr     x3, [x0, #528]
    msr     fpsr, x1
    msr     fpcr, x2
    msr     fpexc32_el2, x3
    ret
