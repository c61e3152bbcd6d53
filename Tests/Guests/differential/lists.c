// SPDX-License-Identifier: Apache-2.0
// Lists of two whose second element cannot be read: what becomes of the first.
#include "cases.h"
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/version.h>

static char page[2][PAGE] PAGE_ALIGNED;

static void grants(const char *name, int op, const void *element, size_t size, size_t status_offset) {
    operation(name);
    char *first = last_before_hole(size);
    for (size_t i = 0; i < size; i++) first[i] = ((const char *)element)[i];
    told("the second is missing", hypercall(__HYPERVISOR_grant_table_op, op, (unsigned long)first, 2));
    field("status of the first", (int64_t)*(int16_t *)(first + status_offset));
    end();
}

static void grant_lists(void) {
    struct gnttab_map_grant_ref map = { .ref = ~0u, .flags = GNTMAP_host_map, .status = 55 };
    grants("GNTTABOP_map_grant_ref", GNTTABOP_map_grant_ref, &map, sizeof(map), offsetof(struct gnttab_map_grant_ref, status));
    struct gnttab_unmap_grant_ref unmap = { .handle = ~0u, .status = 55 };
    grants("GNTTABOP_unmap_grant_ref", GNTTABOP_unmap_grant_ref, &unmap, sizeof(unmap), offsetof(struct gnttab_unmap_grant_ref, status));
    struct gnttab_copy copy = { .source.domid = NO_DOMAIN, .dest.domid = NO_DOMAIN, .flags = GNTCOPY_source_gref, .status = 55 };
    grants("GNTTABOP_copy", GNTTABOP_copy, &copy, sizeof(copy), offsetof(struct gnttab_copy, status));
    struct gnttab_swap_grant_ref swap = { .ref_a = ~0u, .status = 55 };
    grants("GNTTABOP_swap_grant_ref", GNTTABOP_swap_grant_ref, &swap, sizeof(swap), offsetof(struct gnttab_swap_grant_ref, status));
}

static void reservation(const char *name, int op, unsigned order) {
    operation(name);
    xen_pfn_t *first = last_before_hole(sizeof(*first));
    *first = FRAME(page[0]);
    struct xen_memory_reservation reservation = { .nr_extents = 2, .extent_order = order, .domid = DOMID_SELF };
    set_xen_guest_handle(reservation.extent_start, first);
    tell(order ? "two pages an extent, the second is missing" : "the second is missing",
         hypercall(__HYPERVISOR_memory_op, op, (unsigned long)&reservation, 0));
}

void list_cases(void) {
    grant_lists();
    for (unsigned order = 0; order < 2; order++) {
        reservation("XENMEM_decrease_reservation", XENMEM_decrease_reservation, order);
        reservation("XENMEM_populate_physmap", XENMEM_populate_physmap, order);
    }
    page[0][0] = page[1][0] = 1;
    operation("multicall");
    struct multicall_entry *call = last_before_hole(sizeof(*call));
    *call = (struct multicall_entry){ .op = __HYPERVISOR_xen_version, .result = 55, .args = { XENVER_version } };
    tell("the second is missing", hypercall(__HYPERVISOR_multicall, (unsigned long)call, 2, 0));
    tell_field("the one before it", 0, "result", call->result);
    operation("SCHEDOP_poll");
    evtchn_port_t *port = last_before_hole(sizeof(*port));
    *port = NO_PORT;
    struct sched_poll poll = { .nr_ports = 2, .timeout = 1 };
    set_xen_guest_handle(poll.ports, port);
    tell("the first is not in use, the second is missing", hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (unsigned long)&poll, 0));
}
