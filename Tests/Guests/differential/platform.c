// SPDX-License-Identifier: Apache-2.0
// platform_op: its commands with nothing in them, and the clock.
#include "cases.h"
#include <xen/platform.h>

static long ask(struct xen_platform_op *op) { return hypercall(__HYPERVISOR_platform_op, (unsigned long)op, 0, 0); }

void platform_cases(void) {
    operation("platform_op");
    for (unsigned command = 0; command < 72; command++) {
        if (command == XENPF_settime64) continue;
        struct xen_platform_op op = { .cmd = command, .interface_version = XENPF_INTERFACE_VERSION };
        tell(numbered("empty, command ", command), ask(&op));
    }
    struct xen_platform_op old = { .cmd = XENPF_settime64, .interface_version = XENPF_INTERFACE_VERSION - 1 };
    tell("another interface", ask(&old));
    operation("XENPF_settime64");
    struct xen_platform_op time = { .cmd = XENPF_settime64, .interface_version = XENPF_INTERFACE_VERSION,
        .u.settime64 = { .secs = 1700000000, .nsecs = 5 } };
    tell("good", ask(&time));
    time.u.settime64.nsecs = ~0u;
    tell("2^32-1 ns", ask(&time));
    time.u.settime64.mbz = 1;
    tell("what must be zero is not", ask(&time));
    sweep(&(struct call){ .number = __HYPERVISOR_platform_op, .position = 0, .structure = &time, .size = sizeof(time) });
}
