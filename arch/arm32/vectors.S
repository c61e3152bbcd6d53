// SPDX-License-Identifier: Apache-2.0
// HYP mode's exception vectors. The hypervisor runs with interrupts masked and there are no guests yet, so whatever
// arrives here is a fault. The report has a stack of its own, because the fault may be an overflow of the stack.

    .syntax unified
    .arch_extension virt
    .arm

// Scratch until the frame is ours: HTPIDR and the banked stack pointers of modes that only a guest uses.
.macro host_vector index
vector_\index:
    mcr     p15, 4, r0, c13, c0, 2
    mov     r0, #\index
    b       host_exception
.endm

    .text
    .balign 32
    .globl arm32_vectors
arm32_vectors:
    b       vector_0                // reset: not used
    b       vector_1                // undefined instruction
    b       vector_2                // HVC from HYP mode
    b       vector_3                // prefetch abort
    b       vector_4                // data abort
    b       vector_5                // trap from a guest
    b       vector_6                // IRQ
    b       vector_7                // FIQ

    .irp index, 0, 1, 2, 3, 4, 5, 6, 7
    host_vector \index
    .endr

// The first CPU to die claims the frame; a later one, or a fault inside the report, stops here.
host_exception:
    msr     SP_usr, r1
    msr     SP_svc, r2
    msr     SP_abt, r3
    ldr     r2, =arm32_fatal_claim
1:  ldrex   r1, [r2]
    cmp     r1, #0
    bne     3f
    mov     r1, #1
    strex   r3, r1, [r2]
    cmp     r3, #0
    bne     1b
    ldr     r3, =arm32_fatal_frame
    str     r0, [r3, #80]
    mrc     p15, 4, r0, c13, c0, 2
    mrs     r1, SP_usr
    mrs     r2, SP_svc
    stm     r3, {r0, r1, r2}
    mrs     r0, SP_abt
    str     r0, [r3, #12]
    add     r0, r3, #16
    stm     r0, {r4-r12}
    str     sp, [r3, #52]
    str     lr, [r3, #56]
    mrs     r0, ELR_hyp
    str     r0, [r3, #60]
    mrs     r0, spsr
    str     r0, [r3, #64]
    mrc     p15, 4, r0, c5, c2, 0   // HSR
    str     r0, [r3, #68]
    mrc     p15, 4, r0, c6, c0, 0   // HDFAR
    str     r0, [r3, #72]
    mrc     p15, 4, r0, c6, c0, 2   // HIFAR
    str     r0, [r3, #76]
    ldr     sp, =arm32_fatal_stack_top
    mov     r0, r3
    bl      xen_host_exception
3:  wfe
    b       3b

    .ltorg

    .bss
    .balign 16
arm32_fatal_frame:
    .skip   96                      // struct host_frame
arm32_fatal_claim:
    .skip   16
    .skip   16384
arm32_fatal_stack_top:
