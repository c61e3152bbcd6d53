// SPDX-License-Identifier: Apache-2.0
// grant_table_op but for copies. dom0 grants to itself; its table is version 1.
#include "cases.h"
#include <xen/grant_table.h>
#include <xen/memory.h>

enum { TABLE_FRAMES = 3, GOOD = 600, READ_ONLY, FOR_ANOTHER, INVALID, OF_HOLE, TRANSITIVE, ACCEPTING, OF_NOWHERE };
#define ENTRIES (TABLE_FRAMES * PAGE / sizeof(struct grant_entry_v1))

static struct grant_entry_v1 table[ENTRIES] PAGE_ALIGNED;
static char page[PAGE] PAGE_ALIGNED, target[2][PAGE] PAGE_ALIGNED;

struct grant_entry_v1 *grant_entries(void) { return table; }

static long ask(int op, void *list, unsigned count) {
    return hypercall(__HYPERVISOR_grant_table_op, op, (unsigned long)list, count);
}

static void sweep_grant(int op, const void *structure, size_t size) {
    sweep(&(struct call){ .number = __HYPERVISOR_grant_table_op, .before = { op }, .position = 1, .after = 1,
        .structure = structure, .size = size, .copied_back = 1 });
}

// Frames 1 and on of the table, so that references begin at 512; frame 0 is where `addresses.c` has put it.
static void table_start(void) {
    operation("grant table");
    for (unsigned frame = 1; frame < TABLE_FRAMES; frame++) {
        struct xen_add_to_physmap place = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = frame,
            .gpfn = FRAME(table) + frame };
        tell(numbered("frame ", frame), hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (unsigned long)&place, 0));
    }
    table[GOOD] = (struct grant_entry_v1){ GTF_permit_access, 0, FRAME(page) };
    table[READ_ONLY] = (struct grant_entry_v1){ GTF_permit_access | GTF_readonly, 0, FRAME(page) };
    table[FOR_ANOTHER] = (struct grant_entry_v1){ GTF_permit_access, NO_DOMAIN, FRAME(page) };
    table[OF_HOLE] = (struct grant_entry_v1){ GTF_permit_access, 0, missing_frame() };
    table[TRANSITIVE] = (struct grant_entry_v1){ GTF_transitive, 0, FRAME(page) };
    table[ACCEPTING] = (struct grant_entry_v1){ GTF_accept_transfer, 0, FRAME(page) };
    table[OF_NOWHERE] = (struct grant_entry_v1){ GTF_permit_access, 0, ~0u };
}

static long map_one(unsigned ref, domid_t domain, unsigned flags, void *where, struct gnttab_map_grant_ref *map) {
    *map = (struct gnttab_map_grant_ref){ .host_addr = (unsigned long)where, .flags = flags, .ref = ref, .dom = domain, .status = 55 };
    return ask(GNTTABOP_map_grant_ref, map, 1);
}

static void unmap_one(const char *name, unsigned handle, uint64_t address, uint64_t device_address) {
    struct gnttab_unmap_grant_ref unmap = { .host_addr = address, .dev_bus_addr = device_address, .handle = handle, .status = 55 };
    told(name, ask(GNTTABOP_unmap_grant_ref, &unmap, 1));
    field("status", (int64_t)unmap.status);
    end();
}

static void tell_entry(const char *name, const char *state, unsigned ref) {
    say("case: GNTTABOP_map_grant_ref/");
    say(name);
    say(state);
    say(": flags ");
    say_number(table[ref].flags);
    end();
}

static void map(void) {
    operation("GNTTABOP_map_grant_ref");
    const struct { const char *name; unsigned ref, flags; domid_t domain; void *where; } rows[] = {
        { "good", GOOD, GNTMAP_host_map, 0, target[0] }, { "read-only", READ_ONLY, GNTMAP_host_map | GNTMAP_readonly, 0, target[0] },
        { "writing what may be read", READ_ONLY, GNTMAP_host_map, 0, target[0] },
        { "not for us", FOR_ANOTHER, GNTMAP_host_map, 0, target[0] }, { "invalid entry", INVALID, GNTMAP_host_map, 0, target[0] },
        { "a page that is not there", OF_HOLE, GNTMAP_host_map, 0, target[0] }, { "transitive", TRANSITIVE, GNTMAP_host_map, 0, target[0] },
        { "accepting a transfer", ACCEPTING, GNTMAP_host_map, 0, target[0] }, { "a page that cannot be", OF_NOWHERE, GNTMAP_host_map, 0, target[0] },
        { "reference past the table", 1 << 20, GNTMAP_host_map, 0, target[0] }, { "reference 2^32-1", ~0u, GNTMAP_host_map, 0, target[0] },
        { "no flags", GOOD, 0, 0, target[0] }, { "read-only alone", GOOD, GNTMAP_readonly, 0, target[0] },
        { "device", GOOD, GNTMAP_device_map, 0, target[0] }, { "device and host", GOOD, GNTMAP_device_map | GNTMAP_host_map, 0, target[0] },
        { "by page table entry", GOOD, GNTMAP_host_map | GNTMAP_contains_pte, 0, target[0] },
        { "for an application", GOOD, GNTMAP_host_map | GNTMAP_application_map, 0, target[0] },
        { "a flag that there is not", GOOD, GNTMAP_host_map | 1 << 5, 0, target[0] }, { "guest's flags", GOOD, GNTMAP_host_map | 1 << 16, 0, target[0] },
        { "no domain", GOOD, GNTMAP_host_map, NO_DOMAIN, target[0] }, { "DOMID_SELF", GOOD, GNTMAP_host_map, DOMID_SELF, target[0] },
        { "DOMID_XEN", GOOD, GNTMAP_host_map, DOMID_XEN, target[0] }, { "at 2^64-4096", GOOD, GNTMAP_host_map, 0, (void *)~0xffful },
        { "at 2^52", GOOD, GNTMAP_host_map, 0, (void *)POWER(52) }, { "at an address within a page", GOOD, GNTMAP_host_map, 0, target[0] + 8 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct gnttab_map_grant_ref map;
        long code = map_one(rows[i].ref, rows[i].domain, rows[i].flags, rows[i].where, &map);
        told(rows[i].name, code);
        field("status", (int64_t)map.status);
        end();
        if (map.status || code) continue;
        if (rows[i].flags == GNTMAP_host_map) tell_entry(rows[i].name, " mapped", rows[i].ref);
        struct gnttab_unmap_grant_ref unmap = { .host_addr = map.host_addr, .handle = map.handle };
        ask(GNTTABOP_unmap_grant_ref, &unmap, 1);
        if (rows[i].flags == GNTMAP_host_map) tell_entry(rows[i].name, " unmapped", rows[i].ref);
    }
    struct gnttab_map_grant_ref bad = { .ref = ~0u, .flags = GNTMAP_host_map };
    sweep_grant(GNTTABOP_map_grant_ref, &bad, sizeof(bad));
}

static void unmap(void) {
    operation("GNTTABOP_unmap_grant_ref");
    struct gnttab_map_grant_ref first, second;
    map_one(GOOD, 0, GNTMAP_host_map, target[0], &first);
    map_one(GOOD, 0, GNTMAP_host_map | GNTMAP_readonly, target[1], &second);
    unmap_one("handle not in use", 40, (unsigned long)target[0], 0);
    unmap_one("handle 2^32-1", ~0u, (unsigned long)target[0], 0);
    unmap_one("handle 2^20", 1 << 20, (unsigned long)target[0], 0);
    unmap_one("another's address", first.handle, (unsigned long)target[1], 0);
    unmap_one("another address where nothing is", first.handle, HOLE, 0);
    unmap_one("device address", first.handle, (unsigned long)target[0], 4096);
    unmap_one("no address", second.handle, 0, 0);
    unmap_one("first", first.handle, (unsigned long)target[0], 0);
    unmap_one("first again", first.handle, (unsigned long)target[0], 0);
    unmap_one("second", second.handle, (unsigned long)target[1], 0);
    unmap_one("second again", second.handle, (unsigned long)target[1], 0);
    tell_field("entry afterwards", 0, "flags", table[GOOD].flags);
    struct gnttab_unmap_grant_ref bad = { .handle = ~0u };
    sweep_grant(GNTTABOP_unmap_grant_ref, &bad, sizeof(bad));
    operation("GNTTABOP_unmap_and_replace");
    map_one(GOOD, 0, GNTMAP_host_map, target[0], &first);
    struct gnttab_unmap_and_replace replace = { .host_addr = (unsigned long)target[0], .new_addr = (unsigned long)target[1],
        .handle = first.handle, .status = 55 };
    told("by another page", ask(GNTTABOP_unmap_and_replace, &replace, 1));
    field("status", (int64_t)replace.status);
    end();
    replace.new_addr = 0;
    told("by nothing", ask(GNTTABOP_unmap_and_replace, &replace, 1));
    field("status", (int64_t)replace.status);
    end();
    replace.handle = ~0u;
    sweep_grant(GNTTABOP_unmap_and_replace, &replace, sizeof(replace));
}

static void counts(void) {
    operation("grant_table_op");
    static const unsigned operations[] = { GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref, GNTTABOP_setup_table, GNTTABOP_dump_table,
        GNTTABOP_transfer, GNTTABOP_copy, GNTTABOP_query_size, GNTTABOP_unmap_and_replace, GNTTABOP_set_version,
        GNTTABOP_get_status_frames, GNTTABOP_get_version, GNTTABOP_swap_grant_ref, GNTTABOP_cache_flush };
    for (unsigned i = 0; i < COUNT(operations); i++) {
        tell(numbered("no elements where nothing is, operation ", operations[i]), ask(operations[i], (void *)HOLE, 0));
        tell(numbered("2^31-1 elements where nothing is, operation ", operations[i]), ask(operations[i], (void *)HOLE, 0x7fffffff));
        tell(numbered("2^31 elements, operation ", operations[i]), ask(operations[i], (void *)HOLE, 1u << 31));
        tell(numbered("2^32-1 elements, operation ", operations[i]), ask(operations[i], (void *)HOLE, ~0u));
    }
    tell("operation 2^12", ask(1 << 12, page, 1));
    tell("operation 2^31", ask(1 << 31, page, 1));
}

void grant_cases(void) {
    table_start();
    map();
    unmap();
    counts();
}
