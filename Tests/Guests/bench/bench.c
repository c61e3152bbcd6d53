// SPDX-License-Identifier: Apache-2.0
// Costs of what a guest asks of its hypervisor, in instructions. Boot it as dom0 under -icount shift=0.
#define __XEN_TOOLS__ 1
#include "bench.h"
#include "domains.h"
#include <xen/sched.h>
#include <xen/version.h>

enum { BATCHES = 8, ROUNDS = 500 };
enum { LOAD_PORTS = 20000, LOAD_GRANTS = 4000, LOAD_DOMAINS = 50 };

static void nothing(void) {}

static void null_hypercall(void) { hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0); }

static void self_interrupt(void) {
    unsigned long before = handled[SELF_INTERRUPT];
    machine_interrupt_self();
    wait_for(SELF_INTERRUPT, before);
}

void timer_interrupt(void) {
    unsigned long before = handled[TIMER];
    machine_fire_timer();
    wait_for(TIMER, before);
}

static void event_to_self(void) {
    unsigned long before = handled[EVENT];
    events_send_to_self();
    wait_for(EVENT, before);
}

static unsigned long events_before;

void leave_upcall_pending(void) {
    events_before = handled[EVENT];
    machine_interrupts(0);
    events_send_to_self();
}

void take_upcall(void) {
    machine_interrupts(1);
    wait_for(EVENT, events_before);
}

static const struct benchmark benchmarks[] = {
    { "null hypercall", null_hypercall },
    { "null hypercall, upcall pending", null_hypercall, leave_upcall_pending, take_upcall },
    { "software interrupt to self", self_interrupt },
    { "event to self, 2-level", event_to_self },
    { "event send masked, 2-level", masked_send, masked_port_open, masked_port_close },
    { "alloc_unbound, bind, close, close, 2-level", open_and_close },
    { "event to self, FIFO", event_to_self, events_use_fifo, .under_load = 1 },
    { "event send masked, FIFO", masked_send, masked_port_open, masked_port_close, .under_load = 1 },
    { "alloc_unbound, bind, close, close, FIFO", open_and_close, .under_load = 1 },
    { "grant map and unmap", grant_map_unmap, grants_start, grants_finish, .under_load = 1 },
    { "grant map and unmap, of 32", grant_map_unmap_batch, grants_start, grants_finish, BATCH, .under_load = 1, .rounds = 50 },
    { "grant copy of 4 KiB", grant_copy, grants_start, grants_finish, .under_load = 1 },
    { "grant copy of 4 KiB, of 32", grant_copy_batch, grants_start, grants_finish, BATCH, .under_load = 1 },
    { "decrease and populate one page", decrease_populate, .under_load = 1 },
    { "add_to_physmap, remove_from_physmap", add_remove, .under_load = 1 },
    { "call of a multicall of 32", multicall, multicall_prepare, .operations = BATCH, .under_load = 1 },
};

// Ticks of one batch; the least of several, so that the hypervisor's own timers do not count.
static uint64_t least_ticks(void (*once)(void), unsigned rounds) {
    uint64_t least = UINT64_MAX;
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = machine_ticks();
        for (unsigned round = 0; round < rounds; round++) once();
        uint64_t ticks = machine_ticks() - start;
        if (ticks < least) least = ticks;
    }
    return least;
}

static void report(const char *name, const char *suffix, uint64_t instructions) {
    say("bench: ");
    say(name);
    say(suffix);
    say(": ");
    say_number(instructions);
    say("\n");
}

static void measure(const struct benchmark *row, const char *suffix, uint64_t loop) {
    if (row->ticks) return report(row->name, suffix, (machine_instructions(row->ticks()) + row->operations / 2) / row->operations);
    if (row->prepare) row->prepare();
    unsigned rounds = row->rounds ? row->rounds : ROUNDS;
    uint64_t ticks = least_ticks(row->once, rounds);
    if (row->finish) row->finish();
    unsigned operations = rounds * (row->operations ? row->operations : 1);
    report(row->name, suffix, (machine_instructions(ticks - loop * rounds / ROUNDS) + operations / 2) / operations);
}

static const struct benchmark *const end = benchmarks + sizeof(benchmarks) / sizeof(*benchmarks);

static void measure_again(const char *suffix, uint64_t loop) {
    for (const struct benchmark *row = benchmarks; row < end; row++)
        if (row->under_load) measure(row, suffix, loop);
}

// On Debian's Xen this many ports would take minutes to open: its search for a free one is linear.
static void measure_under_load(uint64_t loop) {
    if (domains_known()) {
        domains_idle(LOAD_DOMAINS);
        measure_again(" (50 idle domains)", loop);
    }
    if (!events_three_levels_known()) return;
    ports_open(LOAD_PORTS);
    grants_map(LOAD_GRANTS);
    measure_again(" (loaded)", loop);
}

void guest_main(uint64_t boot_ticks) {
    machine_start();
    report("boot to the first dom0 instruction", "", machine_since_reset(boot_ticks));
    events_start();
    machine_interrupts(1);
    uint64_t loop = least_ticks(nothing, ROUNDS);
    for (const struct benchmark *row = isa_benchmarks; row->name; row++) measure(row, "", loop);
    for (const struct benchmark *row = benchmarks; row < end; row++) measure(row, "", loop);
    measure_under_load(loop);
    say("bench done\n");
    struct sched_shutdown off = { .reason = SHUTDOWN_poweroff };
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&off, 0);
}
