// SPDX-License-Identifier: Apache-2.0
// EL2's exception vectors. A guest's exceptions go to arm64_exit_guest. The hypervisor's own are fatal: it runs with
// interrupts masked, so whatever arrives here from EL2 is a fault. They use no stack but their own, because the fault
// may be an overflow of the stack. TPIDR_EL2, which says what the second table's processors do, is of no use to anybody then.

.macro host_vector reason
    .balign 128
    msr     tpidr_el2, x0
    adrp    x0, arm64_fatal_frame
    add     x0, x0, :lo12:arm64_fatal_frame
    stp     x1, x2, [x0, #8]
    mov     x1, #\reason
    b       host_exception
.endm

.macro guest_vector reason, exit
    .balign 128
    stp     x0, x1, [sp]
    mov     x0, #\reason
    b       \exit
.endm

.macro vector_table name, exit
    .balign 2048
    .globl \name
\name:
    host_vector 0
    host_vector 1
    host_vector 2
    host_vector 3
    host_vector 4
    host_vector 5
    host_vector 6
    host_vector 7
    guest_vector 0, \exit
    guest_vector 1, \exit
    guest_vector 2, \exit
    guest_vector 3, \exit
    guest_vector 4, \exit
    guest_vector 5, \exit
    guest_vector 6, \exit
    guest_vector 7, \exit
.endm

    .text
    vector_table arm64_vectors, arm64_exit_guest
    vector_table arm64_hardened_vectors, arm64_exit_hardened

// The first CPU to die claims the frame; a later one, or a fault inside the report, stops here.
host_exception:
    adrp    x2, arm64_fatal_claim
    add     x2, x2, :lo12:arm64_fatal_claim
1:  ldaxr   w0, [x2]
    cbnz    w0, 3f
    mov     w0, #1
    stxr    w1, w0, [x2]
    cbnz    w1, 1b
    adrp    x0, arm64_fatal_frame
    add     x0, x0, :lo12:arm64_fatal_frame
    mrs     x1, tpidr_el2
    str     x1, [x0]
    str     x3, [x0, #24]
    stp     x4, x5, [x0, #32]
    stp     x6, x7, [x0, #48]
    stp     x8, x9, [x0, #64]
    stp     x10, x11, [x0, #80]
    stp     x12, x13, [x0, #96]
    stp     x14, x15, [x0, #112]
    stp     x16, x17, [x0, #128]
    stp     x18, x19, [x0, #144]
    stp     x20, x21, [x0, #160]
    stp     x22, x23, [x0, #176]
    stp     x24, x25, [x0, #192]
    stp     x26, x27, [x0, #208]
    stp     x28, x29, [x0, #224]
    mov     x2, sp
    stp     x30, x2, [x0, #240]
    mrs     x2, elr_el2
    mrs     x3, spsr_el2
    stp     x2, x3, [x0, #256]
    mrs     x2, esr_el2
    mrs     x3, far_el2
    stp     x2, x3, [x0, #272]
    adrp    x2, arm64_fatal_stack_top
    add     sp, x2, :lo12:arm64_fatal_stack_top
    bl      xen_host_exception
3:  wfe
    b       3b

    .bss
    .balign 16
arm64_fatal_frame:
    .skip   288                 // struct host_frame
arm64_fatal_claim:
    .skip   16
    .skip   16384
arm64_fatal_stack_top:
