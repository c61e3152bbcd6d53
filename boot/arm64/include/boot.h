// SPDX-License-Identifier: Apache-2.0
// The symbols of boot/ and of the linker script that Swift asks for: addresses, never values.
#pragma once
#include <stdint.h>

extern char _start[], _text_end[], _rodata_end[], _image_end[], _boot_stack_top[];
extern char arm64_level0[], level1_image[], arm64_secondary_entry[], arm64_spin_entry[], arm64_spin_argument[];

// EFI's memory map as its firmware left it; no bytes where the image was not entered by EFI firmware.
const void *_Nonnull boot_efi_map(void);
uint64_t boot_efi_map_size(void);
uint64_t boot_efi_descriptor_size(void);
// entry.S: goes on at primary_entry of the image at `place`.
_Noreturn void efi_leave(uint64_t tree, uint64_t place, uint64_t size);

static inline uint64_t boot_image_start(void) { return (uint64_t)_start; }
static inline uint64_t boot_image_end(void) { return (uint64_t)_image_end; }
static inline uint64_t boot_text_end(void) { return (uint64_t)_text_end; }
static inline uint64_t boot_rodata_end(void) { return (uint64_t)_rodata_end; }
// The root of the first page tables.
static inline uint64_t boot_table_root(void) { return (uint64_t)arm64_level0; }
static inline uint64_t boot_level1_image(void) { return (uint64_t)level1_image; }
static inline uint64_t boot_spin_entry(void) { return (uint64_t)arm64_spin_entry; }
static inline uint64_t boot_spin_argument(void) { return (uint64_t)arm64_spin_argument; }
static inline uint64_t boot_secondary_entry(void) { return (uint64_t)arm64_secondary_entry; }
