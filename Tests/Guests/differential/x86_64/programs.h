// SPDX-License-Identifier: Apache-2.0
// Between programs.S and domains.c, which runs them: guest-physical addresses of a domain's.
#pragma once

#ifndef __ASSEMBLER__
// domains.c: waits until the domain has shut down, and tells why it has.
void tell_end_of_domain(const char *name, domid_t domain);
// contexts.c
void isa_context_cases(void);
#endif

#define PROGRAM_PAGE 0x100000           // domain_memory
#define PROGRAM_RESULTS 0x100800        // in its page
#define PROGRAM_CALLS 0x101000
#define PROGRAM_TABLES 0x102000         // three pages
#define PROGRAM_PROMISED 0x200000
#define PROGRAM_NOTHING 0x40000000
