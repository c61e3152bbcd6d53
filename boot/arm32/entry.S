// SPDX-License-Identifier: Apache-2.0
// arm32: from the boot loader to Swift. The image starts with the Linux zImage header (Linux,
// Documentation/arch/arm/booting.rst): entered in HYP mode, MMU off, ARM state, r2 = device tree.
//
// Address space of HYP mode (docs/decisions/0003-arm32-address-space.md):
//   0x0020_0000  the image, 4 KiB pages, each section with its own permissions
//   0x0080_0000  the device tree, two 2 MiB blocks, read-only
//   0x0100_0000  devices and stacks, mapped from Swift
//   0x4000_0000  RAM of these machine addresses, as it is
// `boot_level1` has besides these the image at its machine address, for the moment in which the MMU comes on.

#define TREE_BASE       0x00800000
#define MODE_MASK       0x1f
#define MODE_HYP        0x1a

// Lower halves of descriptors (ARM DDI 0406C, B3.6). AttrIndx 0 = normal write-back, 1 = device.
#define TABLE           0x3
#define PAGE_RW         0x743       // AF, inner shareable
#define PAGE_RO         0x7c3
#define BLOCK_RO        0x7c1
// Their upper halves.
#define NEVER_EXECUTE   0x00400000
#define EXECUTE         0

#define HMAIR0          0x000004ff
// 4 GiB, walks write-back and inner shareable, RES1 bits 31 and 23.
#define HTCR            0x80803500
// RES1 bits, I, C, WXN, M; exceptions in ARM state.
#define HSCTLR          0x30cd187d

    .syntax unified
    .arch_extension virt
    .arm

    .section .head, "ax"
    .globl _start
_start:
    .rept 8
    mov     r0, r0
    .endr
    b       primary_entry
    .long   0x016f2818
    .long   0                       // start: anywhere
    .long   _image_size             // end

    .section .text.boot, "ax"

// Where a symbol is while the MMU is off: r10 is the difference to where it is linked.
.macro load_address register, symbol
    ldr     \register, =\symbol
    add     \register, \register, r10
.endm

.macro find_offset
    adr     r10, 9f
    ldr     r9, =9f
    sub     r10, r10, r9
9:
.endm

primary_entry:
    cpsid   aif
    mov     r8, r2                  // device tree
    mrs     r0, cpsr
    and     r0, r0, #MODE_MASK
    cmp     r0, #MODE_HYP
    bne     unusable
    find_offset
    load_address r0, _start
    cmp     r0, #0x40000000         // below it would lie on the hypervisor's own addresses
    blo     unusable
    load_address r0, _bss_start
    load_address r1, _bss_end
    mov     r2, #0
    mov     r3, #0
1:  strd    r2, r3, [r0], #8
    cmp     r0, r1
    blo     1b
    bl      seed_stack_guard
    bl      build_tables
    load_address r0, boot_level1
    bl      enable_mmu
    ldr     r0, =primary_virtual
    bx      r0

// Not in HYP mode, or loaded where no image can be: there is nothing to say it with.
unusable:
    wfe
    b       unusable

// Any change of value from boot to boot will do: the counter now, and the tree's address.
seed_stack_guard:
    mrrc    p15, 0, r0, r1, c14     // CNTPCT
    ldr     r1, =0x9e3779b9
    mul     r0, r0, r1
    eor     r0, r0, r8
    lsl     r0, r0, #8              // a zero byte stops string copies
    load_address r1, __stack_chk_guard
    str     r0, [r1]
    bx      lr

build_tables:
    mov     r12, lr
    mov     r1, #0                  // upper half of a table's descriptor
    load_address r2, boot_level1
    load_address r3, arm32_level1
    load_address r4, level2_image
    orr     r0, r4, #TABLE
    strd    r0, r1, [r2]
    strd    r0, r1, [r3]
    // The 2 MiB block in which the MMU comes on.
    load_address r5, _start
    load_address r6, level2_boot
    orr     r0, r6, #TABLE
    lsr     r7, r5, #30
    add     r7, r2, r7, lsl #3
    strd    r0, r1, [r7]
    ubfx    r7, r5, #21, #9
    add     r7, r6, r7, lsl #3
    lsr     r0, r5, #21
    lsl     r0, r0, #21
    ldr     r9, =BLOCK_RO
    orr     r0, r0, r9
    strd    r0, r1, [r7]
    // The image's pages, section by section.
    load_address r7, level3_image
    orr     r0, r7, #TABLE
    strd    r0, r1, [r4, #8]
    add     r0, r0, #4096
    strd    r0, r1, [r4, #16]
    ldr     r2, =PAGE_RO
    ldr     r3, =EXECUTE
    load_address r6, _text_end
    bl      map_pages
    ldr     r3, =NEVER_EXECUTE
    load_address r6, _rodata_end
    bl      map_pages
    ldr     r2, =PAGE_RW
    load_address r6, _stack_guard
    bl      map_pages
    add     r5, r5, #4096           // the guard stays unmapped
    add     r7, r7, #8
    load_address r6, _image_end
    bl      map_pages
    // The device tree: the 2 MiB block that holds its start, and the next.
    lsr     r0, r8, #21
    lsl     r0, r0, #21
    ldr     r2, =BLOCK_RO
    orr     r0, r0, r2
    ldr     r1, =NEVER_EXECUTE
    strd    r0, r1, [r4, #32]
    add     r0, r0, #0x200000
    strd    r0, r1, [r4, #40]
    dsb     sy
    bx      r12

// Pages from r5 to r6 with attributes r3:r2, into the entries from r7 on; both move on.
map_pages:
    mov     r1, r3
1:  cmp     r5, r6
    bxhs    lr
    orr     r0, r5, r2
    strd    r0, r1, [r7], #8
    add     r5, r5, #4096
    b       1b

// Turns the MMU on with the level-1 table r0.
enable_mmu:
    ldr     r1, =HMAIR0
    mcr     p15, 4, r1, c10, c2, 0
    ldr     r1, =HTCR
    mcr     p15, 4, r1, c2, c0, 2
    mov     r1, #0
    mcrr    p15, 4, r0, r1, c2      // HTTBR
    dsb     sy
    mcr     p15, 4, r0, c8, c7, 0   // TLBIALLH
    mcr     p15, 0, r0, c7, c5, 0   // ICIALLU
    mcr     p15, 0, r0, c7, c5, 6   // BPIALL
    dsb     sy
    isb
    ldr     r1, =HSCTLR
    mcr     p15, 4, r1, c1, c0, 0
    isb
    bx      lr

// Linked addresses from here on. Leaves the identity map: r0 = machine address of the level-1 table to use.
.macro leave_identity_map
    mov     r1, #0
    mcrr    p15, 4, r0, r1, c2
    isb
    mcr     p15, 4, r0, c8, c7, 0
    dsb     nsh
    isb
    ldr     r1, =arm32_vectors
    mcr     p15, 4, r1, c12, c0, 0  // HVBAR
    isb
.endm

primary_virtual:
    load_address r0, arm32_level1
    leave_identity_map
    ldr     sp, =_boot_stack_top
    mov     r11, #0
    mov     lr, #0
    ldr     r2, =_start
    add     r2, r2, r10             // machine address of the image
    mov     r0, r8                  // machine address of the tree
    ubfx    r1, r8, #0, #21
    add     r1, r1, #TREE_BASE      // where it is mapped
    b       xen_start_arm32

// A secondary CPU, started by PSCI CPU_ON with r0 = machine address of its struct secondary_start.
    .globl arm32_secondary_entry
arm32_secondary_entry:
    cpsid   aif
    mov     r4, r0
    mrs     r0, cpsr
    and     r0, r0, #MODE_MASK
    cmp     r0, #MODE_HYP
    bne     unusable
    find_offset
    ldm     r4, {r5, r6, r7}        // ttbr, stack, cpu
    load_address r0, boot_level1
    bl      enable_mmu
    ldr     r0, =secondary_virtual
    bx      r0

secondary_virtual:
    mov     r0, r5
    leave_identity_map
    mov     sp, r6
    mov     r11, #0
    mov     lr, #0
    mov     r0, r7
    b       xen_secondary_arm32

    .ltorg

    .section .bss.tables, "aw", %nobits
    .balign 4096
boot_level1:    .skip 4096
    .globl arm32_level1
arm32_level1:   .skip 4096
level2_boot:    .skip 4096
level2_image:   .skip 4096
level3_image:   .skip 8192
