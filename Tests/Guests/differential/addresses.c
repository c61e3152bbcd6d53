// SPDX-License-Identifier: Apache-2.0
// Structures at addresses of every kind.
#include "cases.h"
#include <xen/grant_table.h>
#include <xen/memory.h>

static char buffer[3][PAGE] PAGE_ALIGNED;           // the middle one is given back
static char readable[PAGE] PAGE_ALIGNED;            // seen again, read-only, where `window` was
static char window[PAGE] PAGE_ALIGNED;
static struct grant_entry_v1 table[PAGE / sizeof(struct grant_entry_v1)] PAGE_ALIGNED;

enum { REF = 8 };

static void map_read_only(void) {
    struct xen_add_to_physmap place = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = FRAME(table) };
    must_be("grant table", hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (unsigned long)&place, 0), 0);
    table[REF].frame = FRAME(readable);
    table[REF].flags = GTF_permit_access | GTF_readonly;
    struct gnttab_map_grant_ref map = {
        .host_addr = (unsigned long)window, .flags = GNTMAP_host_map | GNTMAP_readonly, .ref = REF };
    must_be("map", hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (unsigned long)&map, 1), 0);
    must_be("read-only page", map.status, GNTST_okay);
}

void addresses_start(void) {
    xen_pfn_t hole = FRAME(buffer[1]);
    struct xen_memory_reservation back = { .nr_extents = 1, .domid = DOMID_SELF };
    set_xen_guest_handle(back.extent_start, &hole);
    must_be("hole", hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (unsigned long)&back, 0), 1);
    map_read_only();
}

unsigned long missing_frame(void) { return FRAME(buffer[1]); }
unsigned long read_only_frame(void) { return FRAME(window); }

void *last_before_hole(size_t size) { return buffer[1] - size; }

static void copy(char *to, const char *from, size_t count) {
    while (count--) *to++ = *from++;
}

static void at(const char *name, const struct call *call, unsigned long address, char *readable_copy) {
    unsigned long arguments[3] = { call->before[0], call->before[1], call->after };
    if (call->position == 1) arguments[2] = call->after;
    arguments[call->position] = address;
    long code = hypercall(call->number, arguments[0], arguments[1], arguments[2]);
    tell(name, code);
    if (code >= 0 && call->undo && readable_copy) call->undo(readable_copy);
}

static void placed(const char *name, const struct call *call, char *place) {
    copy(place, call->structure, call->size);
    at(name, call, (unsigned long)place, place);
}

// What lies across the end of a page lies half in the hole, whose half is not written here.
static void half_missing(const char *name, const struct call *call, char *end_of_page) {
    size_t part = call->size / 2;
    copy(end_of_page - part, call->structure, part);
    at(name, call, (unsigned long)(end_of_page - part), NULL);
}

void sweep(const struct call *call) {
    static char crossing[2][PAGE] PAGE_ALIGNED;
    at("at address 0", call, 0, NULL);
    at("where nothing is", call, HOLE, NULL);
    at("in a device", call, DEVICE, NULL);
    at("at address 2^63", call, POWER(63), NULL);
    at("at address 2^64-1", call, ~0ul, NULL);
    placed("one byte off", call, buffer[0] + 1);
    placed("across two pages", call, crossing[1] - call->size / 2);
    half_missing("half where nothing is", call, buffer[1]);
    if (!call->copied_back) return;
    copy(readable, call->structure, call->size);
    at("in a page that can only be read", call, (unsigned long)window, NULL);
}
