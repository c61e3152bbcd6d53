// SPDX-License-Identifier: Apache-2.0
// A vCPU's state in records, as Xen's tools start a PVH domain: what is refused, and a domain that runs from there.
// Shows: XEN_DOMCTL_gethvmcontext, XEN_DOMCTL_sethvmcontext, XEN_DOMCTL_gethvmcontext_partial
#include "cases.h"
#include "domains.h"
#include "programs.h"
#include <xen/hvm/save.h>

extern const uint32_t program_reads[], program_reads_end[];
void *memcpy(void *restrict target, const void *restrict source, size_t count);

enum { STATE_SIZE = 32768, SMALL = 100, NO_VCPU = 1 };
enum { CODE = 0xc9b, DATA = 0xc93, BUSY_TASK = 0x8b, PROTECTED = 0x11 };

static uint8_t state[STATE_SIZE];

static struct start {
    struct hvm_save_descriptor header_descriptor;
    struct hvm_save_header header;
    struct hvm_save_descriptor cpu_descriptor;
    struct hvm_hw_cpu cpu;
    struct hvm_save_descriptor end;
} __attribute__((packed)) start;

static long records(uint32_t command, domid_t domain, void *buffer, uint32_t *size) {
    struct xen_domctl operation = { .u.hvmcontext.size = *size };
    set_xen_guest_handle(operation.u.hvmcontext.buffer, (uint8_t *)buffer);
    long code = domctl(command, domain, &operation);
    *size = operation.u.hvmcontext.size;
    return code;
}

static long get(domid_t domain, void *buffer, uint32_t size) { return records(XEN_DOMCTL_gethvmcontext, domain, buffer, &size); }
static long set(domid_t domain, void *buffer, uint32_t size) { return records(XEN_DOMCTL_sethvmcontext, domain, buffer, &size); }

static void saved(domid_t domain) {
    operation("XEN_DOMCTL_gethvmcontext");
    uint32_t size = 0;
    tell("of oneself", get(0, state, STATE_SIZE));
    tell("of a domain that there is not", get(NO_DOMAIN, state, STATE_SIZE));
    long code = records(XEN_DOMCTL_gethvmcontext, domain, 0, &size);
    tell_field("how large", code, "fits", size <= STATE_SIZE && size > sizeof(start));
    tell("too small", get(domain, state, size - 1));
    tell("where nothing is", get(domain, (void *)HOLE, STATE_SIZE));
    tell("good", get(domain, state, STATE_SIZE));
    const struct hvm_save_descriptor *first = (const void *)state;
    const struct hvm_save_header *header = (const void *)(first + 1);
    told("header", 0);
    field("type", first->typecode);
    field("length", first->length);
    field("magic", header->magic);
    field("version", header->version);
    end();
    operation("XEN_DOMCTL_gethvmcontext_partial");
    static const struct { const char *name; uint32_t type, instance; uint64_t size; } rows[] = {
        { "CPU", 2, 0, STATE_SIZE }, { "CPU, too small", 2, 0, SMALL }, { "CPU of no vCPU", 2, NO_VCPU, STATE_SIZE },
        { "memory types", 14, 0, STATE_SIZE }, { "header", 1, 0, STATE_SIZE }, { "type 21", 21, 0, STATE_SIZE },
        { "type 2^32-1", ~0u, 0, STATE_SIZE },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct xen_domctl operation = { .u.hvmcontext_partial = { .type = rows[i].type, .instance = rows[i].instance,
            .bufsz = rows[i].size } };
        set_xen_guest_handle(operation.u.hvmcontext_partial.buffer, state);
        long code = domctl(XEN_DOMCTL_gethvmcontext_partial, domain, &operation);
        tell_field(rows[i].name, code, "size", operation.u.hvmcontext_partial.bufsz);
    }
}

// As Xen's tools start a PVH domain, with the header that the hypervisor gave.
static struct start good(void) {
    struct start s = start;
    s.cpu_descriptor = (struct hvm_save_descriptor){ .typecode = 2, .length = sizeof(s.cpu) };
    s.cpu = (struct hvm_hw_cpu){ .cr0 = PROTECTED, .rip = domain_memory, .rbx = 0x12345678, .dr6 = 0xffff0ff0, .dr7 = 0x400,
        .cs_limit = ~0u, .ds_limit = ~0u, .es_limit = ~0u, .ss_limit = ~0u, .tr_limit = 0x67,
        .cs_arbytes = CODE, .ds_arbytes = DATA, .es_arbytes = DATA, .ss_arbytes = DATA, .tr_arbytes = BUSY_TASK };
    s.end = (struct hvm_save_descriptor){};
    return s;
}

static void refused(domid_t domain) {
    operation("XEN_DOMCTL_sethvmcontext");
    tell("of a domain that there is not", set(NO_DOMAIN, &start, sizeof(start)));
#define BAD(name, change) do { struct start s = good(); uint32_t size = sizeof(s); change; tell(name, set(domain, &s, size)); } while (0)
    BAD("wrong magic", s.header.magic++);
    BAD("wrong version", s.header.version++);
    BAD("another record first", s.header_descriptor.typecode = 2);
    BAD("a header too long", s.header_descriptor.length++);
    BAD("no bytes", size = 0);
    BAD("half a header", size = sizeof(s.header_descriptor) + 4);
    BAD("no end", size -= sizeof(s.end));
    BAD("half an end", size -= sizeof(s.end) / 2);
    BAD("a record cut short", size = sizeof(s) - sizeof(s.end) - 4);
    BAD("a record too long", s.cpu_descriptor.length += 8);
    BAD("a record of 2^32-1 bytes", s.cpu_descriptor.length = ~0u);
    BAD("type 21", s.cpu_descriptor.typecode = 21);
    BAD("a second header", s.cpu_descriptor.typecode = 1);
    BAD("no vCPU", s.cpu_descriptor.instance = NO_VCPU);
    BAD("vCPU 2^16-1", s.cpu_descriptor.instance = 0xffff);
    BAD("a bit of CR0 that there is not", s.cpu.cr0 |= 1 << 6);
    BAD("upper half of CR0", s.cpu.cr0 |= 1ull << 32);
    BAD("CR0 without ET", s.cpu.cr0 &= ~0x10ull);
    BAD("paging without protection", s.cpu.cr0 = 1u << 31 | 0x10);
    BAD("CR4 with VMX", s.cpu.cr4 = 1 << 13);
    BAD("upper half of CR4", s.cpu.cr4 = 1ull << 32);
    BAD("a bit of EFER that there is not", s.cpu.msr_efer = 2);
    BAD("EFER with SVM", s.cpu.msr_efer = 1 << 12);
    BAD("long mode active without paging", s.cpu.msr_efer = 1 << 8 | 1 << 10);
    BAD("long mode active and not enabled", s.cpu.msr_efer = 1 << 10);
    BAD("CR3 of 2^52", s.cpu.cr3 = 1ull << 52);
    BAD("an unknown flag", s.cpu.flags = 2);
    BAD("padding", s.cpu.pad0 = 1);
    BAD("TSC_AUX of 2^32", s.cpu.msr_tsc_aux = 1ull << 32);
#undef BAD
    tell("where nothing is", set(domain, (void *)HOLE, sizeof(start)));
    tell("of oneself", set(0, &start, sizeof(start)));
}

static void told_context(domid_t domain) {
    operation("XEN_DOMCTL_getvcpucontext");
    static vcpu_guest_context_t context;
    struct xen_domctl operation = {};
    set_xen_guest_handle(operation.u.vcpucontext.ctxt, &context);
    told("what was set", domctl(XEN_DOMCTL_getvcpucontext, domain, &operation));
    field("online", context.flags / VGCF_online & 1);
    field("rip", context.user_regs.rip);
    field("rbx", context.user_regs.rbx);
    field("rflags", context.user_regs.rflags);
    field("cr0", context.ctrlreg[0]);
    field("cr3", context.ctrlreg[3]);
    field("cr4", context.ctrlreg[4]);
    field("dr6", context.debugreg[6]);
    field("dr7", context.debugreg[7]);
    end();
}

// An event that is none ends the domain.
static void bad_event(void) {
    operation("XEN_DOMCTL_sethvmcontext");
    domid_t domain = domain_make();
    struct start s = good();
    s.cpu.pending_event = 0x80000000 | 7 << 8;
    tell("an event that there is not", set(domain, &s, sizeof(s)));
    struct xen_domctl operation = {};
    domctl(XEN_DOMCTL_getdomaininfo, domain, &operation);
    tell_field("after that", 0, "code", operation.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
    domain_destroy(domain);
}

void isa_context_cases(void) {
    domid_t domain = domain_make();
    saved(domain);
    get(domain, state, STATE_SIZE);
    memcpy(&start, state, sizeof(start.header_descriptor) + sizeof(start.header));
    refused(domain);
    struct start s = good();
    operation("XEN_DOMCTL_sethvmcontext");
    tell("good", set(domain, &s, sizeof(s)));
    told_context(domain);
    operation("XEN_DOMCTL_unpausedomain");
    domain_load(domain, program_reads, program_reads_end - program_reads);
    struct xen_domctl operation_ = {};
    tell("with a state", domctl(XEN_DOMCTL_unpausedomain, domain, &operation_));
    tell_end_of_domain("from a state", domain);
    domain_destroy(domain);
    bad_event();
}
