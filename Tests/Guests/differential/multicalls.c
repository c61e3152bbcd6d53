// SPDX-License-Identifier: Apache-2.0
#include "cases.h"
#include <xen/event_channel.h>
#include <xen/version.h>

static struct multicall_entry calls[40] PAGE_ALIGNED;

static long ask(const void *list, unsigned long count) {
    return hypercall(__HYPERVISOR_multicall, (unsigned long)list, count, 0);
}

static void tell_calls(const char *name, long code, unsigned count) {
    told(name, code);
    for (unsigned i = 0; i < count; i++) field("result", calls[i].result);
    end();
}

static void prepare(unsigned index, unsigned long op, unsigned long first) {
    calls[index] = (struct multicall_entry){ .op = op, .result = 99, .args = { first } };
}

void multicall_cases(void) {
    operation("multicall");
    prepare(0, __HYPERVISOR_xen_version, XENVER_version);
    prepare(1, __HYPERVISOR_xen_version, 99);
    prepare(2, __HYPERVISOR_xen_version, XENVER_pagesize);
    tell_calls("three calls", ask(calls, 3), 3);
    prepare(0, 63, 0);
    prepare(1, 1000, 0);
    prepare(2, ~0ul, 0);
    tell_calls("numbers that there are not", ask(calls, 3), 3);
    prepare(0, __HYPERVISOR_multicall, 0);
    prepare(1, __HYPERVISOR_xen_version, XENVER_version);
    tell_calls("in a multicall", ask(calls, 2), 2);
    prepare(0, POWER(32) | __HYPERVISOR_xen_version, XENVER_version);
    tell_calls("a number above 2^32", ask(calls, 1), 1);
    tell("no calls", ask(calls, 0));
    tell("no calls, where nothing is", ask((void *)HOLE, 0));
    tell("2^32-1 calls where nothing is", ask((void *)HOLE, ~0u));
    tell("2^63 calls: the upper half of a count is not looked at", ask((void *)HOLE, POWER(63)));
    prepare(0, __HYPERVISOR_xen_version, XENVER_version);
    sweep(&(struct call){ .number = __HYPERVISOR_multicall, .position = 0, .before = { 0, 1 },
        .structure = calls, .size = sizeof(calls[0]), .copied_back = 1 });
}
