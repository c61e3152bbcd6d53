// SPDX-License-Identifier: Apache-2.0
// An unprivileged domain does to its hypervisor what was once possible, then whatever comes to its mind, beside a neighbour who checks
// that nothing happens to it. Boot it as dom0, which makes both out of copies of itself.
#define __XEN_TOOLS__ 1
#include "hostile.h"
#include "domains.h"
#include <xen/memory.h>
#include <xen/sched.h>

enum { ABUSERS = 6, SPARE_KIBIBYTES = 8192, CHUNK = 256, PATIENCE = 2000 };

extern char image_start[], data_end[], image_end[], start[];

volatile struct orders orders = { .role = DIRECTOR, .seed = 1 };
union page report_page __attribute__((aligned(PAGE)));

static void rest(void) { hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0); }

// Where a thing of this image's is in a copy.
static unsigned long copy_of(const volatile void *thing) { return hostile_memory + ((unsigned long)thing - (unsigned long)image_start); }

static void populate(domid_t domain, const char *from, const char *to, unsigned flags) {
    static xen_pfn_t frames[CHUNK];
    unsigned long first = copy_of(from) / PAGE, end = (copy_of(to) + PAGE - 1) / PAGE;
    for (; first < end; first += CHUNK) {
        unsigned count = end - first < CHUNK ? end - first : CHUNK;
        for (unsigned i = 0; i < count; i++) frames[i] = first + i;
        struct xen_memory_reservation reservation = { .nr_extents = count, .mem_flags = flags, .domid = domain };
        set_xen_guest_handle(reservation.extent_start, frames);
        memory_operation("populate_physmap", XENMEM_populate_physmap, &reservation, count);
    }
}

// What a copy has for its memory on demand; a demander nothing.
static void set_target(domid_t domain, unsigned frames) {
    struct xen_pod_target target = { .domid = domain };
    memory_operation("get_pod_target", XENMEM_get_pod_target, &target, 0);
    target.target_pages = target.tot_pages + frames;
    memory_operation("set_pod_target", XENMEM_set_pod_target, &target, 0);
}

static void give_memory(domid_t domain, enum role role) {
    const char *demanded = area[AREA - demanded_pages], *end = demanded + demanded_pages * PAGE;
    populate(domain, image_start, demanded, 0);
    populate(domain, end, image_end, 0);
    // A neighbour's memory is to stay.
    populate(domain, demanded, end, role == NEIGHBOUR ? 0 : XENMEMF_populate_on_demand);
    if (demanded_pages && role != NEIGHBOUR && role != DEMANDER) set_target(domain, demanded_frames);
}

static void copy_image(domid_t domain) {
    for (char *from = image_start; from < data_end; from += PAGE) {
        volatile uint32_t *to = domain_show(domain, copy_of(from) / PAGE);
        for (unsigned i = 0; i < PAGE / sizeof(*to); i++) to[i] = ((uint32_t *)from)[i];
        domain_hide();
    }
}

static void give_orders(domid_t domain, enum role role, unsigned seed) {
    volatile uint32_t *page = domain_show(domain, copy_of(&orders) / PAGE);
    volatile struct orders *there = (void *)((unsigned long)page + copy_of(&orders) % PAGE);
    there->role = role;
    there->seed = seed;
    domain_hide();
}

static domid_t make(enum role role, unsigned seed) {
    domid_t domain = domain_make_with(VCPUS);
    struct xen_domctl operation = { .u.max_mem.max_memkb =
        ((unsigned long)image_end - (unsigned long)image_start) / 1024 + SPARE_KIBIBYTES };
    must_be("max_mem", domctl(XEN_DOMCTL_max_mem, domain, &operation), 0);
    give_memory(domain, role);
    copy_image(domain);
    give_orders(domain, role, seed);
    domain_start(domain, copy_of(start));
    return domain;
}

// What a domain tells, copied so that it is not held.
static void look_at(domid_t domain, struct report *report) {
    volatile uint32_t *page = domain_show(domain, copy_of(&report_page) / PAGE);
    for (unsigned i = 0; i < sizeof(*report) / sizeof(uint32_t); i++) ((uint32_t *)report)[i] = page[i];
    domain_hide();
}

static int is_dead(domid_t domain) {
    struct xen_domctl operation = {};
    must_be("getdomaininfo", domctl(XEN_DOMCTL_getdomaininfo, domain, &operation), 0);
    return (operation.u.getdomaininfo.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)) != 0;
}

enum end { DONE, DEAD, STUCK };

// A domain may take its own code away, and then does nothing but take exceptions. What it must not do is stay in a hypercall.
static enum end wait_until_done(domid_t domain, struct report *report) {
    uint64_t before = 0;
    for (unsigned looks = 0; looks < PATIENCE; looks++) {
        if (is_dead(domain)) return DEAD;
        look_at(domain, report);
        if (report->done) return DONE;
        uint64_t now = report->started + report->operations[0] + report->operations[1] + report->operations[2];
        if (now != before) looks = 0;
        before = now;
        for (unsigned i = 0; i < 100; i++) rest();
    }
    return STUCK;
}

static void told(const char *what, uint64_t number) {
    say("hostile: ");
    say(what);
    say(": ");
    say_number(number);
    say("\n");
}

static unsigned judge(const struct replay *list, unsigned number, const struct report *report) {
    for (; list->name; list++, number++) {
        if (report->results[number] != list->expected) fail(list->name, report->results[number]);
        say("hostile: ");
        say(list->name);
        say(": as it should be\n");
    }
    return number;
}

static void replay_all(void) {
    static struct report report;
    domid_t domain = make(REPLAYER, 1);
    if (wait_until_done(domain, &report) != DONE) fail("the replaying domain died after replay", report.started);
    judge(isa_replays, judge(replays, 0, &report), &report);
    domain_destroy(domain);
}

static void abuse_all(void) {
    static const char *const ends[] = {
        "random operations", "random operations, and it died", "random operations, and it goes no further" };
    static struct report report;
    uint64_t operations = 0, died = 0;
    for (unsigned seed = 1; seed <= ABUSERS; seed++) {
        domid_t domain = make(ABUSER, seed);
        enum end end = wait_until_done(domain, &report);
        for (unsigned i = 0; i < VCPUS; i++) operations += report.operations[i];
        told(ends[end], operations);
        for (unsigned i = 0; end == STUCK && i < VCPUS; i++) told("a vCPU stands at", report.results[i]);
        died += end != DONE;
        domain_destroy(domain);
    }
    told("domains that ended over them", died);
}

// 15: who touches memory on demand that there is nothing for is at his end, in a hypercall too.
static void demand(void) {
    static struct report report;
    domid_t domain = make(DEMANDER, 1);
    if (wait_until_done(domain, &report) != DEAD) fail("a domain goes on without the memory that it has touched", report.done);
    say("hostile: memory that there is not: as it should be\n");
    domain_destroy(domain);
}

static void wait_for_rounds(domid_t neighbour, struct report *report, uint64_t rounds) {
    do {
        if (is_dead(neighbour)) fail("the neighbour is dead after rounds", report->rounds);
        look_at(neighbour, report);
        rest();
    } while (report->rounds < rounds);
}

static void direct(void) {
    static struct report before, after;
    machine_start();
    events_start();
    domid_t neighbour = make(NEIGHBOUR, 0);
    wait_for_rounds(neighbour, &before, 2);
    replay_all();
    if (demanded_pages) demand();
    abuse_all();
    look_at(neighbour, &before);
    wait_for_rounds(neighbour, &after, before.rounds + 2);
    if (after.faults) fail("the neighbour's memory has changed, words", after.faults);
    told("rounds of the neighbour", after.rounds);
    domain_destroy(neighbour);
    say("hostile done\n");
    struct sched_shutdown off = { .reason = SHUTDOWN_poweroff };
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&off, 0);
}

void guest_main(uint64_t boot_ticks) {
    (void)boot_ticks;
    switch (orders.role) {
    case NEIGHBOUR: neighbour_run(); break;
    case REPLAYER: replays_run(); break;
    case ABUSER: abuse_run(); break;
    case DEMANDER: demand_run(); break;
    default: direct();
    }
}
