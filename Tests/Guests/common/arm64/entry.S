// SPDX-License-Identifier: Apache-2.0
// Linux Image header, start and exception vectors. The MMU stays off: addresses are physical, which
// the hypervisor's translation of hypercall buffers understands as well, and QEMU's TCG has no caches.

        .section .head, "ax"
        b       start
        .long   0
        .quad   0                       // text_offset
        .quad   image_size
        .quad   0xa                     // 4K pages, anywhere in memory
        .quad   0, 0, 0
        .ascii  "ARM\x64"
        .long   0

start:  mrs     x19, cntpct_el0
        adrp    x0, stack_top
        add     x0, x0, :lo12:stack_top
        mov     sp, x0
        adr     x0, vectors
        msr     vbar_el1, x0
        adrp    x0, bss_start
        add     x0, x0, :lo12:bss_start
        adrp    x1, bss_end
        add     x1, x1, :lo12:bss_end
1:      cmp     x0, x1
        b.hs    2f
        stp     xzr, xzr, [x0], #16
        b       1b

        // The image runs where it was put, so the pointers in its tables are moved along.
2:      adr     x0, relocations_start
        adr     x1, relocations_end
        adr     x2, image_start
3:      cmp     x0, x1
        b.hs    4f
        ldp     x3, x4, [x0], #16       // offset, type: R_AARCH64_RELATIVE only
        ldr     x4, [x0], #8            // addend
        add     x4, x4, x2
        str     x4, [x2, x3]
        b       3b

4:      isb
        mov     x0, x19
        bl      guest_main
5:      wfi
        b       5b

// A vCPU that PSCI starts: x0 is the end of its stack, where the function lies that it is to run.
        .globl  vcpu_start
vcpu_start:
        mov     sp, x0
        adr     x1, vectors
        msr     vbar_el1, x1
        isb
        ldr     x1, [x0]
        blr     x1
        b       5b

        .globl  start
        .macro  vector target
        .balign 128
        b       \target
        .endm

        .balign 2048
vectors:
        .rept   4
        vector  unexpected
        .endr
        vector  unexpected              // current EL, SP_ELx: synchronous
        vector  interrupt               // IRQ
        .rept   10
        vector  unexpected
        .endr

unexpected:
        mrs     x0, esr_el1
        mrs     x1, elr_el1
        b       machine_unexpected

interrupt:
        stp     x0, x1, [sp, #-176]!
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x30, [sp, #144]
        bl      machine_interrupt
        ldp     x18, x30, [sp, #144]
        ldp     x16, x17, [sp, #128]
        ldp     x14, x15, [sp, #112]
        ldp     x12, x13, [sp, #96]
        ldp     x10, x11, [sp, #80]
        ldp     x8, x9, [sp, #64]
        ldp     x6, x7, [sp, #48]
        ldp     x4, x5, [sp, #32]
        ldp     x2, x3, [sp, #16]
        ldp     x0, x1, [sp], #176
        eret

        .section .stack, "aw", %nobits
        .balign 16
        .skip   16384
stack_top:
