// SPDX-License-Identifier: Apache-2.0
// Two domains: events between them, a page that one grants the other, many that come and go.
#include "cases.h"
#include "domains.h"
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

enum { PLACE_SHIFT = 35 };              // 32 GB: nothing of dom0's is there
enum { REF = 8 };
// More domains than there are VMIDs; on Debian's Xen that takes minutes.
enum { MANY = 300, FEW = 10 };

static char *const table_place = (char *)POWER(PLACE_SHIFT);
static char *const grant_place = (char *)POWER(PLACE_SHIFT) + PAGE;

static long ask_event(int op, void *argument) { return hypercall(__HYPERVISOR_event_channel_op, op, (unsigned long)argument, 0); }

static void status(const char *name, domid_t domain, evtchn_port_t port) {
    struct evtchn_status status = { .dom = domain, .port = port };
    long code = ask_event(EVTCHNOP_status, &status);
    tell_field(name, code, "status", status.status);
}

// Returns our end.
static evtchn_port_t events(domid_t domain) {
    operation("EVTCHNOP_alloc_unbound");
    struct evtchn_alloc_unbound unbound = { .dom = domain, .remote_dom = 0 };
    tell_field("for another domain", ask_event(EVTCHNOP_alloc_unbound, &unbound), "port", unbound.port);
    operation("EVTCHNOP_bind_interdomain");
    struct evtchn_bind_interdomain bind = { .remote_dom = domain, .remote_port = unbound.port + 1 };
    tell("to a port of another domain's that is not there", ask_event(EVTCHNOP_bind_interdomain, &bind));
    bind.remote_port = unbound.port;
    tell("to another domain", ask_event(EVTCHNOP_bind_interdomain, &bind));
    tell("again", ask_event(EVTCHNOP_bind_interdomain, &(struct evtchn_bind_interdomain){
        .remote_dom = domain, .remote_port = unbound.port }));
    operation("EVTCHNOP_status");
    status("the other domain's end", domain, unbound.port);
    operation("EVTCHNOP_send");
    struct evtchn_send send = { .port = bind.local_port };
    tell("to another domain", ask_event(EVTCHNOP_send, &send));
    return bind.local_port;
}

static void remove_page(const void *place) {
    struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = FRAME(place) };
    hypercall(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, (unsigned long)&remove, 0);
}

// The other domain's grant table in our memory, with one entry for us.
static void grant(domid_t domain) {
    operation("XENMEM_acquire_resource");
    xen_pfn_t frame = FRAME(table_place);
    struct xen_mem_acquire_resource resource = { .domid = domain, .type = XENMEM_resource_grant_table, .nr_frames = 1 };
    set_xen_guest_handle(resource.frame_list, &frame);
    tell("another domain's grant table", hypercall(__HYPERVISOR_memory_op, XENMEM_acquire_resource, (unsigned long)&resource, 0));
    volatile struct grant_entry_v1 *entry = (struct grant_entry_v1 *)table_place + REF;
    entry->domid = 0;
    entry->frame = domain_memory / PAGE;
    entry->flags = GTF_permit_access;
}

static long add_foreign(domid_t domain, xen_ulong_t from, const void *to) {
    xen_pfn_t frame = FRAME(to);
    int error = 0;
    struct xen_add_to_physmap_batch batch = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1,
        .u.foreign_domid = domain };
    set_xen_guest_handle(batch.idxs, &from);
    set_xen_guest_handle(batch.gpfns, &frame);
    set_xen_guest_handle(batch.errs, &error);
    long code = hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, (unsigned long)&batch, 0);
    return code ? code : error;
}

// What the hypervisor shares with another domain, mapped by way of that domain's memory: how toolstacks fill grant tables.
static void shared_frames(domid_t domain) {
    static const struct { const char *name; unsigned space; } rows[] = { { "another domain's grant table", XENMAPSPACE_grant_table },
        { "another domain's shared_info", XENMAPSPACE_shared_info } };
    char *place = table_place + 2 * PAGE;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        operation("XENMEM_add_to_physmap");
        struct xen_add_to_physmap add = { .domid = domain, .space = rows[i].space, .gpfn = domain_memory / PAGE + 0x100 + i };
        tell(rows[i].name, hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (unsigned long)&add, 0));
        operation("XENMAPSPACE_gmfn_foreign");
        long code = add_foreign(domain, add.gpfn, place);
        told(rows[i].name, code);
        if (!code && !i) field("of the other domain", ((struct grant_entry_v1 *)place)[REF].flags == GTF_permit_access);
        if (!code) *(volatile uint32_t *)(place + PAGE - 4) = 5;
        end();
        operation("XENMEM_remove_from_physmap");
        struct xen_remove_from_physmap remove = { .domid = domain, .gpfn = add.gpfn };
        tell(rows[i].name, hypercall(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, (unsigned long)&remove, 0));
        operation("XENMAPSPACE_gmfn_foreign");
        tell(numbered("where nothing is, ", i), add_foreign(domain, add.gpfn, place + PAGE));
        remove_page(place);
    }
}

static uint32_t map(const char *name, domid_t domain, grant_ref_t ref) {
    operation("GNTTABOP_map_grant_ref");
    struct gnttab_map_grant_ref map = { .host_addr = (unsigned long)grant_place, .flags = GNTMAP_host_map, .ref = ref, .dom = domain };
    long code = hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (unsigned long)&map, 1);
    told(name, code);
    field("status", (uint64_t)(int64_t)map.status);
    if (!map.status) field("first word", *(volatile uint32_t *)grant_place);
    end();
    return map.handle;
}

static void unmap(const char *name, uint32_t handle) {
    operation("GNTTABOP_unmap_grant_ref");
    struct gnttab_unmap_grant_ref unmap = { .host_addr = (unsigned long)grant_place, .handle = handle };
    long code = hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (unsigned long)&unmap, 1);
    told(name, code);
    field("status", (uint64_t)(int64_t)unmap.status);
    end();
}

static long find(domid_t domain) {
    struct xen_domctl operation_ = {};
    long code = domctl(XEN_DOMCTL_getdomaininfo, domain, &operation_);
    return code ? code : operation_.domain == domain ? operation_.u.getdomaininfo.flags & XEN_DOMINF_dying : -1;
}

static void shared(void) {
    domid_t domain = domain_make();
    domain_run(domain, domain_sleeps, domain_sleeps_words);
    evtchn_port_t port = events(domain);
    grant(domain);
    shared_frames(domain);
    unmap("another domain's page", map("another domain's page", domain, REF));
    map("a grant that another domain does not make", domain, REF + 1);
    map("a grant of a domain that there is not", NO_DOMAIN, REF);
    uint32_t handle = map("another domain's page, again", domain, REF);
    remove_page(table_place);
    domain_destroy(domain);
    operation("XEN_DOMCTL_destroydomain");
    tell("a domain whose grant is mapped", find(domain));
    operation("EVTCHNOP_status");
    status("whose other end is dead", DOMID_SELF, port);
    unmap("a dead domain's page", handle);
    operation("XEN_DOMCTL_destroydomain");
    tell("a domain whose grant was unmapped", find(domain));
    struct evtchn_close close = { .port = port };
    event_operation("close", EVTCHNOP_close, &close);
}

static void many(void) {
    for (unsigned i = 0; i < (events_three_levels_known() ? MANY : FEW); i++) {
        domid_t domain = domain_make();
        domain_run(domain, domain_sleeps, domain_sleeps_words);
        domain_destroy(domain);
    }
    operation("XEN_DOMCTL_createdomain");
    tell("and ended, many one after the other", 0);
}

void pair_cases(void) {
    if (!domains_known()) return;
    shared();
    many();
    if (isa_domain_cases) isa_domain_cases();
}
