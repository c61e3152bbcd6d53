// SPDX-License-Identifier: Apache-2.0
// The 3-level event-channel ABI from a guest's side: registers it, receives on more ports than the 2-level ABI has, and
// returns by EVTCHNOP_reset.
#include "guest.h"
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/sched.h>

enum { PORTS = 10000, EARLY = 100, FEW = 7, TABLE = 16384 };

static uint8_t counts[TABLE];
static uint32_t ports[PORTS];
static unsigned opened;

static long ask(int op, void *argument) {
    return hypercall(__HYPERVISOR_event_channel_op, op, (unsigned long)argument, 0);
}

static void told(const char *what, unsigned long number) {
    say_number(number);
    say(what);
    say("\n");
}

static void open_up_to(unsigned count) {
    while (opened < count) {
        struct evtchn_bind_ipi bind = { .vcpu = 0 };
        event_operation("bind_ipi", EVTCHNOP_bind_ipi, &bind);
        if (bind.port >= TABLE) fail("port beyond the table", bind.port);
        ports[opened++] = bind.port;
    }
}

static void send_to(unsigned first, unsigned end) {
    for (unsigned i = first; i < end; i++) {
        struct evtchn_send send = { .port = ports[i] };
        event_operation("send", EVTCHNOP_send, &send);
    }
}

// How many ports have received exactly one event since the last time. Any other number on any port fails.
static unsigned received(const char *what) {
    unsigned once = 0;
    for (unsigned port = 0; port < TABLE; port++) {
        if (counts[port] > 1) fail(what, port);
        once += counts[port];
        counts[port] = 0;
    }
    return once;
}

static void refusals_before(void) {
    struct evtchn_sw_register_3l_l2sel selector = events_three_level_selector();
    must_be("selector before bitmaps", ask(EVTCHNOP_sw_register_3l_l2sel, &selector), -XEN_EOPNOTSUPP);
    struct evtchn_sw_register_3l_bitmaps bitmaps = events_three_level_bitmaps();
    bitmaps.nr_pages = 1;
    must_be("one page", ask(EVTCHNOP_sw_register_3l_bitmaps, &bitmaps), -XEN_EINVAL);
    bitmaps = events_three_level_bitmaps();
    bitmaps.pad = 1;
    must_be("padding", ask(EVTCHNOP_sw_register_3l_bitmaps, &bitmaps), -XEN_EINVAL);
    bitmaps = events_three_level_bitmaps();
    bitmaps.mask_gfn[7] = bitmaps.pending_gfn[0];
    must_be("a page twice", ask(EVTCHNOP_sw_register_3l_bitmaps, &bitmaps), -XEN_EINVAL);
    bitmaps.mask_gfn[7] = ~0ul;
    must_be("no page", ask(EVTCHNOP_sw_register_3l_bitmaps, &bitmaps), -XEN_EINVAL);
}

static void refusals_after(void) {
    struct evtchn_sw_register_3l_bitmaps bitmaps = events_three_level_bitmaps();
    must_be("bitmaps twice", ask(EVTCHNOP_sw_register_3l_bitmaps, &bitmaps), -XEN_EINVAL);
    struct evtchn_sw_register_3l_l2sel selector = events_three_level_selector();
    must_be("selector twice", ask(EVTCHNOP_sw_register_3l_l2sel, &selector), -XEN_EINVAL);
    selector.vcpu = 77;
    must_be("selector of no vCPU", ask(EVTCHNOP_sw_register_3l_l2sel, &selector), -XEN_ENOENT);
    struct evtchn_init_control init = { .control_gfn = selector.gfn };
    must_be("FIFO", ask(EVTCHNOP_init_control, &init), -XEN_EINVAL);
}

// What was pending on 2 levels arrives on 3, and so does what comes between the two steps of registering.
static void change_over(void) {
    open_up_to(EARLY);
    send_to(0, FEW);
    refusals_before();
    struct evtchn_sw_register_3l_bitmaps bitmaps = events_three_level_bitmaps();
    event_operation("bitmaps", EVTCHNOP_sw_register_3l_bitmaps, &bitmaps);
    send_to(FEW, 2 * FEW);
    struct evtchn_sw_register_3l_l2sel selector = events_three_level_selector();
    event_operation("selector", EVTCHNOP_sw_register_3l_l2sel, &selector);
    events_use_three_levels();
    refusals_after();
    machine_interrupts(1);
    told(" events came along", received("carried over"));
}

static void masked(void) {
    for (unsigned i = 0; i < PORTS; i++) events_mask(ports[i]);
    send_to(0, PORTS);
    if (received("while masked")) fail("an event came through its mask", 0);
    for (unsigned i = 0; i < PORTS; i++) {
        struct evtchn_unmask unmask = { .port = ports[i] };
        event_operation("unmask", EVTCHNOP_unmask, &unmask);
    }
    told(" ports received after they were unmasked", received("unmasked"));
}

static void receive_on_all(void) {
    open_up_to(PORTS);
    told(" is the highest port", ports[PORTS - 1]);
    send_to(0, PORTS);
    told(" ports received one by one", received("one by one"));
    machine_interrupts(0);
    send_to(0, PORTS);
    machine_interrupts(1);
    told(" ports received at once", received("at once"));
    masked();
}

// Back on 2 levels there are 4,096 ports, and what is sent to one of them arrives there.
static void return_to_two_levels(void) {
    machine_interrupts(0);
    events_reset();
    opened = 0;
    machine_interrupts(1);
    received("of the reset");
    open_up_to(4095);
    struct evtchn_bind_ipi last = { .vcpu = 0 };
    must_be("port 4096", ask(EVTCHNOP_bind_ipi, &last), -XEN_ENOSPC);
    send_to(0, opened);
    told(" ports received on 2 levels after the reset", received("2 levels"));
}

void guest_main(uint64_t boot_ticks) {
    (void)boot_ticks;
    machine_start();
    events_start();
    if (!events_three_levels_known()) fail("no 3-level ABI", 0);
    events_count(counts, TABLE);
    change_over();
    receive_on_all();
    return_to_two_levels();
    // The pages are the guest's again: they can be registered once more.
    change_over();
    say("three levels done\n");
    struct sched_shutdown off = { .reason = SHUTDOWN_poweroff };
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&off, 0);
}
