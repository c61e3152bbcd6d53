// SPDX-License-Identifier: Apache-2.0
// Lists of grants that this guest gives to itself.
#include "waits.h"
#include <xen/grant_table.h>
#include <xen/memory.h>

enum { GRANTS = 512, FRAMES = 2, FIRST = 8, MAP_SHIFT = 37 };       // 128 GB: nothing is there

static struct grant_entry_v1 table[FRAMES * PAGE / sizeof(struct grant_entry_v1)] __attribute__((aligned(PAGE)));
static char granted[GRANTS][PAGE] __attribute__((aligned(PAGE)));
static char target[PAGE] __attribute__((aligned(PAGE)));
static struct gnttab_map_grant_ref maps[GRANTS];
static struct gnttab_unmap_grant_ref unmaps[GRANTS];
static struct gnttab_copy copies[GRANTS];

static void operation(const char *what, int number, void *list) {
    must_be(what, hypercall(__HYPERVISOR_grant_table_op, number, (unsigned long)list, GRANTS), 0);
}

void grants_prepare(void) {
    static int prepared;
    if (prepared++) return;
    for (unsigned i = 0; i < FRAMES; i++) {
        struct xen_add_to_physmap place = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = i,
            .gpfn = (unsigned long)table / PAGE + i };
        memory_operation("grant table", XENMEM_add_to_physmap, &place, 0);
    }
    for (unsigned i = 0; i < GRANTS; i++) {
        table[FIRST + i] = (struct grant_entry_v1){ .flags = GTF_permit_access, .frame = (unsigned long)granted[i] / PAGE };
        copies[i] = (struct gnttab_copy){ .source = { .u.ref = FIRST + i, .domid = 0 }, .flags = GNTCOPY_source_gref, .len = PAGE,
            .dest = { .u.gmfn = (unsigned long)target / PAGE, .domid = DOMID_SELF } };
    }
}

void grants_map(void) {
    for (unsigned i = 0; i < GRANTS; i++)
        maps[i] = (struct gnttab_map_grant_ref){ .host_addr = (1ul << MAP_SHIFT) + (unsigned long)i * PAGE, .flags = GNTMAP_host_map,
            .ref = FIRST + i };
    operation("map", GNTTABOP_map_grant_ref, maps);
    must_be("map of the last", maps[GRANTS - 1].status, GNTST_okay);
}

void grants_unmap(void) {
    for (unsigned i = 0; i < GRANTS; i++)
        unmaps[i] = (struct gnttab_unmap_grant_ref){ .host_addr = maps[i].host_addr, .handle = maps[i].handle };
    operation("unmap", GNTTABOP_unmap_grant_ref, unmaps);
    must_be("unmap of the last", unmaps[GRANTS - 1].status, GNTST_okay);
}

void grants_copy(void) {
    operation("copy", GNTTABOP_copy, copies);
    must_be("copy of the last", copies[GRANTS - 1].status, GNTST_okay);
}
