// SPDX-License-Identifier: Apache-2.0
// Event channels that nobody waits for: opened and closed, sent to while they are masked, left open by the thousand.
#include "bench.h"
#include <xen/event_channel.h>

static struct evtchn_send masked;

static uint32_t open_unbound(void) {
    struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    event_operation("alloc_unbound", EVTCHNOP_alloc_unbound, &unbound);
    return unbound.port;
}

static void close_port(uint32_t port) {
    struct evtchn_close close = { .port = port };
    event_operation("close", EVTCHNOP_close, &close);
}

void masked_port_open(void) {
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    event_operation("bind_ipi", EVTCHNOP_bind_ipi, &bind);
    masked.port = bind.port;
    events_mask(bind.port);
}

// The event is taken back each time, so that each send has it to set.
void masked_send(void) {
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&masked, 0);
    events_take(masked.port);
}

void masked_port_close(void) { close_port(masked.port); }

void open_and_close(void) {
    uint32_t far = open_unbound();
    struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF, .remote_port = far };
    event_operation("bind_interdomain", EVTCHNOP_bind_interdomain, &bind);
    close_port(bind.local_port);
    close_port(far);
}

void ports_open(unsigned count) {
    while (count--) events_need_word(open_unbound());
}
