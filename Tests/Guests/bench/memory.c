// SPDX-License-Identifier: Apache-2.0
// A page that goes and comes back, a frame of the grant table that is shown and hidden, and many calls in one.
#include "bench.h"
#include <xen/memory.h>
#include <xen/version.h>

#define PAGE 4096

enum { HIDDEN_GRANT_FRAME = 17 };       // one that the benchmarks of grants do not show

static char page[PAGE] __attribute__((aligned(PAGE)));
static char window[PAGE] __attribute__((aligned(PAGE)));
static struct multicall_entry calls[BATCH];

void decrease_populate(void) {
    xen_pfn_t frame = (unsigned long)page / PAGE;
    struct xen_memory_reservation reservation = { .nr_extents = 1, .domid = DOMID_SELF };
    set_xen_guest_handle(reservation.extent_start, &frame);
    memory_operation("decrease_reservation", XENMEM_decrease_reservation, &reservation, 1);
    memory_operation("populate_physmap", XENMEM_populate_physmap, &reservation, 1);
}

void add_remove(void) {
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table,
        .idx = HIDDEN_GRANT_FRAME, .gpfn = (unsigned long)window / PAGE };
    struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = add.gpfn };
    memory_operation("add_to_physmap", XENMEM_add_to_physmap, &add, 0);
    memory_operation("remove_from_physmap", XENMEM_remove_from_physmap, &remove, 0);
}

void multicall_prepare(void) {
    for (unsigned i = 0; i < BATCH; i++) {
        calls[i].op = __HYPERVISOR_xen_version;
        calls[i].args[0] = XENVER_version;
    }
}

void multicall(void) { hypercall(__HYPERVISOR_multicall, (unsigned long)calls, BATCH, 0); }
