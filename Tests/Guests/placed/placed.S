// SPDX-License-Identifier: Apache-2.0
// A PVH kernel of 32-bit code that runs wherever it was put, and writes over all the RAM that it is said to have: whatever else
// lies there does not survive. Makes no calls but by registers, and speaks by the debug port (Xen: XEN_HVM_DEBUGCONS_IOPORT), which
// needs no set-up. Linked at LINK_ADDRESS; with RELOCATES it says that it may be moved.

#define XEN_ELFNOTE_PHYS32_ENTRY    18
#define XEN_ELFNOTE_PHYS32_RELOC    19
#define START_MAGIC                 0x336ec578
#define DEBUG_PORT                  0xe9
#define MEMORY_OP                   12
#define MEMORY_MAP                  9
#define SCHED_OP                    29
#define SHUTDOWN                    2
#define RAM                         1
#define ENTRIES                     128
#define ENTRY_SIZE                  20
#define STRIDE                      0x1000
#define LOW                         0x1000000

#define at(symbol)                  ((symbol) - start)(%ebp)

        .section .note.Xen, "a", @note
        .long   4, 4, XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   start
#ifdef RELOCATES
        .long   4, 12, XEN_ELFNOTE_PHYS32_RELOC
        .asciz  "Xen"
        .long   0x400000, 0x1000000, 0x5ffffff      // alignment, lowest and highest byte
#endif

        .text
        .code32
        .globl  start
start:  mov     %ebx, %edi                          // start info
        lea     8(%ebx), %esp                       // its version, which nobody reads, holds the return address once
        call    1f
1:      pop     %ebp
        sub     $(1b - start), %ebp                 // ebp: where this runs, for good
        lea     at(stack_top), %esp
        cmpl    $START_MAGIC, (%edi)
        lea     at(no_magic), %esi
        jne     fail
        lea     at(no_data), %esi
        cmpl    $0x600dda7a, at(data)
        jne     fail
        lea     at(no_zeros), %esi
        lea     at(zeros), %edi
        mov     $(zeros_end - zeros) >> 2, %ecx
        xor     %eax, %eax
        repe scasl
        jne     fail
        lea     at(linked), %esi
        call    say
        mov     at(place), %eax
        call    say_number
        lea     at(running), %esi
        call    say
        mov     %ebp, %eax
        call    say_number
        call    end_line

        lea     at(map), %eax
        movl    $ENTRIES, at(argument)
        mov     %eax, at(argument + 4)
        movl    $0, at(argument + 8)
        mov     $MEMORY_OP, %eax
        mov     $MEMORY_MAP, %ebx
        lea     at(argument), %ecx
        vmmcall
        lea     at(no_map), %esi
        test    %eax, %eax
        jnz     fail
        lea     at(write_frame), %ebx
        call    each_frame
        lea     at(read_frame), %ebx
        call    each_frame
        lea     at(has), %esi
        call    say
        mov     at(low_frames), %eax
        shl     $2, %eax
        call    say_number
        lea     at(low_ram), %esi
        call    say
        jmp     off

fail:   call    say
off:    mov     $SCHED_OP, %eax
        mov     $SHUTDOWN, %ebx
        lea     at(power_off), %ecx
        vmmcall
2:      cli
        hlt
        jmp     2b

// Calls ebx with each frame of RAM below 4 GiB in edi that is not this kernel's.
each_frame:
        movl    $0, at(low_frames)
        lea     at(map), %esi
        mov     at(argument), %edx
1:      cmpl    $RAM, 16(%esi)
        jne     4f
        cmpl    $0, 4(%esi)
        jne     4f
        mov     (%esi), %edi
        add     $STRIDE - 1, %edi
        and     $-STRIDE, %edi
        mov     (%esi), %ecx
        add     8(%esi), %ecx
        and     $-STRIDE, %ecx
2:      cmp     %ecx, %edi
        jae     4f
        cmp     $LOW, %edi
        adcl    $0, at(low_frames)
        mov     %edi, %eax
        sub     %ebp, %eax
        cmp     $(image_end - start), %eax
        jb      3f
        call    *%ebx
3:      add     $STRIDE, %edi
        jmp     2b
4:      add     $ENTRY_SIZE, %esi
        dec     %edx
        jnz     1b
        ret

write_frame:
        mov     %edi, (%edi)
        mov     %edi, STRIDE - 4(%edi)
        ret

read_frame:
        cmp     %edi, (%edi)
        jne     1f
        cmp     %edi, STRIDE - 4(%edi)
        jne     1f
        ret
1:      lea     at(bad_ram), %esi
        call    say
        mov     %edi, %eax
        call    say_number
        call    end_line
        jmp     off

say:    lodsb
        test    %al, %al
        jz      1f
        out     %al, $DEBUG_PORT
        jmp     say
1:      ret

// eax, eight hexadecimal digits.
say_number:
        mov     $8, %ecx
        mov     %eax, %edx
1:      rol     $4, %edx
        mov     %edx, %eax
        and     $15, %eax
        movzbl  (digits - start)(%ebp, %eax), %eax
        out     %al, $DEBUG_PORT
        loop    1b
        ret

end_line:
        mov     $'\n', %al
        out     %al, $DEBUG_PORT
        ret

        .data
place:  .long   start
data:   .long   0x600dda7a
power_off: .long 0
digits: .ascii  "0123456789abcdef"
linked: .asciz  "placed: linked at "
running: .asciz ", runs at "
has:    .asciz  "placed: "
low_ram: .asciz " KiB of RAM below 16 MiB, and all RAM keeps what is written\n"
no_magic: .asciz "placed failed: no start info\n"
no_data: .asciz "placed failed: its data is not there\n"
no_zeros: .asciz "placed failed: what should be zeros is not\n"
no_map: .asciz  "placed failed: no memory map\n"
bad_ram: .asciz "placed failed: RAM does not keep what is written at "

        .bss
        .balign 4096
zeros:
argument: .skip 16
low_frames: .skip 4
map:    .skip   ENTRIES * ENTRY_SIZE
        .skip   65536
zeros_end:
        .balign 4096
        .skip   4096
stack_top:
