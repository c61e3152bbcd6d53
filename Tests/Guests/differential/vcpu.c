// SPDX-License-Identifier: Apache-2.0
// vcpu_op. vCPU 0 runs and has its vcpu_info already, vCPU 1 is down.
#include "cases.h"
#include <xen/vcpu.h>

static char area[PAGE] PAGE_ALIGNED;

static long ask(int op, unsigned vcpu, void *argument) {
    return hypercall(__HYPERVISOR_vcpu_op, op, vcpu, (unsigned long)argument);
}

static void sweep_vcpu(int op, unsigned vcpu, const void *structure, size_t size) {
    sweep(&(struct call){ .number = __HYPERVISOR_vcpu_op, .before = { op, vcpu }, .position = 2,
        .structure = structure, .size = size });
}

static void register_info(void) {
    operation("VCPUOP_register_vcpu_info");
    const struct { const char *name; unsigned vcpu; uint64_t frame; uint32_t offset; } rows[] = {
        { "vCPU 0 again", 0, FRAME(area), 0 }, { "no vCPU", 2, FRAME(area), 0 }, { "vCPU 2^32-1", ~0u, FRAME(area), 0 },
        { "frame not there", 1, missing_frame(), 0 },
        { "frame 2^64-1", 1, ~0ull, 0 }, { "frame 2^52", 1, 1ull << 52, 0 }, { "device", 1, FRAME(DEVICE), 0 },
        { "offset 4", 1, FRAME(area), 4 }, { "offset past the page", 1, FRAME(area), 4096 }, { "across the page's end", 1, FRAME(area), 4080 },
        { "offset 2^32-8", 1, FRAME(area), ~7u }, { "vCPU 1", 1, FRAME(area), 64 }, { "vCPU 1 again", 1, FRAME(area), 128 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct vcpu_register_vcpu_info info = { .mfn = rows[i].frame, .offset = rows[i].offset };
        tell(rows[i].name, ask(VCPUOP_register_vcpu_info, rows[i].vcpu, &info));
    }
    struct vcpu_register_vcpu_info bad = { .mfn = ~0ull };
    sweep_vcpu(VCPUOP_register_vcpu_info, 1, &bad, sizeof(bad));
}

static void register_runstate(void) {
    operation("VCPUOP_register_runstate_memory_area");
    static struct vcpu_runstate_info states[3] PAGE_ALIGNED;
    const struct { const char *name; unsigned vcpu; void *address; } rows[] = {
        { "vCPU 0", 0, &states[0] }, { "vCPU 0 elsewhere", 0, &states[1] }, { "vCPU 1", 1, &states[2] }, { "no vCPU", 2, &states[0] },
        { "area where nothing is", 0, (void *)HOLE }, { "area at 2^64-1", 0, (void *)~0ul }, { "area one byte off", 0, (char *)&states[0] + 1 },
        { "area across two pages", 0, area + PAGE - 8 }, { "area in a device", 0, (void *)DEVICE },
        { "area in a page that can only be read", 0, (void *)(read_only_frame() * PAGE) },
        { "area at address 0", 0, 0 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct vcpu_register_runstate_memory_area area = { .addr.p = (unsigned long)rows[i].address };
        long code = ask(VCPUOP_register_runstate_memory_area, rows[i].vcpu, &area);
        tell(rows[i].name, code);
        if (i == 0) tell_field("state of vCPU 0", code, "running", states[0].state == RUNSTATE_running);
        if (i == 2) tell_field("state of vCPU 1", code, "offline", states[2].state == RUNSTATE_offline);
    }
    struct vcpu_register_runstate_memory_area none = { .addr.p = 0 };
    sweep_vcpu(VCPUOP_register_runstate_memory_area, 0, &none, sizeof(none));
}

void vcpu_cases(void) {
    register_info();
    register_runstate();
    operation("VCPUOP_set_singleshot_timer");
    static struct vcpu_set_singleshot_timer past = { .timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future };
    tell("past, which it may not be", ask(VCPUOP_set_singleshot_timer, 0, &past));
    operation("vcpu_op");
    for (unsigned op = 0; op < 16; op++) {
        if (op == VCPUOP_register_vcpu_info || op == VCPUOP_register_runstate_memory_area) continue;
        tell(numbered("vCPU 1, no argument, operation ", op), ask(op, 1, NULL));
    }
    tell("no vCPU, operation 2^32-1", ask(-1, 2, NULL));
    tell("vCPU 0, operation 2^32-1", ask(-1, 0, NULL));
}
