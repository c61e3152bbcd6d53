// SPDX-License-Identifier: Apache-2.0
// domctl: its errors, and a domain that is made, looked at and ended.
// Shows: XEN_DOMCTL_createdomain, XEN_DOMCTL_destroydomain, XEN_DOMCTL_getdomaininfo
#include "cases.h"
#include "domains.h"
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/sched.h>

enum { WANTED = 9 };
enum { DOMINF = XEN_DOMINF_dying | XEN_DOMINF_hvm_guest | XEN_DOMINF_shutdown | XEN_DOMINF_paused | XEN_DOMINF_hap };

static void information(const char *name, domid_t domain) {
    struct xen_domctl operation = {};
    told(name, domctl(XEN_DOMCTL_getdomaininfo, domain, &operation));
    const struct xen_domctl_getdomaininfo *info = &operation.u.getdomaininfo;
    if (operation.domain == domain) {
        field("flags", info->flags & DOMINF);
        field("code", info->flags >> XEN_DOMINF_shutdownshift);
        field("highest vCPU", info->max_vcpu_id);
        field("online", info->nr_online_vcpus);
        if (domain) field("pages", info->tot_pages), field("most", info->max_pages);
    }
    end();
}

static void nobody(void) {
    operation("domctl");
    static const uint32_t commands[] = { XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain, XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_max_mem, XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_getvcpuinfo,
        XEN_DOMCTL_max_vcpus, XEN_DOMCTL_setdomainhandle, XEN_DOMCTL_resumedomain, 6, 999 };
    for (unsigned i = 0; i < COUNT(commands); i++) {
        struct xen_domctl operation = {};
        tell(numbered("of a domain that there is not, command ", commands[i]), domctl(commands[i], NO_DOMAIN, &operation));
    }
    static const uint32_t own[] = { XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain, XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_max_vcpus, XEN_DOMCTL_resumedomain, 6, 999 };
    for (unsigned i = 0; i < COUNT(own); i++) {
        struct xen_domctl operation = {};
        tell(numbered("of oneself, command ", own[i]), domctl(own[i], 0, &operation));
    }
    struct xen_domctl old = { .cmd = XEN_DOMCTL_pausedomain, .domain = NO_DOMAIN,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1 };
    tell("another interface", hypercall(__HYPERVISOR_domctl, (unsigned long)&old, 0, 0));
    sweep(&(struct call){ .number = __HYPERVISOR_domctl, .position = 0, .structure = &old, .size = sizeof(old) });
    operation("XEN_DOMCTL_getvcpuinfo");
    static const uint32_t vcpus[] = { 2, 99, 127, 128, ~0u };
    for (unsigned i = 0; i < COUNT(vcpus); i++) {
        struct xen_domctl operation = { .u.getvcpuinfo.vcpu = vcpus[i] };
        tell(numbered("of oneself, vCPU ", vcpus[i]), domctl(XEN_DOMCTL_getvcpuinfo, 0, &operation));
    }
    operation("XEN_DOMCTL_get_paging_mempool_size");
    struct xen_domctl pool = {};
    told("of oneself", domctl(XEN_DOMCTL_get_paging_mempool_size, 0, &pool));
    field("any", pool.u.paging_mempool.size != 0);
    end();
    operation("XEN_DOMCTL_getdomaininfo");
    information("of oneself", 0);
    information("of a domain that there is not", NO_DOMAIN);
    information("of DOMID_SELF", DOMID_SELF);
    information("of DOMID_INVALID", DOMID_INVALID);
}

static long create(domid_t wanted, struct xen_domctl_createdomain config, domid_t *number) {
    struct xen_domctl operation = { .u.createdomain = config };
    long code = domctl(XEN_DOMCTL_createdomain, wanted, &operation);
    *number = operation.domain;
    return code;
}

static struct xen_domctl_createdomain good(void) {
    struct xen_domctl_createdomain config = { .max_vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = 4,
        .max_maptrack_frames = 4 };
    domain_configure(&config);
    return config;
}

// Where it is made after all it goes away again.
static void refused(const char *name, struct xen_domctl_createdomain config) {
    domid_t number;
    long code = create(WANTED, config, &number);
    tell(name, code);
    if (!code) domain_destroy(number);
}

static void configurations(void) {
    operation("XEN_DOMCTL_createdomain");
#define BAD(name, change) do { struct xen_domctl_createdomain config = good(); change; \
        refused(name, config); } while (0)
    BAD("an unknown flag", config.flags |= 1 << 8);
    BAD("not HVM", config.flags &= ~XEN_DOMCTL_CDF_hvm);
    BAD("no flags", config.flags = 0);
    BAD("not HAP", config.flags &= ~XEN_DOMCTL_CDF_hap);
    BAD("nested virtualisation", config.flags |= XEN_DOMCTL_CDF_nested_virt);
    BAD("with an IOMMU", config.flags |= XEN_DOMCTL_CDF_iommu);
    BAD("IOMMU options without one", config.iommu_opts = 1);
    BAD("no vCPUs", config.max_vcpus = 0);
    BAD("2^32-1 vCPUs", config.max_vcpus = ~0u);
    BAD("grant version 0", config.grant_opts = 0);
    BAD("grant version 15", config.grant_opts = 15);
    BAD("unknown grant options", config.grant_opts |= 16);
    BAD("no grant frames", config.max_grant_frames = 0);
    BAD("65 grant frames", config.max_grant_frames = 65);
    BAD("2^31-1 grant frames", config.max_grant_frames = 0x7fffffff);
    BAD("1025 maptrack frames", config.max_maptrack_frames = 1025);
    BAD("a trace buffer", config.vmtrace_size = PAGE);
    BAD("pool 5", config.cpupool_id = 5);
#ifdef __aarch64__
    BAD("a GIC that there is not", config.arch.gic_version = 9);
    BAD("a TEE that there is not", config.arch.tee_type = 7);
    BAD("989 shared interrupts", config.arch.nr_spis = 989);
#else
    BAD("no emulated local APIC", config.arch.emulation_flags = 0);
    BAD("a local APIC and an I/O APIC", config.arch.emulation_flags |= XEN_X86_EMU_IOAPIC);
    BAD("a whole PC", config.arch.emulation_flags = XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI);
    BAD("an emulator that there is not", config.arch.emulation_flags |= 1 << 11);
    BAD("unknown flags", config.arch.misc_flags = 2);
    BAD("129 vCPUs", config.max_vcpus = 129);
    BAD("integrity over a suspend", config.flags |= XEN_DOMCTL_CDF_s3_integrity);
    BAD("PV with HAP", config.flags = XEN_DOMCTL_CDF_hap);
#endif
}

// The domain is paused and has a vCPU without registers.
static void look(domid_t domain) {
    operation("XEN_DOMCTL_max_vcpus");
    struct xen_domctl operation_ = { .u.max_vcpus.max = 2 };
    tell("another number than was said", domctl(XEN_DOMCTL_max_vcpus, domain, &operation_));
    operation_.u.max_vcpus.max = 1;
    tell("again", domctl(XEN_DOMCTL_max_vcpus, domain, &operation_));
    operation("XEN_DOMCTL_getvcpuinfo");
    for (unsigned vcpu = 0; vcpu < 2; vcpu++) {
        operation_.u.getvcpuinfo = (struct xen_domctl_getvcpuinfo){ .vcpu = vcpu };
        told(numbered("vCPU ", vcpu), domctl(XEN_DOMCTL_getvcpuinfo, domain, &operation_));
        field("online", operation_.u.getvcpuinfo.online);
        field("running", operation_.u.getvcpuinfo.running);
        end();
    }
    operation("XEN_DOMCTL_getvcpucontext");
    operation_.u.vcpucontext.vcpu = 1;
    tell("vCPU 1", domctl(XEN_DOMCTL_getvcpucontext, domain, &operation_));
    operation_.u.vcpucontext.vcpu = 0;
    tell("without registers", domctl(XEN_DOMCTL_getvcpucontext, domain, &operation_));
    operation("XEN_DOMCTL_setvcpucontext");
    operation_.u.vcpucontext.vcpu = 1;
    tell("vCPU 1", domctl(XEN_DOMCTL_setvcpucontext, domain, &operation_));
    operation_.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(operation_.u.vcpucontext.ctxt, (vcpu_guest_context_t *)HOLE);
    tell("where nothing is", domctl(XEN_DOMCTL_setvcpucontext, domain, &operation_));
    static vcpu_guest_context_t context;
    set_xen_guest_handle(operation_.u.vcpucontext.ctxt, &context);
    domain_registers(&context, domain_memory);
#ifdef __aarch64__
    context.user_regs.cpsr = 0x3c9;
    tell("EL2", domctl(XEN_DOMCTL_setvcpucontext, domain, &operation_));
    operation("XEN_DOMCTL_set_address_size");
    operation_.u.address_size.size = 31;
    tell("31", domctl(XEN_DOMCTL_set_address_size, domain, &operation_));
    operation("XEN_DOMCTL_set_paging_mempool_size");
    operation_.u.paging_mempool.size = 1;
    tell("a byte", domctl(XEN_DOMCTL_set_paging_mempool_size, domain, &operation_));
#endif
}

static void pauses(domid_t domain) {
    struct xen_domctl operation_ = {};
    operation("XEN_DOMCTL_pausedomain");
    unsigned count = 0;
    long code;
    while (!(code = domctl(XEN_DOMCTL_pausedomain, domain, &operation_)) && count < 1000) count++;
    tell_field("too often", code, "", 0);
    tell(numbered("as often as it goes: ", count), 0);
    information("paused", domain);
    operation("XEN_DOMCTL_unpausedomain");
    while (count-- > 0) domctl(XEN_DOMCTL_unpausedomain, domain, &operation_);
    tell("the last", domctl(XEN_DOMCTL_unpausedomain, domain, &operation_));
    tell("one too many", domctl(XEN_DOMCTL_unpausedomain, domain, &operation_));
    domctl(XEN_DOMCTL_pausedomain, domain, &operation_);
}

// dom0's vCPU goes where it is pinned to.
static void pinned(void) {
    operation("SCHEDOP_pin_override");
    for (int pcpu = 0; pcpu < 2; pcpu++) {
        struct sched_pin_override pin = { .pcpu = pcpu }, release = { .pcpu = -1 };
        struct xen_domctl operation_ = { .u.getvcpuinfo.vcpu = 0 };
        if (hypercall(__HYPERVISOR_sched_op, SCHEDOP_pin_override, (unsigned long)&pin, 0)) continue;
        told(numbered("seen from outside, pCPU ", pcpu), domctl(XEN_DOMCTL_getvcpuinfo, 0, &operation_));
        field("runs on", operation_.u.getvcpuinfo.cpu);
        field("running", operation_.u.getvcpuinfo.running);
        end();
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_pin_override, (unsigned long)&release, 0);
    }
    struct sched_pin_override home = { .pcpu = 0 }, release = { .pcpu = -1 };
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_pin_override, (unsigned long)&home, 0);
    tell("twice", hypercall(__HYPERVISOR_sched_op, SCHEDOP_pin_override, (unsigned long)&home, 0));
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_pin_override, (unsigned long)&release, 0);
}

// Looks at a domain of which something is expected: on a busy host its processor may not run for a long time.
enum { PATIENCE = 200000 };

// Whether the domain has used its processor: it runs until then, or for a while.
static int has_run(domid_t domain) {
    for (unsigned round = 0; round < PATIENCE; round++) {
        struct xen_domctl operation_ = {};
        if (domctl(XEN_DOMCTL_getdomaininfo, domain, &operation_)) return 0;
        if (operation_.u.getdomaininfo.cpu_time) return 1;
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    }
    return 0;
}

static int is_shut_down(domid_t domain) {
    for (unsigned round = 0; round < PATIENCE; round++) {
        struct xen_domctl operation_ = {};
        if (domctl(XEN_DOMCTL_getdomaininfo, domain, &operation_)) return 0;
        if (operation_.u.getdomaininfo.flags & XEN_DOMINF_shutdown) return 1;
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
    }
    return 0;
}

static void lives(void) {
    operation("XEN_DOMCTL_createdomain");
    domid_t number;
    tell_field("one with a number", create(WANTED, good(), &number), "number", number);
    tell("the number again", create(WANTED, good(), &number));
    information("new", WANTED);
    operation("XEN_DOMCTL_get_paging_mempool_size");
    struct xen_domctl pool = {};
    told("of a new domain", domctl(XEN_DOMCTL_get_paging_mempool_size, WANTED, &pool));
    field("size", pool.u.paging_mempool.size);
    end();
    operation("EVTCHNOP_reset");
    struct evtchn_reset reset = { .dom = WANTED };
    tell("of another domain, which is paused", hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, (unsigned long)&reset, 0));
    operation("HVMOP_get_param");
    struct xen_hvm_param callback = { .domid = WANTED, .index = HVM_PARAM_CALLBACK_IRQ, .value = 5 };
    tell_field("of a new domain, the callback", hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, (unsigned long)&callback, 0),
        "value", callback.value);
    operation("XEN_DOMCTL_createdomain");
    domain_destroy(WANTED);
    information("gone", WANTED);
    domid_t sleeper = domain_make();
    information("with a vCPU", sleeper);
    look(sleeper);
    pauses(sleeper);
    operation("XEN_DOMCTL_setvcpucontext");
    domain_run(sleeper, domain_sleeps, domain_sleeps_words);
    tell_field("a domain that sleeps", 0, "has run", has_run(sleeper));
    information("asleep", sleeper);
    operation("SCHEDOP_remote_shutdown");
    struct sched_remote_shutdown shutdown = { .domain_id = sleeper, .reason = SHUTDOWN_crash };
    tell("another domain", hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, (unsigned long)&shutdown, 0));
    information("shut down from outside", sleeper);
    operation("XEN_DOMCTL_resumedomain");
    struct xen_domctl resume = {};
    tell("after a shutdown", domctl(XEN_DOMCTL_resumedomain, sleeper, &resume));
    information("resumed", sleeper);
    operation("XEN_DOMCTL_destroydomain");
    domain_destroy(sleeper);
    information("gone", sleeper);
    domid_t ends = domain_make();
    operation("SCHEDOP_shutdown");
    domain_run(ends, domain_ends, domain_ends_words);
    tell_field("a domain that ends", 0, "is shut down", is_shut_down(ends));
    information("shut down by itself", ends);
    domain_destroy(ends);
}

// A frame that we map keeps the dead domain's number.
static void zombie(void) {
    operation("XEN_DOMCTL_destroydomain");
    domid_t domain = domain_make();
    domain_run(domain, domain_sleeps, domain_sleeps_words);
    domain_show(domain, domain_memory / PAGE);
    domain_destroy(domain);
    information("dead, a frame mapped", domain);
    domain_hide();
    information("buried", domain);
}

void domctl_cases(void) {
    if (!domains_known()) return;
    nobody();
    configurations();
    pinned();
    lives();
    zombie();
}
