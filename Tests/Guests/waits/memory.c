// SPDX-License-Identifier: Apache-2.0
// 8 MiB that go and come back.
#include "waits.h"
#include <xen/memory.h>

enum { PAGES = 2048, ORDER = 9, LARGE = PAGES >> ORDER };

static char area[PAGES][PAGE] __attribute__((aligned(PAGE << ORDER)));
static xen_pfn_t frames[PAGES];

static void change(const char *what, int operation, unsigned count, unsigned order) {
    for (unsigned i = 0; i < count; i++) frames[i] = (unsigned long)area / PAGE + ((unsigned long)i << order);
    struct xen_memory_reservation reservation = { .nr_extents = count, .extent_order = order, .domid = DOMID_SELF };
    set_xen_guest_handle(reservation.extent_start, frames);
    memory_operation(what, operation, &reservation, count);
}

void give_pages_back(void) { change("decrease_reservation", XENMEM_decrease_reservation, PAGES, 0); }
void populate_pages(void) { change("populate_physmap", XENMEM_populate_physmap, PAGES, 0); }
void give_large_back(void) { change("decrease_reservation of 2 MiB", XENMEM_decrease_reservation, LARGE, ORDER); }
void populate_large(void) { change("populate_physmap of 2 MiB", XENMEM_populate_physmap, LARGE, ORDER); }
