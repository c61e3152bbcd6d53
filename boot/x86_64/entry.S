// SPDX-License-Identifier: Apache-2.0
// x86-64: from the boot loader to Swift. Entered in 32-bit protected mode without paging, by multiboot 1 (Multiboot
// Specification 0.6.96, 3.2), multiboot 2 (2.0, 3.3) or PVH (Xen: docs/misc/pvh.pandoc); linker/elf32.py makes the file that
// loaders take. The image runs wherever it was put, on a 2 MiB boundary below 4 GiB; Swift moves it to the top of RAM there
// (Sources/Hypervisor/X86/AddressSpace.swift).
//
// Address space (48 bits, low half; docs/decisions/0001-address-space.md):
//   0x0000_0200_0000_0000  the image, 4 KiB pages, each section with its own permissions
//   0x0000_0200_8000_0000  devices, mapped from Swift
//   0x0000_0200_c000_0000  stacks, a slot of 256 KiB for each CPU
//   0x0000_4000_0000_0000  all RAM, machine address + this; at first all of the lower 4 GiB
// `x86_boot_table` has besides these the image's first 2 MiB and the lowest 1 MiB at their machine addresses, for the moment
// in which paging comes on.

#include "start.inc"

#define MULTIBOOT1_MAGIC        0x1badb002
#define MULTIBOOT1_FLAGS        0x3             // modules on page boundaries, memory map
#define MULTIBOOT1_LOADER       0x2badb002
#define MULTIBOOT2_MAGIC        0xe85250d6
#define MULTIBOOT2_LOADER       0x36d76289
#define MULTIBOOT2_LENGTH       (multiboot2_end - multiboot2_header)

    .section .head, "ax"
    .code32
    .globl _start
_start:
    jmp     multiboot_entry

    .balign 4
multiboot1_header:
    .long   MULTIBOOT1_MAGIC, MULTIBOOT1_FLAGS, -(MULTIBOOT1_MAGIC + MULTIBOOT1_FLAGS)

    .balign 8
multiboot2_header:
    .long   MULTIBOOT2_MAGIC, 0, MULTIBOOT2_LENGTH, -(MULTIBOOT2_MAGIC + MULTIBOOT2_LENGTH)
    // Information request: memory map.
    .short  1, 0
    .long   12, 6
    .balign 8
    // Modules on page boundaries.
    .short  6, 0
    .long   8
    // Relocatable, optional: lowest and highest address, alignment, preferably low.
    .short  10, 1
    .long   24, 0x200000, 0xffffffff, 0x200000, 1
    .balign 8
    // No framebuffer is asked for: the console is the serial port.
    .short  0, 0
    .long   8
multiboot2_end:

    .globl pvh_entry
pvh_entry:
    mov     $BOOT_PVH, %edi
    jmp     locate

multiboot_entry:
    mov     $BOOT_MULTIBOOT1, %edi
    cmp     $MULTIBOOT1_LOADER, %eax
    je      locate
    mov     $BOOT_MULTIBOOT2, %edi
    cmp     $MULTIBOOT2_LOADER, %eax
    je      locate
    xor     %edi, %edi

// Where is the image? There is no stack yet: one word of the first page is borrowed for a CALL.
locate:
    cli
    cld
    mov     0xffc, %ecx
    mov     $0x1000, %esp
    call    1f
1:  pop     %ebp
    mov     %ecx, 0xffc
    sub     $(1b - _start), %ebp            // ebp: machine address of the image, for good
    lea     at(_boot_slot + X86_SLOT_CPU), %esp
    test    %edi, %edi
    jz      not_a_loader
    push    %edi
    push    %ebx
    call    check_processor
    call    build_tables
    pop     %ebx
    pop     %edi
    jmp     enter_long_mode

// The long mode and the no-execute bit are the two things that nothing here works without.
check_processor:
    mov     $0x80000000, %eax
    cpuid
    cmp     $0x80000001, %eax
    jb      not_64_bit
    mov     $0x80000001, %eax
    cpuid
    test    $(1 << 29), %edx
    jz      not_64_bit
    test    $(1 << 20), %edx
    jz      no_execute_disable
    ret

not_a_loader:
    lea     at(not_a_loader_text), %esi
    jmp     refuse
not_64_bit:
    lea     at(not_64_bit_text), %esi
    jmp     refuse
no_execute_disable:
    lea     at(no_execute_disable_text), %esi

// Says why on the first serial port, and stops.
refuse:
    mov     $0x3f8, %edx
1:  lodsb
    test    %al, %al
    jz      3f
    mov     $0x100000, %ecx                 // a port that is not there must not hang us without a word to another
    mov     %al, %bl
    add     $5, %edx
2:  in      %dx, %al
    test    $0x20, %al
    loopz   2b
    sub     $5, %edx
    mov     %bl, %al
    out     %al, %dx
    jmp     1b
3:  cli
    hlt
    jmp     3b

not_a_loader_text:          .asciz "(XEN) ERR: started by neither multiboot 1, multiboot 2 nor PVH\r\n"
not_64_bit_text:            .asciz "(XEN) ERR: this CPU has no 64-bit mode\r\n"
no_execute_disable_text:    .asciz "(XEN) ERR: this CPU has no execute-disable bit, or the firmware hides it\r\n"

// Entry `index` of the table at `table` becomes the table at `next`.
.macro hang table, index, next
    lea     at(\next + PAGE_TABLE), %eax
    mov     %eax, (\table + 8 * (\index) - _start)(%ebp)
.endm

build_tables:
    xor     %eax, %eax
    lea     at(_bss_start), %edi
    lea     at(_boot_slot), %ecx
    sub     %edi, %ecx
    shr     $2, %ecx
    rep stosl
    mov     %eax, at(_boot_slot + X86_SLOT_CPU)
    mov     %eax, at(_boot_slot + X86_SLOT_CPU + 4)
    hang    x86_boot_table, PML4_IMAGE, level1_image
    hang    x86_host_table, PML4_IMAGE, level1_image
    hang    level1_image, 0, level2_image
    hang    level2_image, 0, level3_image
    hang    level2_image, 1, level3_image + 4096
    hang    x86_host_table, PML4_DIRECT, level1_direct
    hang    level1_direct, 0, level2_direct
    hang    level1_direct, 1, level2_direct + 4096
    hang    level1_direct, 2, level2_direct + 8192
    hang    level1_direct, 3, level2_direct + 12288
    // Direct map: 2048 blocks of 2 MiB.
    lea     at(level2_direct), %edi
    mov     $BLOCK_RW, %eax
    mov     $2048, %ecx
1:  mov     %eax, (%edi)
    movl    $NO_EXECUTE_HIGH, 4(%edi)
    add     $8, %edi
    add     $0x200000, %eax
    loop    1b
    // Where paging comes on: the lowest 2 MiB for the trampoline, and the block in which this stands.
    hang    x86_boot_table, 0, level1_boot
    hang    level1_boot, 0, level2_boot
    movl    $BLOCK_RX, at(level2_boot)
    lea     at(level2_boot + 4096 + PAGE_TABLE), %eax
    mov     %ebp, %ecx
    shr     $30, %ecx
    jz      2f                              // the image is in the first GiB: the same table
    mov     %eax, (level1_boot - _start)(%ebp, %ecx, 8)
    lea     at(level2_boot + 4096), %edi
    jmp     3f
2:  lea     at(level2_boot), %edi
3:  mov     %ebp, %ecx
    shr     $21, %ecx
    and     $511, %ecx
    lea     BLOCK_RX(%ebp), %eax
    mov     %eax, (%edi, %ecx, 8)
    // The image's pages, section by section; then the boot CPU's slot, with its guards left out.
    lea     at(level3_image), %edi
    mov     %ebp, %ebx
    lea     at(_text_end), %esi
    mov     $PAGE_RO, %ecx
    xor     %edx, %edx
    call    map_pages
    lea     at(_rodata_end), %esi
    mov     $NO_EXECUTE_HIGH, %edx
    call    map_pages
    lea     at(_boot_slot), %esi
    mov     $PAGE_RW, %ecx
    call    map_pages
    add     $(X86_SLOT_TABLES >> 12 << 3), %edi
    add     $X86_SLOT_TABLES, %ebx
    lea     0x1000(%ebx), %esi
    call    map_pages
    add     $((X86_SLOT_BOOT_STACK - X86_SLOT_TABLES - 0x1000) >> 12 << 3), %edi
    add     $(X86_SLOT_BOOT_STACK - X86_SLOT_TABLES - 0x1000), %ebx
    lea     at(_image_end), %esi
    // Falls through.

// Pages from ebx to esi with the attributes edx:ecx, into the entries at edi.
map_pages:
    cmp     %esi, %ebx
    jae     1f
    lea     (%ebx, %ecx), %eax
    mov     %eax, (%edi)
    mov     %edx, 4(%edi)
    add     $8, %edi
    add     $0x1000, %ebx
    jmp     map_pages
1:  ret

// Paging comes on in this page, so all that is needed in that moment is in this page: the GDT and the pointer.
enter_long_mode:
    lea     at(start_gdt), %eax
    mov     %eax, at(start_gdt_pointer + 2)
    lea     at(primary_identity), %eax
    mov     %eax, at(primary_pointer)
    lgdt    at(start_gdt_pointer)
    mov     $CR4_START, %eax
    mov     %eax, %cr4
    lea     at(x86_boot_table), %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $EFER_START, %eax
    wrmsr
    mov     $CR0_START, %eax
    mov     %eax, %cr0
    ljmp    *at(primary_pointer)

    .balign 8
// The accessed bits are set already, so that the processor has no reason to write.
start_gdt:
    .quad   0
    .quad   GDT_CODE64
    .quad   GDT_DATA
start_gdt_end:
start_gdt_pointer:
    .short  start_gdt_end - start_gdt - 1
    .long   0
primary_pointer:
    .long   0
    .short  SELECTOR_CODE

    .code64
primary_identity:
    mov     %ebp, %ebp                      // the upper halves are undefined after the switch of mode
    mov     %ebx, %ebx
    lea     (x86_host_table - _start)(%rbp), %rcx
    movabs  $primary_virtual, %rax
    jmp     *%rax

    .section .text.boot, "ax"
primary_virtual:
    lea     _boot_slot(%rip), %rsp
    add     $X86_SLOT_CPU, %rsp
    mov     %rcx, %cr3
    call    load_start_gdt
    call    seed_stack_guard
    mov     %edi, %edi                      // BOOT_...
    mov     %rbx, %rsi                      // machine address of what the loader left
    mov     %rbp, %rdx                      // machine address of the image
    xor     %ebp, %ebp
    push    $0
    jmp     xen_start_x86

// Any change of value from boot to boot will do: the time stamp, and a random number where there are any.
seed_stack_guard:
    mov     %rbx, %r8
    rdtsc
    shl     $32, %rdx
    or      %rax, %rdx
    mov     %rdx, %r9
    mov     $1, %eax
    cpuid
    mov     %r8, %rbx
    xor     %eax, %eax
    bt      $30, %ecx
    jnc     1f
    rdrand  %rax
1:  movabs  $0x9e3779b97f4a7c15, %rcx
    imul    %rcx, %r9
    xor     %r9, %rax
    shl     $8, %rax                        // a zero byte stops string copies
    mov     %rax, __stack_chk_guard(%rip)
    ret

// The GDT where it stays reachable.
load_start_gdt:
    sub     $16, %rsp
    movw    $(start_gdt_end - start_gdt - 1), (%rsp)
    lea     start_gdt(%rip), %rax
    mov     %rax, 2(%rsp)
    lgdt    (%rsp)
    add     $16, %rsp
    mov     $SELECTOR_DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    xor     %eax, %eax
    mov     %eax, %fs
    mov     %eax, %gs
    ret

// A secondary CPU, from the trampoline: rsp its stack, rdi the hypervisor's PML4.
    .globl x86_secondary_entry
x86_secondary_entry:
    mov     %rdi, %cr3
    call    load_start_gdt
    mov     %rsp, %rdi
    or      $(X86_SLOT_SIZE - 1), %rdi
    mov     (X86_SLOT_CPU - X86_SLOT_SIZE + 1)(%rdi), %rdi
    xor     %ebp, %ebp
    push    $0
    jmp     xen_secondary_x86

// boot_move_image (boot.h). The stack moves too, so nothing is written but the copy.
    .globl boot_move_image
boot_move_image:
    mov     %rcx, %rax
    mov     %rdx, %rcx
    shr     $3, %rcx
    rep movsq
    mov     %rax, %cr3
    ret

    .section .bss.tables, "aw", @nobits
    .balign 4096
    .globl x86_host_table
x86_boot_table: .skip 4096
x86_host_table: .skip 4096
level1_image:   .skip 4096
level2_image:   .skip 4096
level3_image:   .skip 8192
level1_direct:  .skip 4096
level2_direct:  .skip 16384
level1_boot:    .skip 4096
level2_boot:    .skip 8192
