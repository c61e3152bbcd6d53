// SPDX-License-Identifier: Apache-2.0
// sched_op, without what ends the domain.
#include "cases.h"
#include <xen/event_channel.h>
#include <xen/sched.h>

static evtchn_port_t pending;      // its event is there and masked, until it is unmasked for SCHEDOP_block

static long ask(int op, void *argument) {
    return hypercall(__HYPERVISOR_sched_op, op, (unsigned long)argument, 0);
}

static void sweep_sched(int op, const void *structure, size_t size) {
    sweep(&(struct call){ .number = __HYPERVISOR_sched_op, .before = { op }, .position = 1,
        .structure = structure, .size = size });
}

// A port whose event is there and masked: block and poll return at once.
static void leave_event(void) {
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    event_operation("bind_ipi", EVTCHNOP_bind_ipi, &bind);
    events_mask(bind.port);
    struct evtchn_send send = { .port = bind.port };
    event_operation("send", EVTCHNOP_send, &send);
    pending = bind.port;
}

static void poll(void) {
    operation("SCHEDOP_poll");
    evtchn_port_t one[] = { pending }, none[] = { NO_PORT }, zero[] = { 0 }, outside[] = { ~0u }, many[] = { 0, pending };
    struct evtchn_bind_ipi idle = { .vcpu = 0 };
    event_operation("bind_ipi", EVTCHNOP_bind_ipi, &idle);
    evtchn_port_t quiet[] = { idle.port };
    const struct { const char *name; evtchn_port_t *ports; unsigned count; uint64_t timeout; } rows[] = {
        { "pending", one, 1, 0 }, { "not in use", none, 1, 1 }, { "port 0", zero, 1, 1 }, { "port 2^32-1", outside, 1, 1 },
        { "the second of two", many, 2, 0 }, { "no ports, past", none, 0, 1 }, { "129 ports", one, 129, 1 },
        { "2^32-1 ports", one, ~0u, 1 }, { "ports where nothing is", (evtchn_port_t *)HOLE, 1, 1 },
        { "ports at address 0", 0, 1, 1 }, { "128 ports where nothing is", (evtchn_port_t *)HOLE, 128, 1 },
        { "not pending, past", quiet, 1, 1 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct sched_poll poll = { .nr_ports = rows[i].count, .timeout = rows[i].timeout };
        set_xen_guest_handle(poll.ports, rows[i].ports);
        tell(rows[i].name, ask(SCHEDOP_poll, &poll));
    }
    struct sched_poll good = { .nr_ports = 129 };
    sweep_sched(SCHEDOP_poll, &good, sizeof(good));
    struct evtchn_close close = { .port = idle.port };
    event_operation("close", EVTCHNOP_close, &close);
}

static void remote_shutdown(void) {
    operation("SCHEDOP_remote_shutdown");
    static const domid_t domains[] = { NO_DOMAIN, 0, DOMID_SELF, DOMID_XEN, DOMID_INVALID };
    for (unsigned i = 0; i < COUNT(domains); i++) {
        struct sched_remote_shutdown shutdown = { .domain_id = domains[i], .reason = SHUTDOWN_poweroff };
        if (domains[i]) tell(numbered("domain ", domains[i]), ask(SCHEDOP_remote_shutdown, &shutdown));
    }
    struct sched_remote_shutdown bad = { .domain_id = NO_DOMAIN };
    sweep_sched(SCHEDOP_remote_shutdown, &bad, sizeof(bad));
}

// No watchdog is left on.
static void watchdog(void) {
    operation("SCHEDOP_watchdog");
    static const struct { const char *name; uint32_t id, timeout; } rows[] = {
        { "first", 0, 1000 }, { "second", 0, 1000 }, { "third", 0, 1000 }, { "poke", 1, 1000 },
        { "poke no such", 3, 1000 }, { "poke 2^32-1", ~0u, 1000 }, { "off", 1, 0 }, { "off again", 1, 0 }, { "poke after off", 1, 1000 },
        { "off, second", 2, 0 }, { "off, no such", 3, 0 }, { "off, last", 1, 0 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct sched_watchdog watchdog = { .id = rows[i].id, .timeout = rows[i].timeout };
        tell(rows[i].name, ask(SCHEDOP_watchdog, &watchdog));
    }
    struct sched_watchdog bad = { .id = 9, .timeout = 1 };
    sweep_sched(SCHEDOP_watchdog, &bad, sizeof(bad));
}

static void pin_override(void) {
    operation("SCHEDOP_pin_override");
    static const int32_t pcpus[] = { 0, 1, 2, 4096 };
    struct sched_pin_override release = { .pcpu = -1 };
    tell("release, not pinned", ask(SCHEDOP_pin_override, &release));
    for (unsigned i = 0; i < COUNT(pcpus); i++) {
        struct sched_pin_override pin = { .pcpu = pcpus[i] };
        tell(numbered("pCPU ", pcpus[i]), ask(SCHEDOP_pin_override, &pin));
        tell(numbered("release after pCPU ", pcpus[i]), ask(SCHEDOP_pin_override, &release));
    }
    struct sched_pin_override bad = { .pcpu = 5000 };
    sweep_sched(SCHEDOP_pin_override, &bad, sizeof(bad));
}

void scheduling_cases(void) {
    operation("SCHEDOP_yield");
    tell("no argument", ask(SCHEDOP_yield, NULL));
    tell("an argument that is not looked at", ask(SCHEDOP_yield, (void *)HOLE));
    leave_event();
    poll();
    struct evtchn_unmask unmask = { .port = pending };
    event_operation("unmask", EVTCHNOP_unmask, &unmask);
#ifndef MASKED_MEANS_ASLEEP
    operation("SCHEDOP_block");
    long code = ask(SCHEDOP_block, NULL);
    tell_field("with an event pending, interrupts masked", code, "still pending", events_pending(pending));
#endif
    machine_interrupts(0);
    struct evtchn_close close = { .port = pending };
    event_operation("close", EVTCHNOP_close, &close);
    operation("SCHEDOP_shutdown_code");
    struct sched_shutdown reason = { .reason = SHUTDOWN_poweroff };
    sweep_sched(SCHEDOP_shutdown_code, &reason, sizeof(reason));
    reason.reason = 77;
    tell("a second reason, which there is not", ask(SCHEDOP_shutdown_code, &reason));
    operation("SCHEDOP_shutdown");
    tell("at address 0", ask(SCHEDOP_shutdown, NULL));
    tell("where nothing is", ask(SCHEDOP_shutdown, (void *)HOLE));
    remote_shutdown();
    watchdog();
    pin_override();
}
