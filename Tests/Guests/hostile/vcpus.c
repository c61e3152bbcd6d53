// SPDX-License-Identifier: Apache-2.0
// Other vCPUs: one after the other is started, and takes its number.
#include "hostile.h"

static char stacks[VCPUS][STACK] __attribute__((aligned(16)));
static volatile unsigned starting, started;
static void (*other_body)(unsigned);

static void other(void) {
    unsigned vcpu = starting;
    machine_start_here();
    started = vcpu;
    other_body(vcpu);
}

void others_start(void (*body)(unsigned)) {
    other_body = body;
    for (unsigned vcpu = 1; vcpu < VCPUS; vcpu++) {
        starting = vcpu;
        machine_start_vcpu(vcpu, stacks[vcpu] + STACK, other);
        while (started != vcpu) {}
    }
}
