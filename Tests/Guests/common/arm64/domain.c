// SPDX-License-Identifier: Apache-2.0
// A domain of one AArch64 vCPU, as the toolstack makes it.
#define __XEN_TOOLS__ 1
#include "domains.h"
#include <xen/sched.h>

enum { PSTATE = 0x3c5, SCTLR = 0x30d00800, POOL = 1 << 20 };

const unsigned long domain_memory = 0x40000000;
// WFI; branch back.
const uint32_t domain_sleeps[] = { 0xd503207f, 0x17ffffff };
const unsigned domain_sleeps_words = 2;
// The argument lies behind the code: ADR X1; MOV X0, SHUTDOWN; MOV X16, sched_op; HVC; branch to itself.
const uint32_t domain_ends[] = { 0x100000a1, 0xd2800040, 0xd28003b0, 0xd4000002 | 0xea1 << 5, 0x14000000, SHUTDOWN_poweroff };
const unsigned domain_ends_words = 6;

void domain_configure(struct xen_domctl_createdomain *config) {
    config->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    config->grant_opts = XEN_DOMCTL_GRANT_version(1);
    config->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_NATIVE;
}

void domain_prepare(domid_t domain) {
    struct xen_domctl operation = { .u.address_size.size = 64 };
    long code = domctl(XEN_DOMCTL_set_address_size, domain, &operation);
    if (code) fail("set_address_size", code);
    operation.u.paging_mempool.size = POOL;
    code = domctl(XEN_DOMCTL_set_paging_mempool_size, domain, &operation);
    if (code) fail("set_paging_mempool_size", code);
}

void domain_registers(vcpu_guest_context_t *context, unsigned long entry) {
    context->flags = VGCF_online;
    context->user_regs.pc64 = entry;
    context->user_regs.cpsr = PSTATE;
    context->sctlr = SCTLR;
}
