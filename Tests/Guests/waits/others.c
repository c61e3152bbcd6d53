// SPDX-License-Identifier: Apache-2.0
// A domain with much memory and many ports, which has never run.
#define __XEN_TOOLS__ 1
#include "waits.h"
#include "domains.h"
#include <xen/event_channel.h>
#include <xen/memory.h>

enum { PAGES = 4096, SPARSE = 200, SHOWN = 1024, PORTS = 1000, SPARSE_SHIFT = 9, SHOW_SHIFT = 36 };   // 64 GB: nothing of ours is there

static domid_t other;
static xen_pfn_t frames[PAGES];

static void populate(unsigned count, unsigned apart) {
    struct xen_domctl operation = { .u.max_mem.max_memkb = count * 4 };
    must_be("max_mem", domctl(XEN_DOMCTL_max_mem, other, &operation), 0);
    for (unsigned i = 0; i < count; i++) frames[i] = domain_memory / PAGE + ((unsigned long)i << apart);
    struct xen_memory_reservation pages = { .nr_extents = count, .domid = other };
    set_xen_guest_handle(pages.extent_start, frames);
    memory_operation("populate_physmap", XENMEM_populate_physmap, &pages, count);
}

void other_make(void) {
    other = domain_make();
    populate(PAGES, 0);
    for (unsigned i = 0; i < PORTS; i++) {
        struct evtchn_alloc_unbound unbound = { .dom = other, .remote_dom = 0 };
        event_operation("alloc_unbound", EVTCHNOP_alloc_unbound, &unbound);
    }
}

// Each page has a table of its own.
void other_make_sparse(void) {
    other = domain_make();
    populate(SPARSE, SPARSE_SHIFT);
}

void other_reset_events(void) {
    struct evtchn_reset reset = { .dom = other };
    event_operation("reset", EVTCHNOP_reset, &reset);
}

void other_show(void) {
    static xen_ulong_t indices[SHOWN];
    static int errors[SHOWN];
    for (unsigned i = 0; i < SHOWN; i++) {
        indices[i] = domain_memory / PAGE + i;
        frames[i] = (1ul << SHOW_SHIFT) / PAGE + i;
    }
    struct xen_add_to_physmap_batch batch = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = SHOWN, .u.foreign_domid = other };
    set_xen_guest_handle(batch.idxs, indices);
    set_xen_guest_handle(batch.gpfns, frames);
    set_xen_guest_handle(batch.errs, errors);
    memory_operation("foreign mapping", XENMEM_add_to_physmap_batch, &batch, 0);
    must_be("foreign mapping of the last", errors[SHOWN - 1], 0);
}

void other_hide(void) {
    for (unsigned i = 0; i < SHOWN; i++) {
        struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = (1ul << SHOW_SHIFT) / PAGE + i };
        memory_operation("end of a foreign mapping", XENMEM_remove_from_physmap, &remove, 0);
    }
    other_destroy();
}

void other_destroy(void) { domain_destroy(other); }
