// SPDX-License-Identifier: Apache-2.0
// Firmware at EL3 of a board whose processors need SMCCC_ARCH_WORKAROUND_1 to 3, for QEMU's virt machine with EL3 (secure=on): PSCI 1.1
// and SMCCC 1.1 (ARM DEN 0022, DEN 0028), as far as a hypervisor and dom0 use them. When the machine is turned off it tells what was
// called. Three words follow the last instruction, put there by loaders.py: where the device tree is, where the image is, and how
// many processors there are.

#define UART            0x09000000
#define GICD_CTLR       0x08000000
#define POWER           0x090b0000      // PL061; its first line turns the machine off
#define SECURE_RAM      0x0e100000
#define STACKS          (SECURE_RAM + 0x10000)  // 4 KiB a processor
#define MAILBOXES       (SECURE_RAM)            // entry and context, 16 bytes a processor
#define COUNTS          (SECURE_RAM + 0x1000)   // calls of the first, the second and the third, and what the second was told last

#define SCR_EL3         0x531           // non-secure, HVC, AArch64 below
#define EL2H            0x3c9

    .globl _start
_start:
    mrs     x19, mpidr_el1
    and     x19, x19, #0xff
    adr     x0, vectors
    msr     vbar_el3, x0
    ldr     x0, =STACKS + 0x1000
    add     x0, x0, x19, lsl #12
    mov     sp, x0
    mov     x0, #0xf
    msr     S3_6_C12_C12_5, x0          // ICC_SRE_EL3
    isb
    msr     cptr_el3, xzr
    mov     x0, #SCR_EL3
    msr     scr_el3, x0
    isb
    cbnz    x19, wait
    // Interrupts of both worlds are the hypervisor's.
    ldr     x0, =GICD_CTLR
    mov     w1, #(1 << 6)
    str     w1, [x0]
    adr     x20, words
    ldp     x0, x4, [x20]
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
enter:
    msr     elr_el3, x4
    mov     x5, #EL2H
    msr     spsr_el3, x5
    eret

wait:
    ldr     x1, =MAILBOXES
    add     x1, x1, x19, lsl #4
1:  wfe
    ldr     x4, [x1]
    cbz     x4, 1b
    ldr     x0, [x1, #8]
    b       enter

    .balign 2048
vectors:
    .rept 8
    b       .
    .balign 128
    .endr
    b       call                        // synchronous, from AArch64 below
    .balign 128
    .rept 7
    b       .
    .balign 128
    .endr

.macro on function, label
    ldr     w4, =\function
    cmp     w0, w4
    b.eq    \label
.endm

call:
    stp     x4, x5, [sp, #-16]!
    on      0x80008000, first
    on      0x80007fff, second
    on      0x80003fff, third
    on      0x84000000, version
    on      0x80000000, version
    on      0x8400000a, features
    on      0x80000001, workarounds
    on      0xc4000003, processor_on
    on      0x84000008, off
unknown:
    mov     x0, #-1
    b       answer
version:
    ldr     w0, =0x10001
    b       answer
features:
    mov     w0, w1
    on      0x80000000, good
    on      0xc4000003, good
    on      0x84000008, good
    b       unknown
workarounds:
    mov     w0, w1
    on      0x80008000, good
    on      0x80007fff, good
    on      0x80003fff, good
    b       unknown
processor_on:
    and     x1, x1, #0xff
    ldr     x4, =MAILBOXES
    add     x4, x4, x1, lsl #4
    str     x3, [x4, #8]
    str     x2, [x4]
    dsb     sy
    sev
good:
    mov     x0, xzr
    b       answer

.macro count offset
    ldr     x4, =COUNTS
    ldr     x5, [x4, #\offset]
    add     x5, x5, #1
    str     x5, [x4, #\offset]
.endm

first:
    count   0
    b       forget
second:
    count   8
    str     x1, [x4, #24]
    b       forget
third:
    count   16
// Whoever relies upon registers that a call may destroy shows.
forget:
    mov     x0, #-1
    mov     x1, #-1
    mov     x2, #-1
    mov     x3, #-1
answer:
    ldp     x4, x5, [sp], #16
    eret

// "firmware: first second third state", in hexadecimal.
off:
    adr     x1, text
    ldr     x2, =UART
1:  ldrb    w0, [x1], #1
    cbz     w0, 2f
    str     w0, [x2]
    b       1b
2:  ldr     x4, =COUNTS
    mov     x5, #4
3:  ldr     x0, [x4], #8
    mov     x3, #28
4:  lsr     x1, x0, x3
    and     w1, w1, #15
    add     w1, w1, #'0'
    cmp     w1, #'9'
    b.ls    5f
    add     w1, w1, #('a' - '9' - 1)
5:  str     w1, [x2]
    subs    x3, x3, #4
    b.ge    4b
    mov     w1, #' '
    str     w1, [x2]
    subs    x5, x5, #1
    b.ne    3b
    mov     w1, #'\n'
    str     w1, [x2]
    ldr     x2, =POWER
    mov     w1, #1
    str     w1, [x2, #0x400]
    str     w1, [x2, #4]
    b       .

text:
    .asciz  "\nfirmware: "
    .balign 8
    .ltorg
    .balign 8
words:
