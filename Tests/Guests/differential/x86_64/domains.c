// SPDX-License-Identifier: Apache-2.0
// What another domain can do, and how it ends, with the rest of the machine unharmed.
#include "cases.h"
#include "domains.h"
#include "programs.h"
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define PROGRAM(name) extern const uint32_t program_##name[], program_##name##_end[]
PROGRAM(invalid);
PROGRAM(unknown_register_read);
PROGRAM(unknown_register_write);
PROGRAM(jump);
PROGRAM(spin);
PROGRAM(nmi);
PROGRAM(touch);
PROGRAM(reads);
PROGRAM(calls);

static void populate(domid_t domain, unsigned long address, unsigned flags) {
    xen_pfn_t frame = FRAME(address);
    struct xen_memory_reservation page = { .nr_extents = 1, .domid = domain, .mem_flags = flags };
    set_xen_guest_handle(page.extent_start, &frame);
    long code = hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, (unsigned long)&page, 0);
    if (code != 1) fail("a page of a domain", code);
}

void tell_end_of_domain(const char *name, domid_t domain) {
    struct xen_domctl information = {};
    for (unsigned round = 0; round < 100000 && !(information.u.getdomaininfo.flags & XEN_DOMINF_shutdown); round++) {
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
        domctl(XEN_DOMCTL_getdomaininfo, domain, &information);
    }
    told(name, 0);
    field("shut down", information.u.getdomaininfo.flags >> 2 & 1);
    field("code", information.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
    end();
}

static void run(const char *name, domid_t domain, const uint32_t *start, const uint32_t *end_of_code) {
    domain_run(domain, start, end_of_code - start);
    tell_end_of_domain(name, domain);
}

#define RUN(name, domain, program) run(name, domain, program_##program, program_##program##_end)

static void ends(void) {
    operation("end of a domain");
    struct evtchn_bind_virq bind = { .virq = VIRQ_DOM_EXC };
    event_operation("bind_virq", EVTCHNOP_bind_virq, &bind);
    events_mask(bind.port);
    domid_t domain = domain_make();
    RUN("triple fault", domain, invalid);
    tell_field("told of", 0, "pending", events_pending(bind.port) != 0);
    domain_destroy(domain);
    struct evtchn_close close = { .port = bind.port };
    event_operation("close", EVTCHNOP_close, &close);
    RUN("register that nobody knows read", domain = domain_make(), unknown_register_read);
    domain_destroy(domain);
    RUN("register that nobody knows written", domain = domain_make(), unknown_register_write);
    domain_destroy(domain);
    RUN("jump to where nothing is", domain = domain_make(), jump);
    domain_destroy(domain);
    populate(domain = domain_make(), PROGRAM_PROMISED, XENMEMF_populate_on_demand);
    RUN("memory on demand, of which there is none", domain, touch);
    domain_destroy(domain);
    populate(domain = domain_make(), PROGRAM_PROMISED, XENMEMF_populate_on_demand);
    struct xen_pod_target target = { .target_pages = 1, .domid = domain };
    hypercall(__HYPERVISOR_memory_op, XENMEM_set_pod_target, (unsigned long)&target, 0);
    RUN("memory on demand", domain, touch);
    domain_destroy(domain);
}

// Once it counts.
static void kill_counting(const char *name, domid_t domain) {
    volatile uint32_t *count = domain_show(domain, FRAME(PROGRAM_RESULTS)) + PROGRAM_RESULTS % PAGE / sizeof(uint32_t);
    while (!*count) hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    domain_hide();
    struct xen_domctl operation = {};
    domctl(XEN_DOMCTL_pausedomain, domain, &operation);
    domctl(XEN_DOMCTL_unpausedomain, domain, &operation);
    domain_destroy(domain);
    tell(name, domctl(XEN_DOMCTL_pausedomain, domain, &operation));
}

// More than there are processors, in the middle of what they do.
static void killed(void) {
    domid_t domains[4];
    operation("XEN_DOMCTL_destroydomain");
    for (unsigned i = 0; i < COUNT(domains); i++)
        domain_run(domains[i] = domain_make(), program_spin, program_spin_end - program_spin);
    for (unsigned i = 0; i < COUNT(domains); i++) kill_counting(numbered("one that runs, ", i), domains[i]);
    domain_run(domains[0] = domain_make(), program_nmi, program_nmi_end - program_nmi);
    kill_counting("one that stays in its NMI handler", domains[0]);
}

static void reads(void) {
    operation("read in a domain");
    static const char *const names[] = { "port of 8 bits", "port of 16 bits", "port of 32 bits", "memory that is not there",
        "APIC base", "APIC version", "APIC ID", "APIC spurious", "version of Xen" };
    domid_t domain = domain_make();
    RUN("program", domain, reads);
    volatile uint32_t *results = domain_show(domain, FRAME(PROGRAM_RESULTS)) + PROGRAM_RESULTS % PAGE / sizeof(uint32_t);
    for (unsigned i = 0; i < COUNT(names); i++) tell_field(names[i], 0, "value", results[i]);
    domain_hide();
    domain_destroy(domain);
}

// ---- Hypercalls -------------------------------------------------------------------------------------

enum { ARGUMENTS = 0x400, SECOND_VCPU = 1 };     // the arguments lie behind the calls, in their page

struct row { const char *name; unsigned long number, operation; const void *argument; unsigned size; };

static const struct xen_domctl pause_dom0 = { .cmd = XEN_DOMCTL_pausedomain, .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
static const struct xen_domctl show_dom0 = { .cmd = XEN_DOMCTL_getdomaininfo, .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
static const struct xen_platform_op settime = { .cmd = XENPF_settime64, .interface_version = XENPF_INTERFACE_VERSION };
static const struct sched_remote_shutdown shutdown_dom0 = { .reason = SHUTDOWN_crash };
static const struct xen_pod_target own_target = { .domid = DOMID_SELF };
static const struct xen_pod_target target_of_dom0 = { .domid = 0 };
static const struct xen_hvm_param store_frame = { .domid = DOMID_SELF, .index = HVM_PARAM_STORE_PFN };
static const struct xen_hvm_param param_of_dom0 = { .domid = 0, .index = HVM_PARAM_CALLBACK_IRQ };
static const struct evtchn_alloc_unbound port_for_dom0 = { .dom = DOMID_SELF };
static const struct evtchn_alloc_unbound port_of_dom0 = { .dom = 0, .remote_dom = DOMID_SELF };
static const struct evtchn_bind_virq global = { .virq = VIRQ_DOM_EXC };
static const struct gnttab_query_size own_table = { .dom = DOMID_SELF };
static const struct gnttab_query_size table_of_dom0 = { .dom = 0 };
static const struct sched_pin_override pin = { .pcpu = 0 };
static const struct xen_memory_reservation more = { .nr_extents = 1, .domid = 0 };

static const struct row rows[] = {
    { "XENVER_version", __HYPERVISOR_xen_version, XENVER_version, 0, 0 },
    { "pause dom0", __HYPERVISOR_domctl, 0, &pause_dom0, sizeof(pause_dom0) },
    { "look at dom0", __HYPERVISOR_domctl, 0, &show_dom0, sizeof(show_dom0) },
    { "set the time", __HYPERVISOR_platform_op, 0, &settime, sizeof(settime) },
    { "shut dom0 down", __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &shutdown_dom0, sizeof(shutdown_dom0) },
    { "pin itself", __HYPERVISOR_sched_op, SCHEDOP_pin_override, &pin, sizeof(pin) },
    { "machine's memory map", __HYPERVISOR_memory_op, XENMEM_machine_memory_map, &more, sizeof(more) },
    { "own target", __HYPERVISOR_memory_op, XENMEM_set_pod_target, &own_target, sizeof(own_target) },
    { "dom0's target", __HYPERVISOR_memory_op, XENMEM_set_pod_target, &target_of_dom0, sizeof(target_of_dom0) },
    { "dom0's memory", __HYPERVISOR_memory_op, XENMEM_populate_physmap, &more, sizeof(more) },
    { "own parameter", __HYPERVISOR_hvm_op, HVMOP_get_param, &store_frame, sizeof(store_frame) },
    { "own parameter, set", __HYPERVISOR_hvm_op, HVMOP_set_param, &store_frame, sizeof(store_frame) },
    { "dom0's parameter", __HYPERVISOR_hvm_op, HVMOP_get_param, &param_of_dom0, sizeof(param_of_dom0) },
    { "port for dom0", __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &port_for_dom0, sizeof(port_for_dom0) },
    { "port of dom0", __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &port_of_dom0, sizeof(port_of_dom0) },
    { "global VIRQ", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &global, sizeof(global) },
    { "own grant table", __HYPERVISOR_grant_table_op, GNTTABOP_query_size, &own_table, sizeof(own_table) },
    { "dom0's grant table", __HYPERVISOR_grant_table_op, GNTTABOP_query_size, &table_of_dom0, sizeof(table_of_dom0) },
    { "vCPU that there is not", __HYPERVISOR_vcpu_op, VCPUOP_up, 0, 0 },
    { "number that there is not", 63, 0, 0, 0 },
};

// Those that know no operation besides have their argument first.
static int argument_is_first(unsigned long number) { return number == __HYPERVISOR_domctl || number == __HYPERVISOR_platform_op; }

static void write_calls(domid_t domain) {
    populate(domain, PROGRAM_CALLS, 0);
    volatile uint64_t *call = (volatile uint64_t *)domain_show(domain, FRAME(PROGRAM_CALLS));
    volatile uint8_t *page = (volatile uint8_t *)call;
    unsigned place = ARGUMENTS;
    for (unsigned i = 0; i < COUNT(rows); i++, call += 4) {
        unsigned long address = rows[i].size ? PROGRAM_CALLS + place : SECOND_VCPU;
        call[0] = rows[i].number;
        call[1] = argument_is_first(rows[i].number) ? address : rows[i].operation;
        call[2] = address;
        call[3] = 1;
        for (unsigned byte = 0; byte < rows[i].size; byte++) page[place + byte] = ((const uint8_t *)rows[i].argument)[byte];
        place += (rows[i].size + 7) & ~7u;
    }
    call[0] = ~0ull;
    domain_hide();
}

// Four levels of tables for the lowest 2 MB.
static void write_tables(domid_t domain) {
    static const uint64_t entries[] = { (PROGRAM_TABLES + PAGE) | 3, (PROGRAM_TABLES + 2 * PAGE) | 3, 0x83 };
    for (unsigned i = 0; i < COUNT(entries); i++) {
        populate(domain, PROGRAM_TABLES + i * PAGE, 0);
        *(volatile uint64_t *)domain_show(domain, FRAME(PROGRAM_TABLES) + i) = entries[i];
        domain_hide();
    }
}

static void calls(void) {
    operation("hypercall of a domain");
    domid_t domain = domain_make();
    write_calls(domain);
    write_tables(domain);
    RUN("program", domain, calls);
    volatile int64_t *results = (volatile int64_t *)domain_show(domain, FRAME(PROGRAM_CALLS));
    for (unsigned i = 0; i < COUNT(rows); i++) tell(rows[i].name, results[i * 4]);
    domain_hide();
    domain_destroy(domain);
}

void isa_domain_cases(void) {
    ends();
    killed();
    reads();
    calls();
    isa_context_cases();
}
