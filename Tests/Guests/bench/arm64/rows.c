// SPDX-License-Identifier: Apache-2.0
// What only AArch64 has, or has in its own way.
#include "bench.h"

enum { DISTRIBUTOR = 0x08000000, GICD_TYPER = 4 };

static void id_register_read(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, id_aa64isar0_el1" : "=r"(value));
}

static void interrupt_controller_read(void) { (void)*(volatile uint32_t *)(DISTRIBUTOR + GICD_TYPER); }

const struct benchmark isa_benchmarks[] = {
    { "ID register read", id_register_read },
    { "ID register read, upcall pending", id_register_read, leave_upcall_pending, take_upcall },
    { "interrupt controller read", interrupt_controller_read },
    { "interrupt controller read, upcall pending", interrupt_controller_read, leave_upcall_pending, take_upcall },
    { "virtual timer interrupt", timer_interrupt },
    { 0 },
};
