// SPDX-License-Identifier: Apache-2.0
// arm64: from the boot loader to Swift. The image starts with the Linux `Image` header (Linux,
// Documentation/arch/arm64/booting.rst): entered at EL2, MMU off, x0 = device tree.
//
// Address space of EL2 (48 bits; docs/decisions/0001-address-space.md):
//   0x0000_0200_0000_0000  the image, 4 KiB pages, each section with its own permissions
//   0x0000_0200_4000_0000  the device tree, two 2 MiB blocks, read-only
//   0x0000_0200_8000_0000  devices and stacks, mapped from Swift
//   0x0000_8000_0000_0000  all RAM, machine address + this
// `boot_level0` has besides these the image at its machine address, for the moment in which the MMU comes on.

#define IMAGE_BASE      0x0000020000000000
#define TREE_BASE       0x0000020040000000

// Descriptors (ARM DDI 0487, D8.3). AttrIndx 0 = normal write-back, 1 = device-nGnRE.
#define TABLE           0x3
#define PAGE_RW         0x0040000000000743      // AF, inner shareable, XN
#define PAGE_RO         0x00400000000007c3
#define PAGE_RX         0x00000000000007c3
#define BLOCK_RO        0x00400000000007c1
#define BLOCK_RX_BOOT   0x00000000000007c1

#define MAIR            0x00000000000004ff
// T0SZ 16, walks write-back and inner shareable, 4 KiB granule, RES1 bits 31 and 23; the PA size is added at run time.
#define TCR             0x0000000080803510
// RES1 bits, I, C, SA, WXN, M.
#define SCTLR           0x0000000030cd183d

    .section .head, "ax"
    .globl _start
_start:
    .long   0x91005a4d              // "MZ" for EFI, and an instruction that harms nothing: add x13, x18, #22
    b       primary_entry
    .quad   0                       // text_offset
    .quad   _image_size
    .quad   0xa                     // little-endian, 4 KiB pages, anywhere in memory
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   pe_header - _start

// For EFI firmware and the loaders that stand on it (PE format, "COFF file header" and on): a header page and two sections.
pe_header:
    .ascii  "PE\0\0"
    .short  0xaa64, 2               // AArch64, sections
    .long   0, 0, 0
    .short  sections - optional_header, 0x0206
optional_header:
    .short  0x020b, 0               // 64-bit
    .long   _pe_text_size, _pe_data_size, 0
    .long   _pe_entry, 4096
    .quad   0                       // may be loaded anywhere
    .long   4096, 4096              // alignment in memory and in the file
    .short  0, 0, 0, 0, 0, 0
    .long   0
    .long   _pe_image_size, 4096, 0 // the headers are the first page
    .short  10, 0x100               // EFI application; data is not executed
    .quad   0, 0, 0, 0
    .long   0, 6
    .quad   0, 0, 0, 0, 0, 0        // no data directories
sections:
    .ascii  ".text\0\0\0"
    .long   _pe_text_size, 4096, _pe_text_size, 4096
    .long   0, 0, 0, 0x60000020
    .ascii  ".data\0\0\0"
    .long   _pe_data_size, _pe_data_start, _pe_data_file_size, _pe_data_start
    .long   0, 0, 0, 0xc0000040

    .section .text.boot, "ax"

.macro load_address register, symbol
    adrp    \register, \symbol
    add     \register, \register, :lo12:\symbol
.endm

    .globl primary_entry
primary_entry:
    msr     daifset, #0xf
    mov     x20, x0                 // device tree
    mrs     x1, CurrentEL
    cmp     x1, #(2 << 2)
    b.ne    not_el2
    load_address x0, _bss_start
    load_address x1, _bss_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b
    bl      seed_stack_guard
    bl      build_tables
    load_address x0, boot_level0
    bl      enable_mmu
    ldr     x1, =primary_virtual
    br      x1

// From EFI firmware, on its stack: x0 the image's handle, x1 the system table. Returns where it cannot go on.
    .globl efi_entry
efi_entry:
    stp     x29, x30, [sp, #-16]!
    mrs     x2, CurrentEL
    lsr     x2, x2, #2
    bl      efi_main
    ldp     x29, x30, [sp], #16
    ret

// The firmware is gone: x0 the device tree, x1 where the image was copied to, x2 its size. From here on as a Linux boot
// loader leaves the machine: MMU and caches off, and nothing of the copy or of this code in a cache alone.
    .globl efi_leave
efi_leave:
    msr     daifset, #0xf
    mov     x20, x0
    add     x3, x1, x2
    mov     x4, x1
1:  dc      civac, x4
    add     x4, x4, #16             // the smallest line there is
    cmp     x4, x3
    b.lo    1b
    adr     x4, efi_leave
    adr     x3, efi_left
2:  dc      civac, x4
    add     x4, x4, #16
    cmp     x4, x3
    b.lo    2b
    dsb     sy
    mrs     x3, sctlr_el2
    mov     x4, #0x1005             // I, C, M
    bic     x3, x3, x4
    msr     sctlr_el2, x3
    isb
    ic      iallu
    tlbi    alle2
    dsb     sy
    isb
    load_address x4, _start
    load_address x5, primary_entry
    sub     x5, x5, x4
    add     x5, x5, x1
    mov     x0, x20
    br      x5
efi_left:

not_el2:
    wfe
    b       not_el2

// Any change of value from boot to boot will do: the counter now, and the tree's address.
seed_stack_guard:
    mrs     x1, cntpct_el0
    ldr     x2, =0x9e3779b97f4a7c15
    mul     x1, x1, x2
    eor     x1, x1, x20
    lsl     x1, x1, #8              // a zero byte stops string copies
    load_address x2, __stack_chk_guard
    str     x1, [x2]
    ret

build_tables:
    load_address x0, boot_level0
    load_address x1, arm64_level0
    load_address x2, level1_image
    load_address x3, level1_boot
    orr     x4, x2, #TABLE
    str     x4, [x0, #(4 * 8)]
    str     x4, [x1, #(4 * 8)]
    load_address x5, _start         // machine address of the image
    lsr     x6, x5, #39
    orr     x4, x3, #TABLE
    str     x4, [x0, x6, lsl #3]
    load_address x7, level2_boot
    ubfx    x6, x5, #30, #9
    orr     x4, x7, #TABLE
    str     x4, [x3, x6, lsl #3]
    ubfx    x6, x5, #21, #9         // the 2 MiB block in which the MMU comes on
    ldr     x4, =BLOCK_RX_BOOT
    and     x8, x5, #~0x1fffff
    orr     x4, x4, x8
    str     x4, [x7, x6, lsl #3]
    load_address x7, level2_image
    orr     x4, x7, #TABLE
    str     x4, [x2]
    load_address x9, level3_image
    orr     x4, x9, #TABLE
    str     x4, [x7]
    add     x10, x9, #4096
    orr     x4, x10, #TABLE
    str     x4, [x7, #8]
    // The image's pages, section by section.
    load_address x10, _start
    load_address x11, _text_end
    ldr     x12, =PAGE_RX
    mov     x14, x30
    bl      map_pages
    load_address x11, _rodata_end
    ldr     x12, =PAGE_RO
    bl      map_pages
    load_address x11, _stack_guard
    ldr     x12, =PAGE_RW
    bl      map_pages
    add     x10, x10, #4096         // the guard stays unmapped
    load_address x11, _image_end
    bl      map_pages
    // The device tree: the 2 MiB block that holds its start, and the next.
    load_address x7, level2_tree
    orr     x4, x7, #TABLE
    str     x4, [x2, #8]
    and     x8, x20, #~0x1fffff
    ldr     x4, =BLOCK_RO
    orr     x4, x4, x8
    str     x4, [x7]
    add     x4, x4, #0x200000
    str     x4, [x7, #8]
    dsb     sy
    mov     x30, x14
    ret

// Pages from x10 to x11 with attributes x12, into the level-3 tables at x9; the image starts at x5.
map_pages:
    sub     x13, x10, x5
    lsr     x13, x13, #12
1:  cmp     x10, x11
    b.hs    2f
    orr     x15, x12, x10
    str     x15, [x9, x13, lsl #3]
    add     x13, x13, #1
    add     x10, x10, #4096
    b       1b
2:  ret

// Turns the MMU on with the level-0 table x0.
enable_mmu:
    ldr     x1, =MAIR
    msr     mair_el2, x1
    ldr     x1, =TCR
    mrs     x2, id_aa64mmfr0_el1
    and     x2, x2, #0xf
    mov     x3, #5                  // 48 bits at most: no LPA
    cmp     x2, x3
    csel    x2, x2, x3, lo
    bfi     x1, x2, #16, #3
    msr     tcr_el2, x1
    msr     ttbr0_el2, x0
    dsb     sy
    tlbi    alle2
    ic      iallu
    dsb     sy
    isb
    ldr     x1, =SCTLR
    msr     sctlr_el2, x1
    isb
    ret

primary_virtual:
    ldr     x0, =arm64_vectors
    msr     vbar_el2, x0
    ldr     x0, =_boot_stack_top
    mov     sp, x0
    load_address x1, arm64_level0
    mrs     x2, ttbr0_el2
    load_address x3, boot_level0
    sub     x1, x1, x3
    add     x1, x1, x2
    msr     ttbr0_el2, x1           // same entries for the image, without the identity map
    isb
    tlbi    alle2
    dsb     ish
    isb
    msr     tpidr_el2, xzr
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x20                 // machine address of the tree
    and     x1, x20, #0x1fffff
    ldr     x2, =TREE_BASE
    add     x1, x1, x2              // where it is mapped
    sub     x2, x5, #0              // machine address of the image
    b       xen_start_arm64

// A secondary CPU out of a spin table, where nobody gives it an argument. Several may have watched the same word: it is the turn
// of the one that arm64_spin_argument's struct secondary_start names. Caches are off.
    .globl arm64_spin_entry
arm64_spin_entry:
    msr     daifset, #0xf
    ldr     x3, =0xff00ffffff
    mrs     x1, mpidr_el1
    and     x1, x1, x3
    load_address x2, arm64_spin_argument
1:  ldr     x0, [x2]
    cbz     x0, 2f
    ldr     x3, [x0, #24]
    cmp     x1, x3
    b.eq    arm64_secondary_entry
2:  wfe
    b       1b

// A secondary CPU, started by PSCI CPU_ON with x0 = machine address of its struct secondary_start.
    .globl arm64_secondary_entry
arm64_secondary_entry:
    msr     daifset, #0xf
    mov     x19, x0
    mrs     x1, CurrentEL
    cmp     x1, #(2 << 2)
    b.ne    not_el2
    ldp     x20, x21, [x19]         // ttbr, stack
    ldr     x22, [x19, #16]         // cpu
    load_address x0, boot_level0
    bl      enable_mmu
    ldr     x1, =secondary_virtual
    br      x1

secondary_virtual:
    ldr     x0, =arm64_vectors
    msr     vbar_el2, x0
    msr     ttbr0_el2, x20
    isb
    tlbi    alle2
    dsb     nsh
    isb
    mov     sp, x21
    msr     tpidr_el2, xzr
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x22
    b       xen_secondary_arm64

    .ltorg

    // A line of its own: it is cleaned to memory.
    .section .data.spin, "aw"
    .balign 64
    .globl arm64_spin_argument
arm64_spin_argument:
    .quad   0
    .balign 64

    .section .bss.tables, "aw", @nobits
    .balign 4096
    .globl arm64_level0
boot_level0:    .skip 4096
arm64_level0:   .skip 4096
level1_boot:    .skip 4096
level2_boot:    .skip 4096
    .globl level1_image
level1_image:   .skip 4096
level2_image:   .skip 4096
level3_image:   .skip 8192
level2_tree:    .skip 4096
