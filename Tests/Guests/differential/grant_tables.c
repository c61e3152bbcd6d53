// SPDX-License-Identifier: Apache-2.0
// grant_table_op: the table itself, copies, cache maintenance.
#include "cases.h"
#include <xen/grant_table.h>
#include <xen/memory.h>

enum { GOOD = 700, READ_ONLY, OTHER, FREE, FREE_TOO };

static char source[PAGE] PAGE_ALIGNED, target[PAGE] PAGE_ALIGNED;
static struct grant_entry_v1 *table;

static long ask(int op, void *list, unsigned count) {
    return hypercall(__HYPERVISOR_grant_table_op, op, (unsigned long)list, count);
}

static void tell_status(const char *name, long code, int16_t status) {
    told(name, code);
    field("status", (int64_t)status);
    end();
}

static void sweep_grant(int op, const void *structure, size_t size) {
    sweep(&(struct call){ .number = __HYPERVISOR_grant_table_op, .before = { op }, .position = 1, .after = 1,
        .structure = structure, .size = size, .copied_back = 1 });
}

static void copies(void) {
    operation("GNTTABOP_copy");
    enum { NONE, FROM = GNTCOPY_source_gref, TO = GNTCOPY_dest_gref };
    unsigned long here = FRAME(source), there = FRAME(target);
    const struct { const char *name; unsigned flags; domid_t from_domain, to_domain; unsigned long from, to;
                   uint16_t from_offset, to_offset, length; } rows[] = {
        { "frame to frame", NONE, DOMID_SELF, DOMID_SELF, here, there, 0, 0, 64 },
        { "grant to frame", FROM, 0, DOMID_SELF, GOOD, there, 0, 0, PAGE }, { "grant to frame, DOMID_SELF", FROM, DOMID_SELF, DOMID_SELF, GOOD, there, 0, 0, PAGE },
        { "frame to grant", TO, DOMID_SELF, 0, here, OTHER, 8, 9, 100 }, { "grant to grant", FROM | TO, 0, 0, GOOD, OTHER, 0, 0, 1 },
        { "to a grant that may be read", TO, DOMID_SELF, 0, here, READ_ONLY, 0, 0, 1 }, { "from a grant that may be read", FROM, 0, DOMID_SELF, READ_ONLY, there, 0, 0, 1 },
        { "nothing", NONE, DOMID_SELF, DOMID_SELF, here, there, 0, 0, 0 }, { "nothing at the end", NONE, DOMID_SELF, DOMID_SELF, here, there, PAGE, PAGE, 0 },
        { "past the source's end", NONE, DOMID_SELF, DOMID_SELF, here, there, 4000, 0, 97 }, { "past the target's end", NONE, DOMID_SELF, DOMID_SELF, here, there, 0, 4000, 97 },
        { "offset 65535", NONE, DOMID_SELF, DOMID_SELF, here, there, 65535, 0, 1 }, { "65535 bytes", NONE, DOMID_SELF, DOMID_SELF, here, there, 0, 0, 65535 },
        { "frames by the domain's number", NONE, 0, 0, here, there, 0, 0, 1 }, { "from another's frame", NONE, NO_DOMAIN, DOMID_SELF, here, there, 0, 0, 1 },
        { "to another's frame", NONE, DOMID_SELF, NO_DOMAIN, here, there, 0, 0, 1 }, { "grant of no domain", FROM, NO_DOMAIN, DOMID_SELF, GOOD, there, 0, 0, 1 },
        { "grant of DOMID_XEN", FROM, DOMID_XEN, DOMID_SELF, GOOD, there, 0, 0, 1 }, { "free entry", FROM, 0, DOMID_SELF, FREE, there, 0, 0, 1 },
        { "reference past the table", FROM, 0, DOMID_SELF, 1 << 20, there, 0, 0, 1 }, { "reference 2^32-1", FROM, 0, DOMID_SELF, ~0u, there, 0, 0, 1 },
        { "from a frame not there", NONE, DOMID_SELF, DOMID_SELF, missing_frame(), there, 0, 0, 1 },
        { "from a frame that can only be read", NONE, DOMID_SELF, DOMID_SELF, read_only_frame(), there, 0, 0, 1 },
        { "to a frame that can only be read", NONE, DOMID_SELF, DOMID_SELF, here, read_only_frame(), 0, 0, 1 },
        { "from a device", NONE, DOMID_SELF, DOMID_SELF, FRAME(DEVICE), there, 0, 0, 1 }, { "to frame 2^64-1", NONE, DOMID_SELF, DOMID_SELF, here, ~0ul, 0, 0, 1 },
        { "flags that there are not", 4, DOMID_SELF, DOMID_SELF, here, there, 0, 0, 1 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct gnttab_copy copy = { .source = { .domid = rows[i].from_domain, .offset = rows[i].from_offset },
            .dest = { .domid = rows[i].to_domain, .offset = rows[i].to_offset }, .len = rows[i].length, .flags = rows[i].flags, .status = 55 };
        if (rows[i].flags & FROM) copy.source.u.ref = rows[i].from; else copy.source.u.gmfn = rows[i].from;
        if (rows[i].flags & TO) copy.dest.u.ref = rows[i].to; else copy.dest.u.gmfn = rows[i].to;
        source[0] = i + 1;
        target[0] = 0;
        told(rows[i].name, ask(GNTTABOP_copy, &copy, 1));
        field("status", (int64_t)copy.status);
        field("copied", target[0] == source[0]);
        end();
    }
    struct gnttab_copy bad = { .source.domid = NO_DOMAIN, .dest.domid = NO_DOMAIN };
    sweep_grant(GNTTABOP_copy, &bad, sizeof(bad));
}

static void set_up(void) {
    operation("GNTTABOP_setup_table");
    static xen_pfn_t list[128];
    const struct { const char *name; domid_t domain; unsigned frames; void *list; } rows[] = {
        { "no frames", DOMID_SELF, 0, list }, { "one", DOMID_SELF, 1, list }, { "by number", 0, 4, list }, { "as many as can be", DOMID_SELF, 64, list },
        { "one too many", DOMID_SELF, 65, list }, { "2^32-1", DOMID_SELF, ~0u, list }, { "no list", DOMID_SELF, 4, (void *)HOLE },
        { "no frames, no list", DOMID_SELF, 0, 0 }, { "no domain", NO_DOMAIN, 1, list }, { "DOMID_XEN", DOMID_XEN, 1, list },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct gnttab_setup_table setup = { .dom = rows[i].domain, .nr_frames = rows[i].frames, .status = 55 };
        set_xen_guest_handle(setup.frame_list, rows[i].list);
        for (unsigned j = 0; j < COUNT(list); j++) list[j] = 77;
        long code = ask(GNTTABOP_setup_table, &setup, 1);
        told(rows[i].name, code);
        field("status", (int64_t)setup.status);
        unsigned written = 0, placed = 0;
        for (unsigned j = 0; j < COUNT(list); j++) written += list[j] != 77, placed += list[j] != 77 && list[j] != ~0ul;
        field("written", written);
        field("placed", placed);
        end();
    }
    struct gnttab_setup_table bad = { .dom = NO_DOMAIN };
    sweep_grant(GNTTABOP_setup_table, &bad, sizeof(bad));
    operation("GNTTABOP_query_size");
    static const domid_t domains[] = { DOMID_SELF, 0, NO_DOMAIN, DOMID_XEN };
    for (unsigned i = 0; i < COUNT(domains); i++) {
        struct gnttab_query_size query = { .dom = domains[i], .nr_frames = 1, .max_nr_frames = 2, .status = 55 };
        told(numbered("domain ", domains[i]), ask(GNTTABOP_query_size, &query, 1));
        field("status", (int64_t)query.status);
        field("frames", query.nr_frames);
        field("most", query.max_nr_frames);
        end();
    }
    struct gnttab_query_size other = { .dom = NO_DOMAIN };
    sweep_grant(GNTTABOP_query_size, &other, sizeof(other));
}

static void versions(void) {
    operation("GNTTABOP_set_version");
    static const uint32_t numbers[] = { 0, 1, 2, 3, ~0u };
    for (unsigned i = 0; i < COUNT(numbers); i++) {
        struct gnttab_set_version set = { .version = numbers[i] };
        long code = ask(GNTTABOP_set_version, &set, 1);
        told(numbered("version ", numbers[i]), code);
        field("version", set.version);
        end();
    }
    struct gnttab_set_version bad = { .version = 9 };
    sweep_grant(GNTTABOP_set_version, &bad, sizeof(bad));
    operation("GNTTABOP_get_version");
    static const domid_t domains[] = { DOMID_SELF, 0, NO_DOMAIN, DOMID_XEN };
    for (unsigned i = 0; i < COUNT(domains); i++) {
        struct gnttab_get_version get = { .dom = domains[i], .version = 99 };
        long code = ask(GNTTABOP_get_version, &get, 1);
        tell_field(numbered("domain ", domains[i]), code, "version", get.version);
    }
    struct gnttab_get_version other = { .dom = NO_DOMAIN };
    sweep_grant(GNTTABOP_get_version, &other, sizeof(other));
    operation("GNTTABOP_get_status_frames");
    static uint64_t list[4];
    for (unsigned frames = 0; frames < 3; frames++) {
        struct gnttab_get_status_frames get = { .dom = DOMID_SELF, .nr_frames = frames, .status = 55 };
        set_xen_guest_handle(get.frame_list, list);
        tell_status(numbered("frames ", frames), ask(GNTTABOP_get_status_frames, &get, 1), get.status);
    }
    struct gnttab_get_status_frames none = { .dom = NO_DOMAIN };
    sweep_grant(GNTTABOP_get_status_frames, &none, sizeof(none));
}

static void swap(void) {
    operation("GNTTABOP_swap_grant_ref");
    table[FREE_TOO].domid = 5;
    const struct { const char *name; uint32_t a, b; } rows[] = {
        { "free ones", FREE, FREE_TOO }, { "the same", FREE, FREE }, { "past the table", FREE, 1 << 20 }, { "2^32-1", ~0u, FREE },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct gnttab_swap_grant_ref swap = { .ref_a = rows[i].a, .ref_b = rows[i].b, .status = 55 };
        long code = ask(GNTTABOP_swap_grant_ref, &swap, 1);
        told(rows[i].name, code);
        field("status", (int64_t)swap.status);
        field("domain of the first", table[FREE].domid);
        end();
    }
    struct gnttab_swap_grant_ref bad = { .ref_a = ~0u };
    sweep_grant(GNTTABOP_swap_grant_ref, &bad, sizeof(bad));
}

static void cache_flush(void) {
    operation("GNTTABOP_cache_flush");
    uint64_t here = (unsigned long)source;
    enum { CLEAN = GNTTAB_CACHE_CLEAN, INVAL = GNTTAB_CACHE_INVAL };
    const struct { const char *name; uint64_t address; uint16_t offset, length; uint32_t op; } rows[] = {
        { "clean", here, 0, PAGE, CLEAN }, { "clean and invalidate", here, 64, 128, CLEAN | INVAL }, { "invalidate", here, 0, 64, INVAL },
        { "no bytes", here, 0, 0, CLEAN }, { "no operation", here, 0, 64, 0 }, { "operation 4", here, 0, 64, 4 },
        { "within a page", here + 8, 0, 64, CLEAN }, { "past the page", here, 4000, 97, CLEAN }, { "offset 65535", here, 65535, 1, CLEAN },
        { "a device", DEVICE, 0, 64, CLEAN }, { "a frame where nothing is", HOLE, 0, 64, CLEAN }, { "2^64-4096", ~0xffful, 0, 64, CLEAN },
        { "by reference", GOOD, 0, 64, CLEAN | GNTTAB_CACHE_SOURCE_GREF },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct gnttab_cache_flush flush = { .a.dev_bus_addr = rows[i].address, .offset = rows[i].offset, .length = rows[i].length, .op = rows[i].op };
        tell(rows[i].name, ask(GNTTABOP_cache_flush, &flush, 1));
    }
    struct gnttab_cache_flush bad = { .op = 8 };
    sweep_grant(GNTTABOP_cache_flush, &bad, sizeof(bad));
}

static void transfer(void) {
    operation("GNTTABOP_transfer");
    struct gnttab_transfer transfer = { .mfn = FRAME(target), .domid = NO_DOMAIN, .ref = FREE, .status = 55 };
    tell_status("to no domain", ask(GNTTABOP_transfer, &transfer, 1), transfer.status);
    transfer = (struct gnttab_transfer){ .mfn = ~0ul, .domid = 0, .ref = FREE, .status = 55 };
    tell_status("of no page", ask(GNTTABOP_transfer, &transfer, 1), transfer.status);
    sweep_grant(GNTTABOP_transfer, &transfer, sizeof(transfer));
    operation("GNTTABOP_dump_table");
    struct gnttab_dump_table dump = { .dom = DOMID_SELF, .status = 55 };
    tell_status("oneself", ask(GNTTABOP_dump_table, &dump, 1), dump.status);
}

void grant_table_cases(void) {
    table = grant_entries();
    table[GOOD] = (struct grant_entry_v1){ GTF_permit_access, 0, FRAME(source) };
    table[READ_ONLY] = (struct grant_entry_v1){ GTF_permit_access | GTF_readonly, 0, FRAME(source) };
    table[OTHER] = (struct grant_entry_v1){ GTF_permit_access, 0, FRAME(target) };
    copies();
    cache_flush();
    swap();
    transfer();
    versions();
    set_up();
}
