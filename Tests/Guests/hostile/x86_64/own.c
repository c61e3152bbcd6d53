// SPDX-License-Identifier: Apache-2.0
#include "hostile.h"

enum { HYPERCALL_PAGE_REGISTER = 0x40000000, X2APIC = 0x800, INSTRUCTIONS = 1000000 };
enum { LVT_TIMER = X2APIC + 0x32, INITIAL_COUNT = X2APIC + 0x38, DIVIDE = X2APIC + 0x3e, BY_ONE = 0xb, MASKED = 1 << 16, PERIODIC = 1 << 17 };

static void write_msr(uint32_t number, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

const unsigned long hostile_memory = 0x1000000;

void copy_start(void) { machine_start(); }

// Into a page that stays: without one it is #GP.
void isa_interfere(void) { write_msr(HYPERCALL_PAGE_REGISTER, (unsigned long)area[AREA - 1]); }

// 5: a timer that is due at once, for ever, though nobody hears of it.
static long busy_timer(void) {
    write_msr(DIVIDE, BY_ONE);
    write_msr(LVT_TIMER, PERIODIC | MASKED | 0x60);
    write_msr(INITIAL_COUNT, 1);
    for (volatile unsigned i = 0; i < INSTRUCTIONS; i++) {}
    write_msr(INITIAL_COUNT, 0);
    return 0;
}

const struct replay isa_replays[] = { { "a timer that is always due", busy_timer, 0 }, { 0 } };
