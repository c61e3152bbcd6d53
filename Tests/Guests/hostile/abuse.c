// SPDX-License-Identifier: Apache-2.0
// Hypercalls with arguments that make half sense, on every vCPU at once. The same seed does the same on one vCPU; how the three come
// between each other is chance.
#include "hostile.h"
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

enum { OPERATIONS = 5000, WORDS = 64, LARGEST = 31, LONGEST = 40 };

// What is called: a hypercall, and how many sub-operations it is given.
static const struct { uint8_t number, operations; } targets[] = {
    { __HYPERVISOR_memory_op, 32 }, { __HYPERVISOR_memory_op, 32 },
    { __HYPERVISOR_grant_table_op, 16 }, { __HYPERVISOR_grant_table_op, 16 },
    { __HYPERVISOR_event_channel_op, 16 }, { __HYPERVISOR_event_channel_op, 16 },
    { __HYPERVISOR_vcpu_op, 16 }, { __HYPERVISOR_xen_version, 12 },
    { __HYPERVISOR_hvm_op, 26 }, { __HYPERVISOR_physdev_op, 32 }, { __HYPERVISOR_console_io, 3 }, { __HYPERVISOR_multicall, 4 },
    { __HYPERVISOR_domctl, 4 }, { __HYPERVISOR_sysctl, 4 }, { __HYPERVISOR_sched_op, 9 }, { __HYPERVISOR_set_timer_op, 4 }, { __HYPERVISOR_dm_op, 4 },
};

static uint64_t states[VCPUS];
// More than any list of `LONGEST` takes: the answers in it are the hypervisor's to write.
static unsigned long arguments[VCPUS][PAGE / sizeof(long)] __attribute__((aligned(PAGE)));

static uint64_t next(unsigned vcpu) {
    uint64_t x = states[vcpu];
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return states[vcpu] = x;
}

static unsigned below(unsigned vcpu, unsigned end) { return (uint32_t)(next(vcpu) >> 16) % end; }

// A word that some operation could take for something: small, a page to play with, its frame, a domain, all ones.
static unsigned long some_word(unsigned vcpu) {
    switch (below(vcpu, 10)) {
    case 0: return below(vcpu, 8);
    case 1: return below(vcpu, 2048);
    case 2: case 3: return (unsigned long)area[below(vcpu, AREA)] / PAGE;
    case 4: return (unsigned long)area[below(vcpu, AREA)] + below(vcpu, 2) * below(vcpu, PAGE);
    case 5: return DOMID_SELF | (unsigned long)below(vcpu, 16) << 32;
    case 6: return ~0ul >> below(vcpu, 64);
    case 7: return 1ul << below(vcpu, 64);
    case 8: return (unsigned long)&arguments[vcpu][below(vcpu, WORDS)];
    default: return next(vcpu);
    }
}

// None that end the caller by intent, or put it to sleep for longer than a poll.
static int is_suicide(unsigned number, unsigned long operation) {
    if (number == __HYPERVISOR_sched_op) return operation != SCHEDOP_yield && operation != SCHEDOP_poll;
    // An NMI finds no descriptors on a vCPU that VCPUOP_initialise has made.
    return number == __HYPERVISOR_vcpu_op &&
        (operation == VCPUOP_down || operation == VCPUOP_initialise || operation == VCPUOP_send_nmi);
}

// The pages that the code stands in are not given back.
static void tame(unsigned number, unsigned long operation, unsigned vcpu) {
    if (number != __HYPERVISOR_memory_op) return;
    struct xen_memory_reservation *reservation = (void *)arguments[vcpu];
    if (operation == XENMEM_decrease_reservation || operation == XENMEM_populate_physmap || operation == XENMEM_exchange) {
        reservation->nr_extents = below(vcpu, 8);
        reservation->extent_order = below(vcpu, 16) ? 0 : below(vcpu, 20);
        xen_pfn_t *frames = (xen_pfn_t *)&arguments[vcpu][LARGEST];
        for (unsigned i = 0; i < 8; i++) frames[i] = (unsigned long)area[below(vcpu, AREA)] / PAGE;
        set_xen_guest_handle(reservation->extent_start, frames);
        reservation->domid = DOMID_SELF;
    }
}

// A poll that nobody ends would take this vCPU away.
static void shorten_poll(unsigned vcpu) {
    struct sched_poll *poll = (void *)arguments[vcpu];
    poll->timeout = 1;
}

static void call(unsigned vcpu, unsigned number, unsigned long operation, unsigned long pointer) {
    unsigned long count = number == __HYPERVISOR_grant_table_op || below(vcpu, 10) ? below(vcpu, LONGEST) : some_word(vcpu);
    switch (number) {
    case __HYPERVISOR_multicall: hypercall(number, pointer, below(vcpu, 4), 0); break;
    case __HYPERVISOR_vcpu_op: hypercall(number, operation, below(vcpu, VCPUS + 1), pointer); break;
    case __HYPERVISOR_domctl: case __HYPERVISOR_sysctl: hypercall(number, pointer, 0, 0); break;
    // Now and then as if it had been begun before.
    default: hypercall(number, operation | (below(vcpu, 50) ? 0 : next(vcpu)), pointer, count);
    }
}

static void one(unsigned vcpu) {
    for (unsigned i = 0; i < WORDS; i++) if (below(vcpu, 3)) arguments[vcpu][i] = some_word(vcpu);
    unsigned which = below(vcpu, sizeof(targets) / sizeof(*targets));
    unsigned number = targets[which].number;
    unsigned long operation = below(vcpu, targets[which].operations);
    if (number == __HYPERVISOR_vcpu_op && operation >= 8) operation = below(vcpu, 16);
    if (is_suicide(number, operation)) return;
    tame(number, operation, vcpu);
    if (number == __HYPERVISOR_sched_op && operation == SCHEDOP_poll) shorten_poll(vcpu);
    // Where it stands is told, for whoever looks at a domain that goes no further.
    report_page.report.results[vcpu] = (int64_t)((uint64_t)number << 32 | operation);
    unsigned long pointer = number == __HYPERVISOR_sched_op || below(vcpu, 8) ? (unsigned long)arguments[vcpu] : some_word(vcpu);
    call(vcpu, number, operation, pointer);
    report_page.report.results[vcpu] = 0;
    report_page.report.operations[vcpu]++;
}

static volatile unsigned ended[VCPUS];

static void abuse(unsigned vcpu) {
    states[vcpu] = 0x9e3779b97f4a7c15ull * (orders.seed * VCPUS + vcpu + 1);
    for (unsigned i = 0; i < OPERATIONS; i++) one(vcpu);
    ended[vcpu] = 1;
    for (;;) {
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
        if (vcpu) continue;
        unsigned left = 0;
        for (unsigned i = 0; i < VCPUS; i++) left += !ended[i];
        if (!left) report_page.report.done = 1;
    }
}

void abuse_run(void) {
    copy_start();
    others_start(abuse);
    abuse(0);
}
