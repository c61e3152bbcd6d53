// SPDX-License-Identifier: Apache-2.0
// The symbols of boot/ and of the linker script that Swift asks for: addresses, never values.
#pragma once
#include <stdint.h>

extern char _start[], _text_end[], _rodata_end[], _image_end[], _boot_slot[];
extern char x86_host_table[], x86_trampoline[], x86_trampoline_end[], x86_secondary_entry[];

// Where the loader came from.
#define BOOT_MULTIBOOT1     1
#define BOOT_MULTIBOOT2     2
#define BOOT_PVH            3

static inline uint64_t boot_image_start(void) { return (uint64_t)_start; }
static inline uint64_t boot_image_end(void) { return (uint64_t)_image_end; }
static inline uint64_t boot_text_end(void) { return (uint64_t)_text_end; }
static inline uint64_t boot_rodata_end(void) { return (uint64_t)_rodata_end; }
// The boot CPU's slot of stack and tables.
static inline uint64_t boot_slot(void) { return (uint64_t)_boot_slot; }
// PML4 that Swift starts with.
static inline uint64_t boot_host_table(void) { return (uint64_t)x86_host_table; }
static inline uint64_t boot_trampoline(void) { return (uint64_t)x86_trampoline; }
static inline uint64_t boot_trampoline_size(void) { return (uint64_t)(x86_trampoline_end - x86_trampoline); }
static inline uint64_t boot_secondary_entry(void) { return (uint64_t)x86_secondary_entry; }
// Copies `bytes` bytes of the image from one place to the other, both in the direct map, and goes on in the address space of
// `table`, in which the image is at the other.
void boot_move_image(uint64_t to, uint64_t from, uint64_t bytes, uint64_t table);
