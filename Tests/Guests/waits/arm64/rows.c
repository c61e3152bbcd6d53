// SPDX-License-Identifier: Apache-2.0
// What only AArch64 has.
#include "waits.h"

enum { DISTRIBUTOR = 0x08000000, ENABLE = 0x104 };

// As many accesses as a guest likes: each is an exit of its own.
static void interrupt_controller(void) {
    for (unsigned i = 0; i < 64; i++) *(volatile uint32_t *)(DISTRIBUTOR + ENABLE) = 0xffffffff;
}

static void by_set_and_way(void) {
    for (unsigned way = 0; way < 64; way++) __asm__ volatile("dc cisw, %0" : : "r"((uint64_t)way << 28) : "memory");
}

const struct wait isa_waits[] = {
    { "interrupt controller writes", interrupt_controller },
    { "cache cleaning by set and way", by_set_and_way },
    { 0 },
};
