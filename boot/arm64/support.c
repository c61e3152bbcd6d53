// SPDX-License-Identifier: Apache-2.0
// What compiled code calls of its own accord.
#include <stddef.h>
#include <stdint.h>

uintptr_t __stack_chk_guard = 0x00000aff0a0d0000;

_Noreturn void xen_stack_smashed(void);
_Noreturn void __stack_chk_fail(void) { xen_stack_smashed(); }
