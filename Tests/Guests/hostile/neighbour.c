// SPDX-License-Identifier: Apache-2.0
// Fills its memory, and looks whether it stays as it was.
#include "hostile.h"
#include <xen/sched.h>

static uint32_t word(unsigned page, unsigned index) { return (page * 1024 + index) * 2654435761u; }

void neighbour_run(void) {
    copy_start();
    for (unsigned page = 0; page < AREA; page++)
        for (unsigned i = 0; i < PAGE / 4; i++) ((volatile uint32_t *)area[page])[i] = word(page, i);
    for (;;) {
        for (unsigned page = 0; page < AREA; page++)
            for (unsigned i = 0; i < PAGE / 4; i++)
                if (((volatile uint32_t *)area[page])[i] != word(page, i)) report_page.report.faults++;
        report_page.report.rounds++;
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    }
}
