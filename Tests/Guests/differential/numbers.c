// SPDX-License-Identifier: Apache-2.0
// Every hypercall number, and every operation's number, with arguments that no operation can take.
#include "cases.h"

static void operations(const char *name, unsigned long number, unsigned long first, unsigned long end_of_range, unsigned long skipped) {
    operation(name);
    for (unsigned long op = first; op < end_of_range; op++)
        if (op != skipped) tell(numbered("no argument, operation ", op), hypercall(number, op, 0, 0));
    tell("operation 2^32-1", hypercall(number, ~0u, 0, 0));
    tell("operation 2^63", hypercall(number, POWER(63) | 63, 0, 0));
}

void number_cases(void) {
    operations("event_channel_op", __HYPERVISOR_event_channel_op, 0, 32, ~0ul);
    operations("grant_table_op", __HYPERVISOR_grant_table_op, 0, 32, ~0ul);
    operations("memory_op", __HYPERVISOR_memory_op, 0, 64, ~0ul);
    operations("sched_op", __HYPERVISOR_sched_op, 2, 16, ~0ul);
    static const uint8_t told_before[] = {
        __HYPERVISOR_event_channel_op, __HYPERVISOR_grant_table_op, __HYPERVISOR_memory_op, __HYPERVISOR_sched_op,
    };
    operation("hypercall");
    for (unsigned long number = 0; number < 72; number++) {
        int skip = 0;
        for (unsigned i = 0; i < COUNT(told_before); i++) skip |= number == told_before[i];
        if (!skip) tell(numbered("number ", number), hypercall(number, ~0ul, ~0ul, ~0ul));
    }
    tell("number 2^32-1", hypercall(~0u, 0, 0, 0));
    tell("number 2^63", hypercall(POWER(63), 0, 0, 0));
    tell("number 2^32 and a good one", hypercall(POWER(32) | __HYPERVISOR_xen_version, 0, 0, 0));
}
