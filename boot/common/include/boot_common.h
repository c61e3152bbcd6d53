// SPDX-License-Identifier: Apache-2.0
// What every ISA's boot code leaves for Swift.
#pragma once
#include <stdint.h>

// Frames for the first page tables, by address; 0 when the pool is used up. Boot CPU only.
uint64_t boot_pool_take(void);
// Storage of the composition root, zeroed, 64-byte aligned.
#define BOOT_ROOT_SIZE (256 * 1024)
extern char _boot_root[BOOT_ROOT_SIZE];
static inline void *boot_root(void) { return _boot_root; }
static inline uint64_t boot_root_size(void) { return BOOT_ROOT_SIZE; }
// The linker's note of what was linked: a header of 16 bytes, then 20 bytes of identity.
extern const char _build_id[];
static inline const char *boot_build_id(void) { return _build_id + 16; }
// The table of function names (linker/symbols.py).
extern const char _symbols_start[];
static inline const char *boot_symbols(void) { return _symbols_start; }
