// SPDX-License-Identifier: Apache-2.0
// Two vCPUs that wake each other: one operation is there and back. Each sleeps until the other's event comes.
#include "bench.h"
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

enum { STACK = 4096 };

static char stack[STACK] __attribute__((aligned(16)));
static struct evtchn_send ports[2];     // that wakes vCPU 0, that wakes vCPU 1
static volatile int ended;

static void wait_for_port(unsigned vcpu) {
    struct sched_poll poll = { .nr_ports = 1 };
    set_xen_guest_handle(poll.ports, &ports[vcpu].port);
    while (!events_pending(ports[vcpu].port)) hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (unsigned long)&poll, 0);
    events_take(ports[vcpu].port);
}

static void send_to(unsigned vcpu) {
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&ports[vcpu], 0);
}

static void second_vcpu(void) {
    machine_start_here();
    while (!ended) {
        wait_for_port(1);
        send_to(0);
    }
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
    for (;;) {}
}

void ping_pong(void) {
    send_to(1);
    wait_for_port(0);
}

void ping_pong_start(void) {
    for (unsigned vcpu = 0; vcpu < 2; vcpu++) {
        struct evtchn_bind_ipi bind = { .vcpu = vcpu };
        event_operation("bind_ipi", EVTCHNOP_bind_ipi, &bind);
        ports[vcpu].port = bind.port;
        events_mask(bind.port);
    }
    machine_start_vcpu(1, stack + STACK, second_vcpu);
    ping_pong();
}

// The other one goes down for good.
void ping_pong_end(void) {
    ended = 1;
    ping_pong();
    while (hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0)) hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}
