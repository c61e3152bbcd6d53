// SPDX-License-Identifier: Apache-2.0
// Keeps one watchdog quiet for longer than it waits, and then lets it bark.
#include "guest.h"
#include <xen/sched.h>

enum { NANOSECOND = 1, SECOND = 1000000000 * NANOSECOND };

static long watchdog(uint32_t id, uint32_t seconds) {
    struct sched_watchdog argument = { .id = id, .timeout = seconds };
    return hypercall(__HYPERVISOR_sched_op, SCHEDOP_watchdog, (unsigned long)&argument, 0);
}

static void spin(uint64_t nanoseconds) {
    uint64_t start = machine_ticks();
    while (machine_instructions(machine_ticks() - start) < nanoseconds) {}
}

void guest_main(uint64_t boot_ticks) {
    (void)boot_ticks;
    long id = watchdog(0, 2);
    if (id != 1) fail("watchdog", id);
    for (int turn = 0; turn < 4; turn++) {
        spin(SECOND);
        long code = watchdog(1, 2);
        if (code) fail("poke", code);
    }
    say("poked for 4 seconds\n");
    spin(10ull * SECOND);
    say("nobody barked\n");
    for (;;) {}
}
