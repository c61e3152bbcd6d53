// SPDX-License-Identifier: Apache-2.0
// The symbols of boot/ and of the linker script that Swift asks for: addresses, never values.
#pragma once
#include <stdint.h>

extern char _start[], _text_end[], _rodata_end[], _image_end[];
extern char arm32_level1[], arm32_secondary_entry[];

static inline uint64_t boot_image_start(void) { return (uintptr_t)_start; }
static inline uint64_t boot_image_end(void) { return (uintptr_t)_image_end; }
static inline uint64_t boot_text_end(void) { return (uintptr_t)_text_end; }
static inline uint64_t boot_rodata_end(void) { return (uintptr_t)_rodata_end; }
// The root of the first page tables.
static inline uint64_t boot_table_root(void) { return (uintptr_t)arm32_level1; }
static inline uint64_t boot_secondary_entry(void) { return (uintptr_t)arm32_secondary_entry; }
