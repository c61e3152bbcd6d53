// SPDX-License-Identifier: Apache-2.0
// event_channel_op on the 2-level ABI. Ports are told: both hypervisors give the lowest that is free.
#include "cases.h"
#include <xen/event_channel.h>

static long ask(int op, void *argument) {
    return hypercall(__HYPERVISOR_event_channel_op, op, (unsigned long)argument, 0);
}

static long close_port(evtchn_port_t port) {
    struct evtchn_close close = { .port = port };
    return ask(EVTCHNOP_close, &close);
}

static evtchn_port_t unbound_port(void) {
    struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    long code = ask(EVTCHNOP_alloc_unbound, &unbound);
    if (code) fail("alloc_unbound", code);
    return unbound.port;
}

static void close_unbound(void *structure) { close_port(((struct evtchn_alloc_unbound *)structure)->port); }
static void close_ipi(void *structure) { close_port(((struct evtchn_bind_ipi *)structure)->port); }
static void close_virq(void *structure) { close_port(((struct evtchn_bind_virq *)structure)->port); }

static void sweep_event(int op, const void *structure, size_t size, int copied_back, void (*undo)(void *)) {
    sweep(&(struct call){ .number = __HYPERVISOR_event_channel_op, .before = { op }, .position = 1,
        .structure = structure, .size = size, .copied_back = copied_back, .undo = undo });
}

static void alloc_unbound(void) {
    operation("EVTCHNOP_alloc_unbound");
    static const struct { const char *name; domid_t domain, remote; } rows[] = {
        { "self for self", DOMID_SELF, DOMID_SELF }, { "by number", 0, 0 }, { "for no domain", DOMID_SELF, NO_DOMAIN },
        { "for DOMID_IO", DOMID_SELF, DOMID_IO }, { "for DOMID_INVALID", DOMID_SELF, DOMID_INVALID },
        { "in no domain", NO_DOMAIN, DOMID_SELF }, { "in DOMID_XEN", DOMID_XEN, DOMID_SELF },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct evtchn_alloc_unbound unbound = { .dom = rows[i].domain, .remote_dom = rows[i].remote };
        long code = ask(EVTCHNOP_alloc_unbound, &unbound);
        tell_field(rows[i].name, code, "port", unbound.port);
        if (!code) close_port(unbound.port);
    }
    struct evtchn_alloc_unbound good = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    sweep_event(EVTCHNOP_alloc_unbound, &good, sizeof(good), 1, close_unbound);
}

static void bind_interdomain(void) {
    operation("EVTCHNOP_bind_interdomain");
    evtchn_port_t own = unbound_port();
    const struct { const char *name; domid_t remote; evtchn_port_t port; } rows[] = {
        { "one's own", DOMID_SELF, own }, { "bound already", DOMID_SELF, own },
        { "no domain", NO_DOMAIN, own }, { "port not in use", DOMID_SELF, NO_PORT }, { "port 0", DOMID_SELF, 0 },
        { "port 2^32-1", DOMID_SELF, ~0u }, { "port 2^17", DOMID_SELF, 1 << 17 }, { "DOMID_XEN", DOMID_XEN, own },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct evtchn_bind_interdomain bind = { .remote_dom = rows[i].remote, .remote_port = rows[i].port };
        long code = ask(EVTCHNOP_bind_interdomain, &bind);
        tell_field(rows[i].name, code, "port", bind.local_port);
        if (!code) close_port(bind.local_port);
    }
    close_port(own);
    struct evtchn_bind_interdomain bad = { .remote_dom = NO_DOMAIN };
    sweep_event(EVTCHNOP_bind_interdomain, &bad, sizeof(bad), 0, NULL);
}

static void bind_virq(void) {
    operation("EVTCHNOP_bind_virq");
    static const struct { const char *name; uint32_t virq, vcpu; } rows[] = {
        { "timer", VIRQ_TIMER, 0 }, { "timer again", VIRQ_TIMER, 0 }, { "timer of vCPU 1", VIRQ_TIMER, 1 },
        { "global", VIRQ_CON_RING, 0 }, { "global again", VIRQ_CON_RING, 0 }, { "global of vCPU 1", VIRQ_DOM_EXC, 1 },
        { "of no vCPU", VIRQ_DEBUG, 2 }, { "of vCPU 2^32-1", VIRQ_DEBUG, ~0u }, { "first that there is not", NR_VIRQS, 0 },
        { "2^32-1", ~0u, 0 }, { "of an ISA", VIRQ_ARCH_0, 0 }, { "reserved", 15, 0 }, { "reserved, of vCPU 1", 15, 1 },
    };
    evtchn_port_t bound[COUNT(rows)] = { 0 };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct evtchn_bind_virq bind = { .virq = rows[i].virq, .vcpu = rows[i].vcpu };
        long code = ask(EVTCHNOP_bind_virq, &bind);
        tell_field(rows[i].name, code, "port", bind.port);
        if (!code) bound[i] = bind.port;
    }
    for (unsigned i = 0; i < COUNT(rows); i++) if (bound[i]) close_port(bound[i]);
    // One that no other case uses: it may stay bound where the port cannot be told.
    struct evtchn_bind_virq good = { .virq = VIRQ_ARCH_7 };
    sweep_event(EVTCHNOP_bind_virq, &good, sizeof(good), 1, close_virq);
}

static void bind_ipi(void) {
    operation("EVTCHNOP_bind_ipi");
    static const uint32_t vcpus[] = { 0, 1, 2, 127, 128, ~0u };
    for (unsigned i = 0; i < COUNT(vcpus); i++) {
        struct evtchn_bind_ipi bind = { .vcpu = vcpus[i] };
        long code = ask(EVTCHNOP_bind_ipi, &bind);
        tell_field(numbered("vCPU ", vcpus[i]), code, "port", bind.port);
        if (!code) close_port(bind.port);
    }
    struct evtchn_bind_ipi good = { .vcpu = 0 };
    sweep_event(EVTCHNOP_bind_ipi, &good, sizeof(good), 1, close_ipi);
}

static void bind_pirq(void) {
    operation("EVTCHNOP_bind_pirq");
    static const uint32_t pirqs[] = { 0, 16, 33, 1023, ~0u };
    for (unsigned i = 0; i < COUNT(pirqs); i++) {
        struct evtchn_bind_pirq bind = { .pirq = pirqs[i], .flags = BIND_PIRQ__WILL_SHARE };
        long code = ask(EVTCHNOP_bind_pirq, &bind);
        tell(numbered("PIRQ ", pirqs[i]), code);
        if (!code) close_port(bind.port);
    }
}

// Operations that take one port: what each says of every kind of port.
static void ports(const char *name, int op, void (*finish)(int op, evtchn_port_t ipi, evtchn_port_t unbound)) {
    operation(name);
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    event_operation("bind_ipi", EVTCHNOP_bind_ipi, &ipi);
    events_mask(ipi.port);
    evtchn_port_t unbound = unbound_port();
    const struct { const char *name; evtchn_port_t port; } rows[] = {
        { "port 0", 0 }, { "port not in use", NO_PORT }, { "port 4096", 4096 }, { "port 2^17", 1 << 17 },
        { "port 2^18", 1 << 18 }, { "port 2^32-1", ~0u }, { "IPI", ipi.port }, { "unbound", unbound },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        evtchn_port_t port = rows[i].port;
        tell(rows[i].name, ask(op, &port));
    }
    uint32_t none = NO_PORT;
    sweep_event(op, &none, sizeof(none), 0, NULL);
    finish(op, ipi.port, unbound);
}

static void close_both(int op, evtchn_port_t ipi, evtchn_port_t unbound) {
    (void)op;
    close_port(ipi);
    close_port(unbound);
}

static void closed_again(int op, evtchn_port_t ipi, evtchn_port_t unbound) {
    tell("IPI again", ask(op, &(evtchn_port_t){ ipi }));
    tell("unbound again", ask(op, &(evtchn_port_t){ unbound }));
}

static void bind_vcpu(void) {
    operation("EVTCHNOP_bind_vcpu");
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    struct evtchn_bind_virq timer = { .virq = VIRQ_TIMER }, global = { .virq = VIRQ_CON_RING };
    event_operation("bind_ipi", EVTCHNOP_bind_ipi, &ipi);
    event_operation("bind_virq", EVTCHNOP_bind_virq, &timer);
    event_operation("bind_virq", EVTCHNOP_bind_virq, &global);
    evtchn_port_t unbound = unbound_port();
    const struct { const char *name; evtchn_port_t port; uint32_t vcpu; } rows[] = {
        { "unbound", unbound, 1 }, { "IPI", ipi.port, 1 }, { "VIRQ of a vCPU", timer.port, 1 }, { "global VIRQ", global.port, 1 },
        { "port 0", 0, 0 }, { "port not in use", NO_PORT, 0 }, { "port 2^32-1", ~0u, 0 }, { "no vCPU", unbound, 2 },
        { "vCPU 2^32-1", unbound, ~0u }, { "neither port nor vCPU", ~0u, ~0u },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct evtchn_bind_vcpu bind = { .port = rows[i].port, .vcpu = rows[i].vcpu };
        tell(rows[i].name, ask(EVTCHNOP_bind_vcpu, &bind));
    }
    struct evtchn_bind_vcpu good = { .port = unbound };
    sweep_event(EVTCHNOP_bind_vcpu, &good, sizeof(good), 0, NULL);
    close_both(0, ipi.port, unbound);
    close_both(0, timer.port, global.port);
}

static void tell_status(const char *name, struct evtchn_status *status) {
    long code = ask(EVTCHNOP_status, status);
    told(name, code);
    if (!code) {
        field("status", status->status);
        field("vcpu", status->vcpu);
        if (status->status == EVTCHNSTAT_unbound) field("domain", status->u.unbound.dom);
        if (status->status == EVTCHNSTAT_virq) field("virq", status->u.virq);
        if (status->status == EVTCHNSTAT_interdomain) {
            field("domain", status->u.interdomain.dom);
            field("port", status->u.interdomain.port);
        }
    }
    end();
}

static void event_status(void) {
    operation("EVTCHNOP_status");
    struct evtchn_bind_ipi ipi = { .vcpu = 1 };
    struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER, .vcpu = 1 };
    event_operation("bind_ipi", EVTCHNOP_bind_ipi, &ipi);
    event_operation("bind_virq", EVTCHNOP_bind_virq, &virq);
    evtchn_port_t unbound = unbound_port(), far = unbound_port();
    struct evtchn_bind_interdomain near = { .remote_dom = DOMID_SELF, .remote_port = far };
    event_operation("bind_interdomain", EVTCHNOP_bind_interdomain, &near);
    const struct { const char *name; domid_t domain; evtchn_port_t port; } rows[] = {
        { "IPI", DOMID_SELF, ipi.port }, { "VIRQ", DOMID_SELF, virq.port }, { "unbound", DOMID_SELF, unbound },
        { "interdomain", 0, near.local_port }, { "its other end", 0, far }, { "closed", DOMID_SELF, 20 },
        { "port 0", DOMID_SELF, 0 }, { "port not in use", DOMID_SELF, NO_PORT }, { "port 2^32-1", DOMID_SELF, ~0u },
        { "no domain", NO_DOMAIN, 1 }, { "DOMID_IO", DOMID_IO, 1 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct evtchn_status status = { .dom = rows[i].domain, .port = rows[i].port };
        tell_status(rows[i].name, &status);
    }
    // What has never been in use are no ports, in pieces of some size.
    static const evtchn_port_t closed[] = { 32, 63, 64, 100, 127, 128, 255, 256, 1023, 1024, 2047, 2048, 3000, 4095 };
    for (unsigned i = 0; i < COUNT(closed); i++) {
        struct evtchn_status status = { .dom = DOMID_SELF, .port = closed[i] };
        tell_status(numbered("closed, ", closed[i]), &status);
        operation("EVTCHNOP_set_priority");
        struct evtchn_set_priority priority = { .port = closed[i], .priority = 7 };
        tell(numbered("closed, ", closed[i]), ask(EVTCHNOP_set_priority, &priority));
        operation("EVTCHNOP_status");
    }
    evtchn_port_t just = unbound_port();
    close_port(just);
    struct evtchn_status gone = { .dom = DOMID_SELF, .port = just };
    tell_status("just closed", &gone);
    close_port(near.local_port);
    struct evtchn_status left = { .dom = DOMID_SELF, .port = far };
    tell_status("after the other end was closed", &left);
    struct evtchn_status good = { .dom = DOMID_SELF, .port = ipi.port };
    sweep_event(EVTCHNOP_status, &good, sizeof(good), 1, NULL);
    close_both(0, ipi.port, virq.port);
    close_both(0, unbound, far);
}

void event_cases(void) {
    alloc_unbound();
    bind_interdomain();
    bind_virq();
    bind_ipi();
    bind_pirq();
    ports("EVTCHNOP_send", EVTCHNOP_send, close_both);
    ports("EVTCHNOP_unmask", EVTCHNOP_unmask, close_both);
    ports("EVTCHNOP_close", EVTCHNOP_close, closed_again);
    bind_vcpu();
    event_status();
}
