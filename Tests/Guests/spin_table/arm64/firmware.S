// SPDX-License-Identifier: Apache-2.0
// Firmware of a board without PSCI, for QEMU's virt machine: starts the other processors, which then watch a word each (Devicetree
// Specification 0.4, 3.8.1), and enters the image as a boot loader does. Three words follow the last instruction, put there by
// loaders.py: where the device tree is, where the image is, and how many processors there are.

#define CPU_ON          0xc4000003      // of the emulator's own PSCI (ARM DEN 0022)
#define RELEASE_WORDS   0x401ff000      // behind the tree that QEMU leaves at the start of RAM; processor n watches the nth

    .globl _start
_start:
    adr     x20, words
    ldr     x21, [x20, #16]
    mov     x19, #1
1:  cmp     x19, x21
    b.hs    2f
    ldr     w0, =CPU_ON
    mov     x1, x19
    adr     x2, watch
    mov     x3, x19
    smc     #0
    add     x19, x19, #1
    b       1b
2:  ldp     x0, x4, [x20]
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    br      x4

watch:
    ldr     x1, =RELEASE_WORDS
    add     x1, x1, x0, lsl #3
1:  ldr     x2, [x1]
    cbnz    x2, 2f
    wfe
    b       1b
2:  br      x2

    .ltorg
    .balign 8
words:
