// SPDX-License-Identifier: Apache-2.0
// Walks the hypercalls as dom0 and tells what each comes to, so that two hypervisors can be compared line by line.
#include "cases.h"
#include <xen/sched.h>

static void (*const families[])(void) = {
    version_cases, console_cases, event_cases, scheduling_cases, vcpu_cases, parameter_cases, multicall_cases,
    platform_cases, memory_cases, physmap_cases, grant_cases, grant_table_cases, list_cases, exhaustion_cases, fifo_cases, number_cases, isa_cases, domctl_cases, pair_cases,
    fifo_grant_mapping_cases, grant_mapping_cases,
};

void guest_main(uint64_t boot_ticks) {
    (void)boot_ticks;
    machine_start();
    events_start();
    addresses_start();
    for (unsigned i = 0; i < COUNT(families); i++) families[i]();
    say("cases done\n");
    struct sched_shutdown off = { .reason = SHUTDOWN_poweroff };
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&off, 0);
}
