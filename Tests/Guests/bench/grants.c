// SPDX-License-Identifier: Apache-2.0
// dom0 grants to itself: the hypervisor does for it what it does for two domains.
#include "bench.h"
#include <xen/grant_table.h>
#include <xen/memory.h>

#define PAGE 4096

enum { FRAMES = 16, ENTRIES = FRAMES * PAGE / sizeof(struct grant_entry_v1), FIRST = 8 };
enum { LOAD_ADDRESS_SHIFT = 37 };       // 128 GB: nothing is there

static struct grant_entry_v1 table[ENTRIES] __attribute__((aligned(PAGE)));
static char granted[BATCH][PAGE] __attribute__((aligned(PAGE)));
static char places[BATCH][PAGE] __attribute__((aligned(PAGE)));     // where grants are mapped: their RAM is given back
static char targets[BATCH][PAGE] __attribute__((aligned(PAGE)));    // what is copied to
static struct gnttab_map_grant_ref maps[BATCH];
static struct gnttab_unmap_grant_ref unmaps[BATCH];
static struct gnttab_copy copies[BATCH];

static void grant(unsigned ref, void *page) {
    table[ref].domid = 0;
    table[ref].frame = (unsigned long)page / PAGE;
    __atomic_store_n(&table[ref].flags, GTF_permit_access, __ATOMIC_RELEASE);
}

static void grant_operation(const char *what, int operation, void *list, unsigned count) {
    long code = hypercall(__HYPERVISOR_grant_table_op, operation, (unsigned long)list, count);
    if (code) fail(what, code);
}

static void check(const char *what, int status) {
    if (status != GNTST_okay) fail(what, status);
}

static void table_start(void) {
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        struct xen_add_to_physmap place = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = frame,
            .gpfn = (unsigned long)table / PAGE + frame };
        long code = hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (unsigned long)&place, 0);
        if (code) fail("grant table", code);
    }
}

static void give_back(char (*pages)[PAGE]) {
    xen_pfn_t frames[BATCH];
    for (unsigned i = 0; i < BATCH; i++) frames[i] = (unsigned long)pages[i] / PAGE;
    struct xen_memory_reservation back = { .nr_extents = BATCH, .domid = DOMID_SELF };
    set_xen_guest_handle(back.extent_start, frames);
    long done = hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (unsigned long)&back, 0);
    if (done != BATCH) fail("decrease_reservation", done);
}

// A page for each mapping: where Xen moves what its owner maps by a grant, the page is gone from where it was.
static void grant_fresh(unsigned count) {
#ifdef FRESH_RAM
    static unsigned long fresh = FRESH_RAM;
    for (unsigned i = 0; i < count; i++, fresh += PAGE) table[FIRST + i].frame = fresh / PAGE;
#else
    (void)count;
#endif
}

void grants_start(void) {
    static int started;
    if (!started) table_start(), give_back(places);
    for (unsigned i = 0; i < BATCH; i++) grant(FIRST + i, granted[i]);
    if (started++) return;
    for (unsigned i = 0; i < BATCH; i++) {
        maps[i] = (struct gnttab_map_grant_ref){
            .host_addr = (unsigned long)places[i], .flags = GNTMAP_host_map, .ref = FIRST + i, .dom = 0 };
        unmaps[i].host_addr = (unsigned long)places[i];
        copies[i] = (struct gnttab_copy){
            .source = { .u.ref = FIRST + i, .domid = 0 }, .flags = GNTCOPY_source_gref, .len = PAGE,
            .dest = { .u.gmfn = (unsigned long)targets[i] / PAGE, .domid = DOMID_SELF } };
    }
}

static void map_unmap(unsigned count) {
    grant_fresh(count);
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (unsigned long)maps, count);
    for (unsigned i = 0; i < count; i++) unmaps[i].handle = maps[i].handle;
    hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (unsigned long)unmaps, count);
}

void grant_map_unmap(void) { map_unmap(1); }
void grant_map_unmap_batch(void) { map_unmap(BATCH); }
void grant_copy(void) { hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)copies, 1); }
void grant_copy_batch(void) { hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)copies, BATCH); }

// The statuses of the last round stand for those before, which were the same operations.
void grants_finish(void) {
    if (maps[0].dev_bus_addr) check("map", maps[0].status), check("unmap", unmaps[0].status);
    check("copy", copies[0].status);
    check("copy of a batch", copies[BATCH - 1].status);
}

void grants_map(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        unsigned ref = FIRST + BATCH + i;
        grant(ref, granted[i % BATCH]);
        struct gnttab_map_grant_ref map = { .host_addr = (1ul << LOAD_ADDRESS_SHIFT) + (unsigned long)i * PAGE,
            .flags = GNTMAP_host_map, .ref = ref, .dom = 0 };
        grant_operation("map", GNTTABOP_map_grant_ref, &map, 1);
        check("map of many", map.status);
    }
}
