// SPDX-License-Identifier: Apache-2.0
// A domain whose memory is there when it is touched.
#define __XEN_TOOLS__ 1
#include "bench.h"
#include "domains.h"
#include "touch.h"
#include <xen/memory.h>
#include <xen/sched.h>

enum { PAGE = 4096, PAGES = TOUCH_BATCHES * TOUCHED, KIBIBYTES = 2 * PAGES * 4 };

extern const uint32_t domain_touches[], domain_touches_end[];

// Single pages, so that each is populated by a fault of its own, and frames for all of them.
static void promise(domid_t domain) {
    static xen_pfn_t frames[PAGES];
    for (unsigned i = 0; i < PAGES; i++) frames[i] = TOUCH_FIRST / PAGE + i;
    struct xen_memory_reservation pages = { .nr_extents = PAGES, .domid = domain, .mem_flags = XENMEMF_populate_on_demand };
    set_xen_guest_handle(pages.extent_start, frames);
    memory_operation("populate on demand", XENMEM_populate_physmap, &pages, PAGES);
    struct xen_pod_target target = { .target_pages = PAGES, .domid = domain };
    memory_operation("set_pod_target", XENMEM_set_pod_target, &target, 0);
}

// The domain counts for itself, while we wait.
uint64_t touch_on_demand(void) {
    domid_t domain = domain_make();
    struct xen_domctl operation = { .u.max_mem.max_memkb = KIBIBYTES };
    long code = domctl(XEN_DOMCTL_max_mem, domain, &operation);
    if (code) fail("max_mem", code);
    promise(domain);
    domain_run(domain, domain_touches, domain_touches_end - domain_touches);
    volatile uint32_t *results = domain_show(domain, domain_memory / PAGE) + TOUCH_RESULTS / sizeof(uint32_t);
    while (!results[TOUCH_BATCHES]) hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < TOUCH_BATCHES; i++)
        if (results[i] < least) least = results[i];
    domain_hide();
    // It stays, asleep: its end would wait for the other processors, whose turn comes once in 2^31 instructions under -icount.
    return least;
}
