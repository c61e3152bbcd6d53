// SPDX-License-Identifier: Apache-2.0
// What domains do that domains.c makes, at PROGRAM_PAGE, flat and without paging.
#include "programs.h"

#define HERE(label) (PROGRAM_PAGE + label - 1b)

.macro  program name
        .balign 4
        .globl  program_\name, program_\name\()_end
program_\name:
.endm
.macro  end name
        .balign 4
program_\name\()_end:
.endm

        .section .rodata
        .code32

program invalid
        ud2
end invalid

program unknown_register_read
        mov     $0xc0010fff, %ecx
        rdmsr
end unknown_register_read

program unknown_register_write
        mov     $0xc0010fff, %ecx
        wrmsr
end unknown_register_write

program jump
        mov     $PROGRAM_NOTHING, %eax
        jmp     *%eax
end jump

program spin
1:      cpuid
        incl    PROGRAM_RESULTS
        jmp     1b
end spin

// An NMI to itself, in whose handler it stays: no other can come.
program nmi
1:      mov     $HERE(8f), %esp
        lgdt    HERE(3f)
        lidt    HERE(4f)
        movl    $0, 0xfee00310          // APIC: to APIC ID 0
        movl    $0x4400, 0xfee00300     // an NMI
        jmp     .
2:      incl    PROGRAM_RESULTS
        jmp     2b
3:      .word   15
        .long   HERE(5f)
4:      .word   23
        .long   HERE(6f)
        .balign 8
5:      .quad   0, 0x00cf9b000000ffff   // selector 8: all of memory
6:      .quad   0, 0
        .word   2b - 1b, 8, 0x8e00, PROGRAM_PAGE >> 16
7:      .zero   64
8:
end nmi

program touch
        mov     %eax, PROGRAM_PROMISED
        cli
        hlt
end touch

program reads
        mov     $PROGRAM_RESULTS, %edi
        mov     $0x11111111, %eax
        in      $0x21, %al
        stosl
        mov     $0x3f8, %dx
        in      %dx, %ax
        stosl
        mov     $0xcf8, %dx
        in      %dx, %eax
        stosl
        mov     PROGRAM_NOTHING, %eax
        stosl
        mov     $0x1b, %ecx
        rdmsr
        stosl
        mov     0xfee00030, %eax
        stosl
        mov     0xfee00020, %eax
        stosl
        mov     0xfee000f0, %eax
        stosl
        mov     $0x40000001, %eax
        cpuid
        stosl
        mov     $0x5a, %al
        out     %al, $0x80
        mov     $0xcf9, %dx
        mov     $6, %al
        out     %al, %dx
        mov     %eax, PROGRAM_NOTHING
        cli
        hlt
end reads

// To 64-bit code, which calls the hypervisor with what each row of a table says and puts the result into it.
program calls
1:      lgdt    HERE(4f)
        mov     %cr4, %eax
        or      $1 << 5, %eax
        mov     %eax, %cr4
        mov     $PROGRAM_TABLES, %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx
        rdmsr
        or      $1 << 8, %eax
        wrmsr
        mov     %cr0, %eax
        or      $1 << 31, %eax
        mov     %eax, %cr0
        ljmp    $8, $HERE(2f)
        .code64
2:      mov     $PROGRAM_CALLS, %ebx
3:      mov     (%rbx), %rax
        test    %rax, %rax
        js      5f
        mov     8(%rbx), %rdi
        mov     16(%rbx), %rsi
        mov     24(%rbx), %rdx
        vmmcall
        mov     %rax, (%rbx)
        add     $32, %rbx
        jmp     3b
5:      cli
        hlt
        .balign 8
6:      .quad   0, 0x00af9b000000ffff
4:      .word   15
        .long   HERE(6b)
        .code32
end calls
