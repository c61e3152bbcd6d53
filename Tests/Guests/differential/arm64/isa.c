// SPDX-License-Identifier: Apache-2.0
// What only AArch64 has: nothing that a hypercall does not show.
#include "cases.h"

void isa_cases(void) {}
