// SPDX-License-Identifier: Apache-2.0
// memory_op: reservations and what can be asked about memory. How much a domain has is told only as being the same
// before and after.
#include "cases.h"
#include <xen/memory.h>

static char page[2][PAGE] PAGE_ALIGNED;

static long ask(unsigned long op, void *argument) {
    return hypercall(__HYPERVISOR_memory_op, op, (unsigned long)argument, 0);
}

static void sweep_memory(int op, const void *structure, size_t size, int copied_back) {
    sweep(&(struct call){ .number = __HYPERVISOR_memory_op, .before = { op }, .position = 1,
        .structure = structure, .size = size, .copied_back = copied_back });
}

// What the three operations on reservations have in common. Each row is undone by the other two.
static void reservation(const char *name, int op) {
    operation(name);
    static xen_pfn_t list[2];
    const struct { const char *name; xen_pfn_t *list; unsigned long count; unsigned order, flags; domid_t domain; } rows[] = {
        { "no extents", list, 0, 0, 0, DOMID_SELF }, { "no extents, no list", 0, 0, 0, 0, DOMID_SELF },
        { "list where nothing is", (xen_pfn_t *)HOLE, 1, 0, 0, DOMID_SELF }, { "list at address 0", 0, 1, 0, 0, DOMID_SELF },
        { "2^32-1 extents where nothing is", (xen_pfn_t *)HOLE, ~0u, 0, 0, DOMID_SELF },
        { "2^57 extents where nothing is", (xen_pfn_t *)HOLE, POWER(57), 0, 0, DOMID_SELF },
        { "2^58 extents", list, POWER(58), 0, 0, DOMID_SELF }, { "2^63 extents", list, POWER(63), 0, 0, DOMID_SELF },
        { "2^64-1 extents", list, ~0ul, 0, 0, DOMID_SELF }, { "order 40", list, 1, 40, 0, DOMID_SELF },
        { "order 64", list, 1, 64, 0, DOMID_SELF }, { "order 2^32-1", list, 1, ~0u, 0, DOMID_SELF },
        { "no domain", list, 1, 0, 0, NO_DOMAIN }, { "DOMID_IO", list, 1, 0, 0, DOMID_IO }, { "DOMID_XEN", list, 1, 0, 0, DOMID_XEN },
        { "DOMID_INVALID", list, 1, 0, 0, DOMID_INVALID },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        list[0] = list[1] = ~0ul;
        struct xen_memory_reservation reservation = { .nr_extents = rows[i].count, .extent_order = rows[i].order,
            .mem_flags = rows[i].flags, .domid = rows[i].domain };
        set_xen_guest_handle(reservation.extent_start, rows[i].list);
        tell(rows[i].name, ask(op, &reservation));
    }
    struct xen_memory_reservation none = { .domid = DOMID_SELF };
    sweep_memory(op, &none, sizeof(none), 0);
}

static long reserve(int op, xen_pfn_t first, xen_pfn_t second, unsigned count, unsigned flags) {
    xen_pfn_t list[] = { first, second };
    struct xen_memory_reservation reservation = { .nr_extents = count, .mem_flags = flags, .domid = DOMID_SELF };
    set_xen_guest_handle(reservation.extent_start, list);
    return ask(op, &reservation);
}

static void decrease_and_populate(void) {
    xen_pfn_t first = FRAME(page[0]), second = FRAME(page[1]), far = FRAME(HOLE);
    operation("XENMEM_decrease_reservation");
    tell("two pages", reserve(XENMEM_decrease_reservation, first, second, 2, 0));
    tell("the same again", reserve(XENMEM_decrease_reservation, first, second, 2, 0));
    tell("frame not there", reserve(XENMEM_decrease_reservation, far, 0, 1, 0));
    tell("frame 2^64-1", reserve(XENMEM_decrease_reservation, ~0ul, 0, 1, 0));
    tell("frame 2^52", reserve(XENMEM_decrease_reservation, POWER(52), 0, 1, 0));
    tell("device", reserve(XENMEM_decrease_reservation, FRAME(DEVICE), 0, 1, 0));
    operation("XENMEM_populate_physmap");
    tell("two pages", reserve(XENMEM_populate_physmap, first, second, 2, 0));
    tell("the same again", reserve(XENMEM_populate_physmap, first, second, 2, 0));
    tell("one that is not the domain's", reserve(XENMEM_populate_physmap, far, 0, 1, 0));
    tell("the second is not the domain's", reserve(XENMEM_populate_physmap, first, far, 2, 0));
    tell("frame 2^64-1", reserve(XENMEM_populate_physmap, ~0ul, 0, 1, 0));
    tell("frame 2^52", reserve(XENMEM_populate_physmap, POWER(52), 0, 1, 0));
    tell("device", reserve(XENMEM_populate_physmap, FRAME(DEVICE), 0, 1, 0));
    tell("on demand", reserve(XENMEM_populate_physmap, first, 0, 1, XENMEMF_populate_on_demand));
    tell("exact node", reserve(XENMEM_populate_physmap, first, 0, 1, XENMEMF_exact_node(0)));
    tell("a node that there is not", reserve(XENMEM_populate_physmap, first, 0, 1, XENMEMF_exact_node(60)));
    page[0][0] = page[1][0] = 1;
    operation("XENMEM_increase_reservation");
    tell("one page", reserve(XENMEM_increase_reservation, 0, 0, 1, 0));
}

static void statistics(void) {
    static const struct { const char *name; int op; } rows[] = {
        { "XENMEM_current_reservation", XENMEM_current_reservation }, { "XENMEM_maximum_reservation", XENMEM_maximum_reservation },
        { "XENMEM_maximum_gpfn", XENMEM_maximum_gpfn }, { "XENMEM_get_pod_target", XENMEM_get_pod_target },
        { "XENMEM_set_pod_target", XENMEM_set_pod_target },
    };
    static const domid_t domains[] = { NO_DOMAIN, DOMID_XEN, DOMID_IO, DOMID_INVALID };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        operation(rows[i].name);
        struct xen_pod_target self = { .domid = DOMID_SELF };       // begins with padding, unlike the others
        domid_t domain = DOMID_SELF;
        int is_pod = i >= 3;
        long code = ask(rows[i].op, is_pod ? (void *)&self : &domain);
        tell("oneself", code > 0 ? 1 : code);
        for (unsigned j = 0; j < COUNT(domains); j++) {
            struct xen_pod_target other = { .domid = domains[j] };
            domain = domains[j];
            tell(numbered("domain ", domains[j]), ask(rows[i].op, is_pod ? (void *)&other : &domain));
        }
        domain = NO_DOMAIN;
        self.domid = NO_DOMAIN;
        if (is_pod) sweep_memory(rows[i].op, &self, sizeof(self), 0);
        else sweep_memory(rows[i].op, &domain, sizeof(domain), 0);
        domain = DOMID_SELF;
        tell("with progress that it does not make", ask(rows[i].op | 1 << 6, &domain));
    }
}

static void claim(void) {
    operation("XENMEM_claim_pages");
    static const struct { const char *name; unsigned long count; unsigned order, flags; domid_t domain; } rows[] = {
        { "nothing", 0, 0, 0, DOMID_SELF }, { "order 1", 1, 1, 0, DOMID_SELF }, { "flags", 1, 0, 1, DOMID_SELF },
        { "no domain", 1, 0, 0, NO_DOMAIN }, { "2^63 pages", POWER(63), 0, 0, 0 }, { "fewer than there are", 1, 0, 0, 0 },
        { "nothing, by number", 0, 0, 0, 0 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct xen_memory_reservation claim = { .nr_extents = rows[i].count, .extent_order = rows[i].order,
            .mem_flags = rows[i].flags, .domid = rows[i].domain };
        tell(rows[i].name, ask(XENMEM_claim_pages, &claim));
    }
    struct xen_memory_reservation none = { .domid = NO_DOMAIN };
    sweep_memory(XENMEM_claim_pages, &none, sizeof(none), 0);
}

static void exchange(void) {
    operation("XENMEM_exchange");
    struct xen_memory_exchange none = { .in = { .domid = DOMID_SELF }, .out = { .domid = DOMID_SELF } };
    tell("nothing", ask(XENMEM_exchange, &none));
    struct xen_memory_exchange other = { .in = { .domid = NO_DOMAIN }, .out = { .domid = NO_DOMAIN } };
    tell("no domain", ask(XENMEM_exchange, &other));
    sweep_memory(XENMEM_exchange, &other, sizeof(other), 1);
}

static void other_questions(void) {
    operation("XENMEM_maximum_ram_page");
    tell("no argument", ask(XENMEM_maximum_ram_page, NULL));
    operation("XENMEM_get_vnumainfo");
    struct xen_vnuma_topology_info topology = { .domid = DOMID_SELF };
    tell("oneself", ask(XENMEM_get_vnumainfo, &topology));
    topology.domid = NO_DOMAIN;
    tell("no domain", ask(XENMEM_get_vnumainfo, &topology));
    topology = (struct xen_vnuma_topology_info){ .domid = DOMID_SELF, .pad = 1 };
    tell("padding", ask(XENMEM_get_vnumainfo, &topology));
    topology.domid = NO_DOMAIN;
    sweep_memory(XENMEM_get_vnumainfo, &topology, sizeof(topology), 1);
    operation("XENMEM_reserved_device_memory_map");
    struct xen_reserved_device_memory_map map = { .nr_entries = 0 };
    tell("no entries", ask(XENMEM_reserved_device_memory_map, &map));
    sweep_memory(XENMEM_reserved_device_memory_map, &map, sizeof(map), 1);
    operation("XENMEM_memory_map");
    struct xen_memory_map entries = { .nr_entries = 0 };
    sweep_memory(XENMEM_memory_map, &entries, sizeof(entries), 1);
    operation("XENMEM_machine_memory_map");
    tell("no entries", ask(XENMEM_machine_memory_map, &entries));
    operation("XENMEM_set_memory_map");
    struct xen_foreign_memory_map foreign = { .domid = DOMID_SELF };
    tell("no entries", ask(XENMEM_set_memory_map, &foreign));
}

static void acquire(void) {
    operation("XENMEM_acquire_resource");
    static xen_pfn_t list[4];
    const struct { const char *name; domid_t domain; unsigned type, id, count; uint64_t frame; xen_pfn_t *list; uint32_t pad; } rows[] = {
        { "how many", DOMID_SELF, XENMEM_resource_grant_table, 0, 0, 0, 0, 0 },
        { "how many, by number", 0, XENMEM_resource_grant_table, 0, 0, 0, 0, 0 },
        { "how many status frames", 0, XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_status, 0, 0, 0, 0 },
        { "no domain", NO_DOMAIN, XENMEM_resource_grant_table, 0, 1, 0, list, 0 },
        { "a type that there is not", 0, 9, 0, 1, 0, list, 0 }, { "an id that there is not", 0, XENMEM_resource_grant_table, 9, 1, 0, list, 0 },
        { "padding", 0, XENMEM_resource_grant_table, 0, 1, 0, list, 1 }, { "no list", 0, XENMEM_resource_grant_table, 0, 1, 0, 0, 0 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct xen_mem_acquire_resource acquire = { .domid = rows[i].domain, .type = rows[i].type, .id = rows[i].id,
            .nr_frames = rows[i].count, .pad = rows[i].pad, .frame = rows[i].frame };
        set_xen_guest_handle(acquire.frame_list, rows[i].list);
        tell(rows[i].name, ask(XENMEM_acquire_resource, &acquire));
    }
    struct xen_mem_acquire_resource none = { .domid = NO_DOMAIN };
    sweep_memory(XENMEM_acquire_resource, &none, sizeof(none), 1);
}

void grant_mapping_cases(void) {
    operation("XENMEM_decrease_reservation");
    tell("a grant's mapping", reserve(XENMEM_decrease_reservation, read_only_frame(), 0, 1, 0));
}

void memory_cases(void) {
    reservation("XENMEM_increase_reservation", XENMEM_increase_reservation);
    reservation("XENMEM_decrease_reservation", XENMEM_decrease_reservation);
    reservation("XENMEM_populate_physmap", XENMEM_populate_physmap);
    decrease_and_populate();
    statistics();
    claim();
    exchange();
    other_questions();
    acquire();
}
