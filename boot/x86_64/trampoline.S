// SPDX-License-Identifier: Apache-2.0
// A secondary CPU, from real mode to x86_secondary_entry. Copied to a page below 1 MiB, where a startup IPI makes the CPU
// begin: cs = page >> 4, ip = 0 (Intel SDM 3A, 9.4). One CPU at a time; struct trampoline_block says which.

#include "start.inc"

#define here(label)     ((label) - x86_trampoline)
#define BLOCK_CLAIM     (X86_TRAMPOLINE_BLOCK + 0)
#define BLOCK_TABLE     (X86_TRAMPOLINE_BLOCK + 4)
#define BLOCK_ENTRY     (X86_TRAMPOLINE_BLOCK + 8)
#define BLOCK_STACK     (X86_TRAMPOLINE_BLOCK + 16)
#define BLOCK_HOST      (X86_TRAMPOLINE_BLOCK + 24)

    .section .rodata.trampoline, "a"
    .balign 16
    .globl x86_trampoline, x86_trampoline_end
    .code16
x86_trampoline:
    cli
    cld
    mov     %cs, %ax
    mov     %ax, %ds
    movzwl  %ax, %ebx
    shl     $4, %ebx                        // ebx: machine address of this page, for good
    lea     here(gdt)(%ebx), %eax
    mov     %eax, here(gdt_pointer + 2)
    lea     here(protected)(%ebx), %eax
    mov     %eax, here(protected_pointer)
    lea     here(long_mode)(%ebx), %eax
    mov     %eax, here(long_pointer)
    lgdtl   here(gdt_pointer)
    mov     $1, %eax                        // PE; caches on, which INIT leaves off
    mov     %eax, %cr0
    ljmpl   *here(protected_pointer)

    .code32
protected:
    mov     $SELECTOR_DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    // A CPU that comes after it was given up must not take another's place.
    xor     %eax, %eax
    xchg    %eax, BLOCK_CLAIM(%ebx)
    test    %eax, %eax
    jz      1f
    mov     $CR4_START, %eax
    mov     %eax, %cr4
    mov     BLOCK_TABLE(%ebx), %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $EFER_START, %eax
    wrmsr
    mov     $CR0_START, %eax
    mov     %eax, %cr0
    ljmpl   *here(long_pointer)(%ebx)
1:  hlt
    jmp     1b

    .code64
long_mode:
    mov     %ebx, %ebx
    mov     BLOCK_STACK(%rbx), %rsp
    mov     BLOCK_HOST(%rbx), %rdi
    jmp     *BLOCK_ENTRY(%rbx)

    .balign 8
gdt:
    .quad   0
    .quad   GDT_CODE64
    .quad   GDT_DATA
    .quad   GDT_CODE32
gdt_end:
gdt_pointer:
    .short  gdt_end - gdt - 1
    .long   0
protected_pointer:
    .long   0
    .short  SELECTOR_CODE32
long_pointer:
    .long   0
    .short  SELECTOR_CODE
x86_trampoline_end:
