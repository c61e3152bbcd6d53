// SPDX-License-Identifier: Apache-2.0
// memory_op: what appears where in guest-physical memory.
#include "cases.h"
#include <xen/memory.h>

static char place[4][PAGE] PAGE_ALIGNED;

static long ask(unsigned long op, void *argument) {
    return hypercall(__HYPERVISOR_memory_op, op, (unsigned long)argument, 0);
}

static void sweep_memory(int op, const void *structure, size_t size) {
    sweep(&(struct call){ .number = __HYPERVISOR_memory_op, .before = { op }, .position = 1,
        .structure = structure, .size = size });
}

static void add(void) {
    operation("XENMEM_add_to_physmap");
    const struct { const char *name; domid_t domain; unsigned space; unsigned long index, frame; } rows[] = {
        { "shared_info a second time", DOMID_SELF, XENMAPSPACE_shared_info, 0, FRAME(place[0]) },
        { "shared_info, index 1", DOMID_SELF, XENMAPSPACE_shared_info, 1, FRAME(place[0]) },
        { "grant frame 3", DOMID_SELF, XENMAPSPACE_grant_table, 3, FRAME(place[1]) },
        { "grant frame 3 in the same place", DOMID_SELF, XENMAPSPACE_grant_table, 3, FRAME(place[1]) },
        { "grant frame 3 elsewhere", DOMID_SELF, XENMAPSPACE_grant_table, 3, FRAME(place[2]) },
        { "grant frame 4, by number", 0, XENMAPSPACE_grant_table, 4, FRAME(place[2]) },
        { "grant frame past the limit", DOMID_SELF, XENMAPSPACE_grant_table, 1000, FRAME(place[3]) },
        { "grant frame 2^32", DOMID_SELF, XENMAPSPACE_grant_table, POWER(32), FRAME(place[3]) },
        { "grant frame 2^64-1", DOMID_SELF, XENMAPSPACE_grant_table, ~0ul, FRAME(place[3]) },
        { "status frame on version 1", DOMID_SELF, XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, FRAME(place[3]) },
        { "frame 2^64-1", DOMID_SELF, XENMAPSPACE_grant_table, 5, ~0ul },
        { "frame 2^52", DOMID_SELF, XENMAPSPACE_grant_table, 5, POWER(52) },
        { "frame 2^36", DOMID_SELF, XENMAPSPACE_grant_table, 5, POWER(36) },
        { "of another frame", DOMID_SELF, XENMAPSPACE_gmfn, FRAME(place[0]), FRAME(place[3]) },
        { "of a range of frames", DOMID_SELF, XENMAPSPACE_gmfn_range, FRAME(place[0]), FRAME(place[3]) },
        { "foreign", DOMID_SELF, XENMAPSPACE_gmfn_foreign, FRAME(place[0]), FRAME(place[3]) },
        { "device", DOMID_SELF, XENMAPSPACE_dev_mmio, FRAME(DEVICE), FRAME(place[3]) },
        { "a space that there is not", DOMID_SELF, 6, 0, FRAME(place[3]) },
        { "space 2^32-1", DOMID_SELF, ~0u, 0, FRAME(place[3]) },
        { "no domain", NO_DOMAIN, XENMAPSPACE_grant_table, 5, FRAME(place[3]) },
        { "DOMID_XEN", DOMID_XEN, XENMAPSPACE_grant_table, 5, FRAME(place[3]) },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct xen_add_to_physmap add = { .domid = rows[i].domain, .space = rows[i].space, .idx = rows[i].index,
            .gpfn = rows[i].frame };
        tell(rows[i].name, ask(XENMEM_add_to_physmap, &add));
    }
    struct xen_add_to_physmap none = { .domid = NO_DOMAIN };
    sweep_memory(XENMEM_add_to_physmap, &none, sizeof(none));
}

static void remove(void) {
    operation("XENMEM_remove_from_physmap");
    const struct { const char *name; domid_t domain; unsigned long frame; } rows[] = {
        { "grant frame", DOMID_SELF, FRAME(place[1]) }, { "again", DOMID_SELF, FRAME(place[1]) }, { "RAM", DOMID_SELF, FRAME(place[0]) },
        { "RAM again", DOMID_SELF, FRAME(place[0]) }, { "frame not there", DOMID_SELF, FRAME(HOLE) }, { "frame 2^64-1", DOMID_SELF, ~0ul },
        { "frame 2^52", DOMID_SELF, POWER(52) }, { "device", DOMID_SELF, FRAME(DEVICE) }, { "device again", DOMID_SELF, FRAME(DEVICE) }, { "no domain", NO_DOMAIN, FRAME(place[0]) },
        { "DOMID_XEN", DOMID_XEN, FRAME(place[0]) },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct xen_remove_from_physmap remove = { .domid = rows[i].domain, .gpfn = rows[i].frame };
        tell(rows[i].name, ask(XENMEM_remove_from_physmap, &remove));
    }
    struct xen_remove_from_physmap none = { .domid = NO_DOMAIN };
    sweep_memory(XENMEM_remove_from_physmap, &none, sizeof(none));
    struct xen_add_to_physmap again = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 3, .gpfn = FRAME(place[1]) };
    operation("XENMEM_add_to_physmap");
    tell("grant frame 3 after its removal", ask(XENMEM_add_to_physmap, &again));
    tell("with progress that it does not make", ask(XENMEM_add_to_physmap | 1 << 6, &again));
}

struct batch { const char *name; domid_t domain; unsigned space, size; xen_ulong_t *indexes; xen_pfn_t *frames; int *errors; domid_t foreign; };

static void add_batch(void) {
    operation("XENMEM_add_to_physmap_batch");
    static xen_ulong_t indexes[3];
    static xen_pfn_t frames[3];
    static int errors[3];
    void *hole = (void *)HOLE;
    const struct batch rows[] = {
        { "three, the second bad", DOMID_SELF, XENMAPSPACE_grant_table, 3, indexes, frames, errors, 0 },
        { "none", DOMID_SELF, XENMAPSPACE_grant_table, 0, indexes, frames, errors, 0 },
        { "none, no lists", DOMID_SELF, XENMAPSPACE_grant_table, 0, 0, 0, 0, 0 },
        { "no indexes", DOMID_SELF, XENMAPSPACE_grant_table, 1, hole, frames, errors, 0 },
        { "no frames", DOMID_SELF, XENMAPSPACE_grant_table, 1, indexes, hole, errors, 0 },
        { "no errors", DOMID_SELF, XENMAPSPACE_grant_table, 1, indexes, frames, hole, 0 },
        { "range", DOMID_SELF, XENMAPSPACE_gmfn_range, 1, indexes, frames, errors, 0 },
        { "gmfn", DOMID_SELF, XENMAPSPACE_gmfn, 1, indexes, frames, errors, 0 },
        { "foreign, no domain", DOMID_SELF, XENMAPSPACE_gmfn_foreign, 1, indexes, frames, errors, NO_DOMAIN },
        { "foreign, oneself", DOMID_SELF, XENMAPSPACE_gmfn_foreign, 1, indexes, frames, errors, DOMID_SELF },
        { "foreign, oneself by number", DOMID_SELF, XENMAPSPACE_gmfn_foreign, 1, indexes, frames, errors, 0 },
        { "foreign, DOMID_XEN", DOMID_SELF, XENMAPSPACE_gmfn_foreign, 1, indexes, frames, errors, DOMID_XEN },
        { "device, with something else named", DOMID_SELF, XENMAPSPACE_dev_mmio, 1, indexes, frames, errors, 1 },
        { "a space that there is not", DOMID_SELF, 9, 1, indexes, frames, errors, 0 },
        { "no domain", NO_DOMAIN, XENMAPSPACE_grant_table, 1, indexes, frames, errors, 0 },
        { "65535, no lists", DOMID_SELF, XENMAPSPACE_grant_table, 65535, hole, hole, hole, 0 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        for (unsigned j = 0; j < 3; j++) {
            indexes[j] = 6 + j + (j == 1 ? 1000 : 0);
            frames[j] = FRAME(place[0]) + (j == 2 ? 3 : 0);
            errors[j] = 55;
        }
        struct xen_add_to_physmap_batch batch = { .domid = rows[i].domain, .space = rows[i].space, .size = rows[i].size,
            .u.foreign_domid = rows[i].foreign };
        set_xen_guest_handle(batch.idxs, rows[i].indexes);
        set_xen_guest_handle(batch.gpfns, rows[i].frames);
        set_xen_guest_handle(batch.errs, rows[i].errors);
        told(rows[i].name, ask(XENMEM_add_to_physmap_batch, &batch));
        for (unsigned j = 0; j < 3; j++) field("error", (int64_t)errors[j]);
        end();
    }
    struct xen_add_to_physmap_batch none = { .domid = NO_DOMAIN };
    sweep_memory(XENMEM_add_to_physmap_batch, &none, sizeof(none));
    struct xen_add_to_physmap_batch empty = { .domid = DOMID_SELF };
    tell("progress 1 of none", ask(XENMEM_add_to_physmap_batch | 1 << 6, &empty));
    empty.size = 1;
    tell("progress 1 of 1", ask(XENMEM_add_to_physmap_batch | 1 << 6, &empty));
    tell("progress 2 of 1", ask(XENMEM_add_to_physmap_batch | 2 << 6, &empty));
    tell("progress 2^20", ask(XENMEM_add_to_physmap_batch | 1ul << 26, &empty));
}

void physmap_cases(void) {
    add();
    remove();
    add_batch();
}
