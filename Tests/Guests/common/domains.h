// SPDX-License-Identifier: Apache-2.0
// Domains that a guest makes as dom0: domains.c. What includes this defines __XEN_TOOLS__ before anything else.
#pragma once
#include "guest.h"
#include <xen/domctl.h>

// Whether the hypervisor can make domains here.
int domains_known(void);
// A domctl; `operation` has its union filled in.
long domctl(uint32_t command, domid_t domain, struct xen_domctl *operation);
// A new domain with one vCPU, paused, or a failure to report as `fail` does.
domid_t domain_make(void);
domid_t domain_make_with(unsigned vcpus);
// Gives it a page of RAM with the code.
void domain_load(domid_t domain, const uint32_t *code, unsigned words);
// The vCPU's registers, and lets it run.
void domain_start(domid_t domain, unsigned long entry);
// Both, from the code's first word.
void domain_run(domid_t domain, const uint32_t *code, unsigned words);
// As many domains that sleep for ever.
void domains_idle(unsigned count);
void domain_destroy(domid_t domain);
// One page of another domain's, in ours, until `domain_hide`.
volatile uint32_t *domain_show(domid_t domain, unsigned long frame);
void domain_hide(void);

// ---- <isa>/domain.c --------------------------------------------------------------------------------

// An ISA whose guests make no domains has none of it.
#pragma weak domain_memory
#pragma weak domain_sleeps
#pragma weak domain_sleeps_words
#pragma weak domain_ends
#pragma weak domain_ends_words
#pragma weak domain_configure
#pragma weak domain_prepare
#pragma weak domain_registers

// Where a guest's RAM begins.
extern const unsigned long domain_memory;
extern const uint32_t domain_sleeps[];
extern const unsigned domain_sleeps_words;
// Shuts down with reason `poweroff`.
extern const uint32_t domain_ends[];
extern const unsigned domain_ends_words;
void domain_configure(struct xen_domctl_createdomain *config);
// Once it has its vCPU, and no memory yet. On Xen only the vCPUs that there are follow a change of their width.
void domain_prepare(domid_t domain);
void domain_registers(vcpu_guest_context_t *context, unsigned long entry);
