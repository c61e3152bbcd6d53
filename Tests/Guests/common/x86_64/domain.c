// SPDX-License-Identifier: Apache-2.0
// A domain of one vCPU in flat 32-bit segments with paging off, as a new one begins: a PVH domain without a kernel.
#define __XEN_TOOLS__ 1
#include "domains.h"

enum { INTERRUPTS = 0x202, POOL_MEBIBYTES = 4 };

const unsigned long domain_memory = 0x100000;
// HLT; branch back.
const uint32_t domain_sleeps[] = { 0x90fdebf4 };
const unsigned domain_sleeps_words = 1;
// CLI; HLT: the last vCPU is down, so that the domain is off.
const uint32_t domain_ends[] = { 0x9090f4fa };
const unsigned domain_ends_words = 1;

void domain_configure(struct xen_domctl_createdomain *config) {
    config->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    config->grant_opts = XEN_DOMCTL_GRANT_version(1);
    config->arch.emulation_flags = XEN_X86_EMU_LAPIC;
}

void domain_prepare(domid_t domain) {
    struct xen_domctl operation = { .u.shadow_op = { .op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION, .mb = POOL_MEBIBYTES } };
    long code = domctl(XEN_DOMCTL_shadow_op, domain, &operation);
    if (code) fail("shadow_op", code);
}

void domain_registers(vcpu_guest_context_t *context, unsigned long entry) {
    context->flags = VGCF_online;
    context->user_regs.rip = entry;
    context->user_regs.rflags = INTERRUPTS;
}
