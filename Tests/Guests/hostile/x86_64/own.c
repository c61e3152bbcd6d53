// SPDX-License-Identifier: Apache-2.0
#include "hostile.h"
#include <xen/memory.h>

enum { HYPERCALL_PAGE_REGISTER = 0x40000000, X2APIC = 0x800, INSTRUCTIONS = 1000000 };
enum { LVT_TIMER = X2APIC + 0x32, INITIAL_COUNT = X2APIC + 0x38, DIVIDE = X2APIC + 0x3e, BY_ONE = 0xb, MASKED = 1 << 16, PERIODIC = 1 << 17 };

static void write_msr(uint32_t number, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

const unsigned long hostile_memory = 0x1000000;

const unsigned demanded_pages = 32, demanded_frames = 16;

void copy_start(void) { machine_start(); }

// Into a page that stays: without one it is #GP.
void isa_interfere(void) { write_msr(HYPERCALL_PAGE_REGISTER, (unsigned long)area[0]); }

// 5: a timer that is due at once, for ever, though nobody hears of it.
static long busy_timer(void) {
    write_msr(DIVIDE, BY_ONE);
    write_msr(LVT_TIMER, PERIODIC | MASKED | 0x60);
    write_msr(INITIAL_COUNT, 1);
    for (volatile unsigned i = 0; i < INSTRUCTIONS; i++) {}
    write_msr(INITIAL_COUNT, 0);
    return 0;
}

// 2: a page that is still mapped by a grant goes to those that wait, and what is written to it then chose the next one's frame.
static long page_that_is_mapped(void) {
    grant(FIRST_GRANT + 1, area[8]);
    struct gnttab_map_grant_ref mapped = map(FIRST_GRANT + 1, FAR, 0);
    if (mapped.status || change(XENMEM_decrease_reservation, (unsigned long)area[8] / PAGE) != 1) return -1;
    volatile unsigned long *held = (void *)FAR;
    for (unsigned i = 0; i < PAGE / sizeof(*held); i++) held[i] = 1;
    long sum = 0;
    for (unsigned i = 1; i <= 2; i++) {
        volatile unsigned long *touched = (void *)area[AREA - i];
        for (unsigned word = 0; word < PAGE / sizeof(*touched); word++) sum += touched[word];
        touched[0] = i;
    }
    if (held[0] != 1 || *(volatile unsigned long *)area[AREA - 1] != 1 || unmap(mapped.handle, FAR)) return -2;
    return sum;
}

const struct replay isa_replays[] = {
    { "a timer that is always due", busy_timer, 0 },
    { "a page on demand that is mapped elsewhere", page_that_is_mapped, 0 },
    { 0 },
};
