// SPDX-License-Identifier: Apache-2.0
// A case asks the hypervisor for something and says on one line what came of it:
//     case: OPERATION/what is particular: result field value...
// Machine addresses, times and whatever else may differ between two right hypervisors is left out.
#pragma once
#include <stddef.h>
#define __XEN_TOOLS__ 1
#include "guest.h"

#define PAGE 4096
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define FRAME(address) ((unsigned long)(address) / PAGE)

// Of the guest's own RAM; where it is depends on the hypervisor, so only offsets into it are ever told.
#define PAGE_ALIGNED __attribute__((aligned(PAGE)))

enum { HOLE_SHIFT = 37 };           // 128 GB, or 2 GB: nothing is there on QEMU's board, and any stage 2 reaches it
#define HOLE POWER(HOLE_SHIFT)
#define NO_DOMAIN 77                // a domain that there is not
#define NO_PORT 4000u               // a port that is not in use

// ---- Telling: cases.c -------------------------------------------------------------------------------

// The operation that the next cases belong to.
void operation(const char *name);
// One line; fields, if any, are between `told` and `end`.
void told(const char *name, long code);
void field(const char *name, uint64_t value);
void text_field(const char *name, const char *text);
void end(void);
// A line without fields.
void tell(const char *name, long code);
// A line whose field is told only where the call succeeded, as a failed one leaves it open.
void tell_field(const char *name, long code, const char *field_name, uint64_t value);
// A name made of a text and a number.
const char *numbered(const char *text, uint64_t number);

// ---- Addresses: addresses.c -------------------------------------------------------------------------

// A hypercall whose argument is a structure in guest memory.
struct call {
    unsigned long number;
    unsigned long before[2];        // arguments in front of the address
    int position;                   // of the address: 1 or 2, 0 for the first
    unsigned long after;            // the argument behind it
    const void *structure;
    size_t size;
    int copied_back;                // the hypervisor writes the structure, too
    void (*undo)(void *structure);  // after each success; may be null
};

// Makes memory of each kind: a hole in a buffer, a page that can only be read.
void addresses_start(void);
// The call with its structure at every kind of address.
void sweep(const struct call *call);
// Writable memory of this size, behind which nothing is: for the first element of a list whose second is missing.
void *last_before_hole(size_t size);
// A page that is not there, one of RAM, one that may only be read: frame numbers.
unsigned long missing_frame(void);
unsigned long read_only_frame(void);

// The entries that `grant_cases` has put into memory, version 1: those from 512 on may be used.
struct grant_entry_v1 *grant_entries(void);

// ---- The families -----------------------------------------------------------------------------------

void event_cases(void);
void fifo_cases(void);
void isa_cases(void);      // <isa>/isa.c
void grant_cases(void);
void grant_table_cases(void);
void memory_cases(void);
void physmap_cases(void);
void list_cases(void);
void platform_cases(void);
void exhaustion_cases(void);
// What they do with `read_only_frame` leaves no other case alone.
void grant_mapping_cases(void);
void fifo_grant_mapping_cases(void);
void scheduling_cases(void);
void vcpu_cases(void);
void version_cases(void);
void parameter_cases(void);
void console_cases(void);
void multicall_cases(void);
void number_cases(void);
void domctl_cases(void);
void pair_cases(void);
// <isa>/domains.c, where there is one.
#pragma weak isa_domain_cases
void isa_domain_cases(void);
