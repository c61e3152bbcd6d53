// SPDX-License-Identifier: Apache-2.0
// Static storage, and what the stack protector calls.
#include <stddef.h>
#include <stdint.h>

#include "boot_common.h"

// entry.S mixes the counter in before any C or Swift runs.
uintptr_t __stack_chk_guard = 0x0a0d0000;

_Noreturn void xen_stack_smashed(void);
_Noreturn void __stack_chk_fail(void) { xen_stack_smashed(); }

#define POOL_FRAMES 128
static char pool[POOL_FRAMES][4096] __attribute__((aligned(4096)));
static unsigned pool_used;

uint64_t boot_pool_take(void) { return pool_used < POOL_FRAMES ? (uint64_t)(uintptr_t)pool[pool_used++] : 0; }

char _boot_root[BOOT_ROOT_SIZE] __attribute__((aligned(64)));
