// SPDX-License-Identifier: Apache-2.0
// The 256 entries of the IDT. 0-31 are exceptions of the hypervisor's own: fatal, but for a probed model-specific register and
// for an NMI, which leaves word.
// 32-255 are interrupts, which come only where the idle loop lets them.
//
// A stub is 16 bytes and pushes the vector above an error code, the processor's or 0 (Intel SDM 3A, table 6-1).

#include "include/x86.h"

#define HAS_ERROR_CODE(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

    .text
    .balign 16
    .globl x86_stubs
x86_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !HAS_ERROR_CODE(vector)
    pushq   $0
    .endif
    pushq   $vector
    .if vector == 2
    jmp     nmi
    .elseif vector < 32
    jmp     exception
    .else
    jmp     interrupt
    .endif
    .set vector, vector + 1
    .endr

// Calls a handler with the CPU and the vector, and goes on where it was.
    .macro  handle handler
    push    %rax
    push    %rcx
    push    %rdx
    push    %rsi
    push    %rdi
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    mov     72(%rsp), %rsi                                  // vector
    mov     %rsp, %rdi
    or      $(X86_SLOT_SIZE - 1), %rdi
    mov     (X86_SLOT_CPU - X86_SLOT_SIZE + 1)(%rdi), %rdi  // CPU
    cld
    call    \handler
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rdi
    pop     %rsi
    pop     %rdx
    pop     %rcx
    pop     %rax
    add     $16, %rsp
    iretq
    .endm

    .balign 16
interrupt:
    handle  xen_interrupt_x86
// On a stack of 1 KiB, so its handler is one that needs little.
nmi:
    handle  xen_nmi_x86

exception:
    push    %rax
    push    %rbx
    push    %rcx
    push    %rdx
    push    %rsi
    push    %rdi
    push    %rbp
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    cld
    lea     probe_read(%rip), %rax
    cmp     %rax, 136(%rsp)                                 // rip
    je      1f
    lea     probe_write(%rip), %rax
    cmp     %rax, 136(%rsp)
    jne     2f
1:  cmpq    $13, 120(%rsp)                                  // general protection
    jne     2f
    // Goes on at probe_failed, which needs none of the registers.
    lea     probe_failed(%rip), %rax
    mov     %rax, 136(%rsp)
    add     $136, %rsp
    iretq

// The first CPU to die reports; a later one, or a fault inside the report, stops here.
2:  mov     $1, %eax
    xchg    %eax, fatal_claim(%rip)
    test    %eax, %eax
    jnz     3f
    mov     %rsp, %rdi
    mov     %rsp, %rsi
    or      $(X86_SLOT_SIZE - 1), %rsi
    mov     (X86_SLOT_CPU - X86_SLOT_SIZE + 1)(%rsi), %rsi
    lea     fatal_stack_top(%rip), %rsp
    xor     %ebp, %ebp
    call    xen_host_exception
3:  cli
    hlt
    jmp     3b

    .globl x86_try_read_msr
x86_try_read_msr:
    mov     %edi, %ecx
probe_read:
    rdmsr
    shl     $32, %rdx
    or      %rdx, %rax
    mov     %rax, (%rsi)
    mov     $1, %eax
    ret

    .globl x86_try_write_msr
x86_try_write_msr:
    mov     %edi, %ecx
    mov     %esi, %eax
    mov     %rsi, %rdx
    shr     $32, %rdx
probe_write:
    wrmsr
    mov     $1, %eax
    ret

probe_failed:
    xor     %eax, %eax
    ret

    .bss
    .balign 4096
    .globl x86_gates
x86_gates:
    .skip   4096
fatal_claim:
    .skip   16
    .skip   32768
fatal_stack_top:
