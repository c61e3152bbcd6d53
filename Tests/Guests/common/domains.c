// SPDX-License-Identifier: Apache-2.0
// Domains that a guest makes as dom0.
#define __XEN_TOOLS__ 1
#include "domains.h"
#include <xen/memory.h>

#define PAGE 4096

enum { WINDOW_SHIFT = 36 };             // 64 GB: nothing of dom0's is there

int domains_known(void) { return domain_configure != 0; }

long domctl(uint32_t command, domid_t domain, struct xen_domctl *operation) {
    operation->cmd = command;
    operation->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    operation->domain = domain;
    return hypercall(__HYPERVISOR_domctl, (unsigned long)operation, 0, 0);
}

static void must(const char *what, uint32_t command, domid_t domain, struct xen_domctl *operation) {
    long code = domctl(command, domain, operation);
    if (code) fail(what, code);
}

domid_t domain_make_with(unsigned vcpus) {
    struct xen_domctl operation = { .u.createdomain = { .max_vcpus = vcpus, .max_evtchn_port = 1023, .max_grant_frames = 4,
        .max_maptrack_frames = 4 } };
    domain_configure(&operation.u.createdomain);
    must("createdomain", XEN_DOMCTL_createdomain, 0, &operation);
    domid_t domain = operation.domain;
    operation.u.max_vcpus.max = vcpus;
    must("max_vcpus", XEN_DOMCTL_max_vcpus, domain, &operation);
    domain_prepare(domain);
    operation.u.max_mem.max_memkb = 64;
    must("max_mem", XEN_DOMCTL_max_mem, domain, &operation);
    return domain;
}

domid_t domain_make(void) { return domain_make_with(1); }

volatile uint32_t *domain_show(domid_t domain, unsigned long frame) {
    xen_ulong_t index = frame;
    xen_pfn_t place = POWER(WINDOW_SHIFT - 12);
    int error = 0;
    struct xen_add_to_physmap_batch batch = { .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = 1,
        .u.foreign_domid = domain };
    set_xen_guest_handle(batch.idxs, &index);
    set_xen_guest_handle(batch.gpfns, &place);
    set_xen_guest_handle(batch.errs, &error);
    memory_operation("foreign mapping", XENMEM_add_to_physmap_batch, &batch, 0);
    if (error) fail("foreign mapping of a page", error);
    return (volatile uint32_t *)POWER(WINDOW_SHIFT);
}

void domain_hide(void) {
    struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = POWER(WINDOW_SHIFT - 12) };
    memory_operation("end of a foreign mapping", XENMEM_remove_from_physmap, &remove, 0);
}

void domain_load(domid_t domain, const uint32_t *code, unsigned words) {
    xen_pfn_t frame = domain_memory / PAGE;
    struct xen_memory_reservation page = { .nr_extents = 1, .domid = domain };
    set_xen_guest_handle(page.extent_start, &frame);
    memory_operation("populate_physmap", XENMEM_populate_physmap, &page, 1);
    volatile uint32_t *window = domain_show(domain, frame);
    for (unsigned i = 0; i < words; i++) window[i] = code[i];
    domain_hide();
}

void domain_start(domid_t domain, unsigned long entry) {
    static vcpu_guest_context_t context;
    domain_registers(&context, entry);
    struct xen_domctl operation = { .u.vcpucontext.vcpu = 0 };
    set_xen_guest_handle(operation.u.vcpucontext.ctxt, &context);
    must("setvcpucontext", XEN_DOMCTL_setvcpucontext, domain, &operation);
    must("unpausedomain", XEN_DOMCTL_unpausedomain, domain, &operation);
}

void domain_run(domid_t domain, const uint32_t *code, unsigned words) {
    domain_load(domain, code, words);
    domain_start(domain, domain_memory);
}

void domains_idle(unsigned count) {
    while (count--) domain_run(domain_make(), domain_sleeps, domain_sleeps_words);
}

void domain_destroy(domid_t domain) {
    struct xen_domctl operation = {};
    must("destroydomain", XEN_DOMCTL_destroydomain, domain, &operation);
}
