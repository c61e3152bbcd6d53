// SPDX-License-Identifier: Apache-2.0
// Limits, reached: the last one that there is, and what is said of the next. On the 2-level ABI.
#include "cases.h"
#include <xen/event_channel.h>

static long ask(int op, void *argument) {
    return hypercall(__HYPERVISOR_event_channel_op, op, (unsigned long)argument, 0);
}

void exhaustion_cases(void) {
    operation("EVTCHNOP_bind_ipi");
    static evtchn_port_t opened[4096];
    unsigned count = 0;
    evtchn_port_t last = 0;
    long code;
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    while (!(code = ask(EVTCHNOP_bind_ipi, &bind)) && count < COUNT(opened)) last = opened[count++] = bind.port;
    tell("after the last port", code);
    tell_field("the last port", 0, "port", last);
    struct evtchn_alloc_unbound unbound = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    operation("EVTCHNOP_alloc_unbound");
    tell("after the last port", ask(EVTCHNOP_alloc_unbound, &unbound));
    operation("EVTCHNOP_bind_virq");
    struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG, .vcpu = 0 };
    tell("after the last port", ask(EVTCHNOP_bind_virq, &virq));
    while (count) ask(EVTCHNOP_close, &(struct evtchn_close){ .port = opened[--count] });
}
