// SPDX-License-Identifier: Apache-2.0
// The longest that an interrupt waits while the hypervisor is busy for a guest, in instructions. Boot it as dom0 under -icount shift=0.
#include "waits.h"
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/version.h>

enum { MOMENTS = 16, CALLS = 2048, LINE = 64, TEXT = 16384 };

static struct multicall_entry calls[CALLS];
static char text[TEXT];

static void many_calls(void) { must_be("multicall", hypercall(__HYPERVISOR_multicall, (unsigned long)calls, CALLS, 0), 0); }

static void many_calls_prepare(void) {
    for (unsigned i = 0; i < CALLS; i++) calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } };
}

static void much_text(void) { must_be("console", hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, TEXT, (unsigned long)text), 0); }

static void much_text_prepare(void) {
    for (unsigned i = 0; i < TEXT; i++) text[i] = i % LINE == LINE - 1 ? '\n' : '.';
}

static const struct wait waits[] = {
    { "multicall of 2,048", many_calls, many_calls_prepare },
    { "console write of 16 KiB", much_text, much_text_prepare },
    { "decrease_reservation of 2,048 pages", give_pages_back, 0, populate_pages },
    { "populate_physmap of 2,048 pages", populate_pages, give_pages_back },
    { "decrease_reservation of 4 x 2 MiB", give_large_back, 0, populate_large },
    { "populate_physmap of 4 x 2 MiB", populate_large, give_large_back },
    { "map of 512 grants", grants_map, grants_prepare, grants_unmap },
    { "unmap of 512 grants", grants_unmap, grants_map },
    { "copy of 512 grants", grants_copy },
    { "event channel reset, 1,000 ports", other_reset_events, other_make, other_destroy },
    { "foreign mapping of 1,024 pages", other_show, other_make, other_hide },
    { "destruction, 4,096 pages and 1,000 ports", other_destroy, other_make },
    { "destruction, 200 pages 2 MiB apart", other_destroy, other_make_sparse },
};

static uint64_t longest(const struct wait *row) {
    uint64_t most = 0, whole = 0;
    for (unsigned moment = 0; moment <= MOMENTS; moment++) {
        if (row->prepare) row->prepare();
        unsigned long before = handled[TIMER];
        uint64_t start = machine_ticks(), due = 0;
        if (moment) due = machine_set_timer(whole * (moment - 1) / MOMENTS);
        row->once();
        if (!moment) whole = machine_ticks() - start;
        else wait_for(TIMER, before);
        if (moment && timer_taken - due > most) most = timer_taken - due;
        if (row->finish) row->finish();
    }
    return machine_instructions(most);
}

static void report(const struct wait *row) {
    uint64_t instructions = longest(row);
    say("bench: longest wait, ");
    say(row->name);
    say(": ");
    say_number(instructions);
    say("\n");
}

void guest_main(uint64_t boot_ticks) {
    (void)boot_ticks;
    machine_start();
    events_start();
    machine_interrupts(1);
    for (const struct wait *row = waits; row < waits + sizeof(waits) / sizeof(*waits); row++) report(row);
    for (const struct wait *row = isa_waits; row->name; row++) report(row);
    say("bench done\n");
    struct sched_shutdown off = { .reason = SHUTDOWN_poweroff };
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&off, 0);
}
