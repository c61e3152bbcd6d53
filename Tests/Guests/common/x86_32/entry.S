// SPDX-License-Identifier: Apache-2.0
// PVH start (Xen: docs/misc/pvh.pandoc: 32-bit protected mode, paging off, EBX start info) to paging, and the gates.
// Addresses are physical: the tables map all 4 GB one to one, but for the page at 0. They have two levels: QEMU (7.2) sets the
// accessed bit in the first level of PAE's three, where it is reserved, and Xen's own walk stops at it.

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define CODE32 8
#define DATA 16

        .section .note.Xen, "a", @note
        .long   4, 4, XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   start

        .text
        .globl  start
start:  rdtsc
        mov     %eax, %esi
        mov     %edx, %edi
        mov     $stack_top, %esp
        lgdt    table_pointer
        mov     %cr4, %eax
        or      $1 << 4, %eax                   // pages of 4 MB
        mov     %eax, %cr4
        mov     $page_tables, %eax
        mov     %eax, %cr3
        mov     %cr0, %eax
        or      $1 << 31 | 1 << 16 | 1, %eax
        mov     %eax, %cr0
        ljmp    $CODE32, $1f
1:      mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        sub     $8, %esp
        push    %edi
        push    %esi                            // time stamp counter at the first instruction
        call    guest_main
2:      hlt
        jmp     2b

// machine_unexpected(vector, error code or where it was, where it was): three of 64 bits.
        .globl  unexpected, interrupt
unexpected:
        cmpl    $0, machine_attempt_stack
        jne     1f
        pop     %ecx
        mov     (%esp), %edx
        mov     4(%esp), %eax
        cld
        and     $~15, %esp
        sub     $8, %esp
        push    $0
        push    %eax
        push    $0
        push    %edx
        push    $0
        push    %ecx
        call    machine_unexpected
        // As if the function had returned the vector.
1:      pop     %eax
        mov     machine_attempt_stack, %esp
        movl    $0, machine_attempt_stack
        jmp     2f

// long machine_attempt(void (*body)(void)): the vector of the exception that ended it, or -1.
        .globl  machine_attempt
machine_attempt:
        mov     4(%esp), %eax
        push    %ebx
        push    %ebp
        push    %esi
        push    %edi
        pushfl
        mov     %esp, machine_attempt_stack
        call    *%eax
        mov     $-1, %eax
        movl    $0, machine_attempt_stack
2:      cld
        popfl
        pop     %edi
        pop     %esi
        pop     %ebp
        pop     %ebx
        ret

interrupt:
        push    %eax
        push    %ecx
        push    %edx
        mov     12(%esp), %eax
        cld
        push    $0
        push    %eax
        call    machine_interrupt
        add     $8, %esp
        pop     %edx
        pop     %ecx
        pop     %eax
        add     $4, %esp
        iret

        .section .rodata
        .balign 8
table:  .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
table_pointer:
        .word   23
        .long   table

        .data
        .balign 4096
        .globl  page_tables
page_tables:
        .long   lowest + 3
        .set    page, 1
        .rept   1023
        .long   page << 22 | 0x83               // 4 MB, writable, present
        .set    page, page + 1
        .endr
lowest: .long   0
        .set    page, 1
        .rept   1023
        .long   page << 12 | 3
        .set    page, page + 1
        .endr

        .section .bss
        .balign 16
        .skip   16384
stack_top:
