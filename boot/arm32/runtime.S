// SPDX-License-Identifier: Apache-2.0
// What compilers call on 32-bit ARM (ARM IHI 0043, 4.2 and 4.3.4), in terms of boot/common/memory.c and division.c.

    .syntax unified
    .arm

.macro function names:vararg
    .balign 4
    .irp name, \names
    .globl \name
    .type \name, %function
\name:
    .endr
.endm

    .section .text.aeabi_memory, "ax"
function __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8
    b       memcpy
function __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8
    b       memmove
// (address, count, value)
function __aeabi_memset, __aeabi_memset4, __aeabi_memset8
    mov     r3, r1
    mov     r1, r2
    mov     r2, r3
    b       memset
function __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8
    mov     r2, r1
    mov     r1, #0
    b       memset

    .section .text.aeabi_divide, "ax"
// r1:r0 / r3:r2: quotient in r1:r0, remainder in r3:r2.
function __aeabi_uldivmod
    push    {r11, lr}
    mov     r11, sp
    sub     sp, sp, #16
    add     r12, sp, #8
    str     r12, [sp]               // where the remainder goes
    bl      arm32_divide
    ldrd    r2, r3, [sp, #8]
    mov     sp, r11
    pop     {r11, pc}

function __aeabi_ldivmod
    push    {r11, lr}
    mov     r11, sp
    sub     sp, sp, #16
    add     r12, sp, #8
    str     r12, [sp]
    bl      arm32_divide_signed
    ldrd    r2, r3, [sp, #8]
    mov     sp, r11
    pop     {r11, pc}

// The processor divides 32 bits itself (every one with HYP mode does).
function __aeabi_uidiv
    udiv    r0, r0, r1
    bx      lr
function __aeabi_idiv
    sdiv    r0, r0, r1
    bx      lr
function __aeabi_uidivmod
    mov     r2, r0
    udiv    r0, r2, r1
    mls     r1, r0, r1, r2
    bx      lr
function __aeabi_idivmod
    mov     r2, r0
    sdiv    r0, r2, r1
    mls     r1, r0, r1, r2
    bx      lr
