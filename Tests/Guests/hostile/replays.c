// SPDX-License-Identifier: Apache-2.0
// What an unprivileged domain could once do to its hypervisor, each with the answer that is right. The numbers are those of
// docs/advisories.md.
#include "hostile.h"
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

enum { FIRST = FIRST_GRANT, SPARSE = 1024, SPARSE_SHIFT = 9, ROUNDS = 300, WRONG = -1000 };

char area[AREA][PAGE] __attribute__((aligned(PAGE)));
static struct grant_entry_v1 table[PAGE / sizeof(struct grant_entry_v1)] __attribute__((aligned(PAGE)));

static void grants_start(void) {
    struct xen_add_to_physmap place = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = (unsigned long)table / PAGE };
    memory_operation("grant table", XENMEM_add_to_physmap, &place, 0);
}

static domid_t own_number(void) {
    // Nothing tells a domain its number but the answer of who is asked about oneself.
    struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (unsigned long)&unbound, 0);
    struct evtchn_status status = { .dom = DOMID_SELF, .port = unbound.port };
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (unsigned long)&status, 0);
    return status.u.unbound.dom;
}

struct gnttab_map_grant_ref map(unsigned ref, unsigned long address, unsigned flags) {
    struct gnttab_map_grant_ref operation = { .host_addr = address, .flags = GNTMAP_host_map | flags, .ref = ref, .dom = own_number() };
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (unsigned long)&operation, 1);
    return operation;
}

int unmap(grant_handle_t handle, unsigned long address) {
    struct gnttab_unmap_grant_ref operation = { .host_addr = address, .handle = handle };
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (unsigned long)&operation, 1);
    return operation.status;
}

void grant(unsigned ref, void *page) {
    table[ref].domid = own_number();
    table[ref].frame = (unsigned long)page / PAGE;
    __atomic_store_n(&table[ref].flags, GTF_permit_access, __ATOMIC_RELEASE);
}

// 1: a handle that is ended with an address where nothing is leaves a mapping without a pin.
static long unmap_elsewhere(void) {
    grants_start();
    grant(FIRST, area[0]);
    struct gnttab_map_grant_ref mapped = map(FIRST, FAR, 0);
    if (mapped.status) return WRONG + mapped.status;
    long status = unmap(mapped.handle, FAR + PAGE);
    if (!(table[FIRST].flags & (GTF_reading | GTF_writing))) return WRONG - 1;
    if (unmap(mapped.handle, FAR)) return WRONG - 2;
    return status;
}

// 1: a writable mapping that outlives its pin, for a handle that was ended by another mapping's address.
static long unmap_another(void) {
    struct gnttab_map_grant_ref first = map(FIRST, FAR, 0), second = map(FIRST, FAR + PAGE, GNTMAP_readonly);
    if (first.status || second.status) return WRONG;
    long status = unmap(first.handle, FAR + PAGE);
    if (unmap(first.handle, FAR) || unmap(second.handle, FAR + PAGE)) return WRONG - 2;
    return status;
}

// 3
static long much_text(void) { return hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 0xffffffff, (unsigned long)area); }

long change(int operation, unsigned long frame) {
    xen_pfn_t list = frame;
    struct xen_memory_reservation reservation = { .nr_extents = 1, .domid = DOMID_SELF };
    set_xen_guest_handle(reservation.extent_start, &list);
    return hypercall(__HYPERVISOR_memory_op, operation, (unsigned long)&reservation, 0);
}

static volatile int stop;

static void interfere(unsigned vcpu) {
    static struct evtchn_init_control control = { .control_gfn = ~0ull >> 12 };
    static struct vcpu_register_vcpu_info information = { .mfn = ~0ull >> 12 };
    while (!stop) {
        if (vcpu == 1) {
            isa_interfere();
        } else {
            hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, (unsigned long)&control, 0);
            hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 2, (unsigned long)&information);
        }
    }
    for (;;) hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}

// 4: three vCPUs that want each other's locks.
static long three_vcpus(void) {
    others_start(interfere);
    long changed = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        changed += change(XENMEM_decrease_reservation, (unsigned long)area[1 + i % 16] / PAGE);
        changed += change(XENMEM_populate_physmap, (unsigned long)area[1 + i % 16] / PAGE);
    }
    stop = 1;
    return changed - 2 * ROUNDS;
}

// 8: a page here and there, given back again, leaves no tables behind. The page comes from this domain's own.
static long sparse_memory(void) {
    if (change(XENMEM_decrease_reservation, (unsigned long)area[20] / PAGE) != 1) return WRONG;
    unsigned long there = 0;
    for (unsigned long i = 0; i < SPARSE; i++) {
        unsigned long frame = (FAR / 2 / PAGE) + (i << SPARSE_SHIFT);
        if (change(XENMEM_populate_physmap, frame) != 1) return WRONG - (long)i;
        there += change(XENMEM_decrease_reservation, frame);
    }
    if (change(XENMEM_populate_physmap, (unsigned long)area[20] / PAGE) != 1) return WRONG;
    return there - SPARSE;
}

// 9: every second page.
static long every_second(void) {
    long changed = 0;
    const unsigned end = AREA - demanded_pages;
    for (unsigned i = 32; i < end; i += 2) changed += change(XENMEM_decrease_reservation, (unsigned long)area[i] / PAGE);
    for (unsigned i = 32; i < end; i += 2) changed += change(XENMEM_populate_physmap, (unsigned long)area[i] / PAGE);
    return changed - (end - 32);
}

// 10: the hole of a structure that is written in two pieces.
static long hole_of_runstate(void) {
    struct vcpu_runstate_info *information = (void *)(area[4] - 12);
    for (unsigned i = 0; i < sizeof(*information); i++) ((volatile char *)information)[i] = 0;
    struct vcpu_register_runstate_memory_area where = { .addr.p = (uint64_t)(unsigned long)information };
    long code = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, (unsigned long)&where);
    if (code) return code;
    for (unsigned i = 0; i < 100; i++) hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    return ((volatile uint32_t *)information)[1];
}

// 13
static long command_line(void) {
    static char text[1024];
    long code = hypercall(__HYPERVISOR_xen_version, XENVER_commandline, (unsigned long)text, 0);
    return code ? code : text[0];
}

// 14: a poll that is to end near the end of time goes on until its port has something; this one has it already.
static long poll_for_ever(void) {
    struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    event_operation("alloc_unbound", EVTCHNOP_alloc_unbound, &unbound);
    struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF, .remote_port = unbound.port };
    event_operation("bind_interdomain", EVTCHNOP_bind_interdomain, &bind);
    events_mask(unbound.port);
    struct evtchn_send send = { .port = bind.local_port };
    event_operation("send", EVTCHNOP_send, &send);
    struct sched_poll poll = { .nr_ports = 1, .timeout = ~0ull - 1 };
    set_xen_guest_handle(poll.ports, &unbound.port);
    return hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (unsigned long)&poll, 0);
}

// 15: nothing is there.
static long pointer_to_nowhere(void) {
    long code = 0;
    for (unsigned i = 0; i < 1000; i++) code = hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, FAR + 8 * PAGE, 0);
    return code;
}

const struct replay replays[] = {
    { "unmapping a grant where nothing is", unmap_elsewhere, GNTST_general_error },
    { "unmapping a grant where another is", unmap_another, GNTST_general_error },
    { "4 GiB of text for the console", much_text, -1 },
    { "three vCPUs and their locks", three_vcpus, 0 },
    { "memory here and there", sparse_memory, 0 },
    { "every second page", every_second, 0 },
    { "the hole of a runstate", hole_of_runstate, 0 },
    { "the command line", command_line, '<' },
    { "a poll for ever", poll_for_ever, 0 },
    { "a pointer to nowhere", pointer_to_nowhere, -14 },
    { 0 },
};

static unsigned run(const struct replay *list, unsigned number) {
    for (; list->name; list++, number++) {
        report_page.report.started = number;
        report_page.report.results[number] = list->run();
    }
    return number;
}

void demand_run(void) {
    copy_start();
    for (unsigned i = 0; i < demanded_pages; i++)
        hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, (unsigned long)area[AREA - 1 - i], 0);
    report_page.report.done = 1;
    for (;;) hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}

void replays_run(void) {
    copy_start();
    events_start();
    run(isa_replays, run(replays, 0));
    report_page.report.done = 1;
    for (;;) hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}
