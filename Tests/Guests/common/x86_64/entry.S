// SPDX-License-Identifier: Apache-2.0
// PVH start (Xen: docs/misc/pvh.pandoc: 32-bit protected mode, paging off, EBX start info) to long mode, and the gates.
// Addresses are physical: the tables map the lowest 512 GB one to one, but for the page at 0.

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define CODE64 8
#define DATA 16

        .section .note.Xen, "a", @note
        .long   4, 4, XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   start

        .text
        .code32
        .globl  start
start:  rdtsc
        mov     %eax, %esi
        mov     %edx, %edi
        mov     $stack_top, %esp
        lgdt    table_pointer
        mov     %cr4, %eax
        or      $1 << 5, %eax                   // PAE
        mov     %eax, %cr4
        mov     $page_tables, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx               // EFER: long mode
        rdmsr
        or      $1 << 8, %eax
        wrmsr
        mov     %cr0, %eax
        or      $1 << 31 | 1 << 16 | 1, %eax
        mov     %eax, %cr0
        ljmp    $CODE64, $1f

        .code64
1:      mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     %edi, %edi
        shl     $32, %rdi
        mov     %esi, %esi
        or      %rsi, %rdi                      // time stamp counter at the first instruction
        call    guest_main
2:      hlt
        jmp     2b

        .globl  unexpected, interrupt
unexpected:
        cmpq    $0, machine_attempt_stack
        jne     1f
        pop     %rdi
        mov     (%rsp), %rsi                    // the error code, or where it was
        mov     8(%rsp), %rdx
        cld
        and     $~15, %rsp
        call    machine_unexpected
        // As if the function had returned the vector.
1:      pop     %rax
        mov     machine_attempt_stack, %rsp
        movq    $0, machine_attempt_stack
        jmp     2f

// long machine_attempt(void (*body)(void)): the vector of the exception that ended it, or -1.
        .globl  machine_attempt
machine_attempt:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        pushfq
        mov     %rsp, machine_attempt_stack
        call    *%rdi
        mov     $-1, %rax
        movq    $0, machine_attempt_stack
2:      cld
        popfq
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

interrupt:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        mov     72(%rsp), %rdi
        cld
        call    machine_interrupt
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $8, %rsp
        iretq

        .section .rodata
        .balign 8
table:  .quad   0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff   // the last: 32-bit code
table_pointer:
        .word   31
        .long   table

        .data
        .balign 4096
        .globl  page_tables
page_tables:
        .quad   gigabytes + 3
        .fill   511, 8, 0
gigabytes:
        .quad   megabytes + 3
        .set    page, 1
        .rept   511
        .quad   page << 30 | 0x83               // 1 GB, writable, present
        .set    page, page + 1
        .endr
megabytes:
        .quad   lowest + 3
        .set    page, 1
        .rept   511
        .quad   page << 21 | 0x83               // 2 MB
        .set    page, page + 1
        .endr
lowest: .quad   0
        .set    page, 1
        .rept   511
        .quad   page << 12 | 3
        .set    page, page + 1
        .endr

        .section .bss
        .balign 16
        .skip   16384
stack_top:
