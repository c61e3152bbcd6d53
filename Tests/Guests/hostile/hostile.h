// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "guest.h"
#include <xen/grant_table.h>

enum { PAGE = 4096, VCPUS = 3, STACK = 16384 };

// What a copy of this guest is to be; dom0 is the director, who writes it into the others before they start.
enum role { DIRECTOR, NEIGHBOUR, REPLAYER, ABUSER, DEMANDER };
struct orders {
    uint32_t role;
    uint32_t seed;
};
extern volatile struct orders orders;

enum { REPLAYS = 16 };

// What a domain tells the director, who looks at this page of it.
struct report {
    volatile uint32_t done;
    volatile uint32_t started;
    volatile uint64_t rounds;
    volatile uint64_t faults;           // of the neighbour: words that were not as it had left them
    volatile int64_t results[REPLAYS];
    volatile uint64_t operations[VCPUS];
};
extern union page { struct report report; char bytes[PAGE]; } report_page;

// An attack that was once possible, and the answer that is right.
struct replay {
    const char *name;
    long (*run)(void);
    long expected;
};
// The last has no name.
extern const struct replay replays[];

// Pages to play with: their RAM comes and goes.
enum { AREA = 256 };
extern char area[AREA][PAGE];

// Grants of the domain to itself, in the page of its table that `grants_start` puts in its memory, and where nothing is.
enum { FIRST_GRANT = 8, FAR_SHIFT = 37 };
#define FAR (1ul << FAR_SHIFT)          // 128 GB
void grant(unsigned ref, void *page);
struct gnttab_map_grant_ref map(unsigned ref, unsigned long address, unsigned flags);
int unmap(grant_handle_t handle, unsigned long address);
// A memory operation on one page of its own. Returns how many were done.
long change(int operation, unsigned long frame);

void neighbour_run(void);
void replays_run(void);
void abuse_run(void);
void demand_run(void);
// Runs `body` on the other vCPUs, which it is told the numbers of.
void others_start(void (*body)(unsigned vcpu));

// ---- <isa>/own.c -------------------------------------------------------------------------------------

// What only one ISA has, in the same form. The last has no name.
extern const struct replay isa_replays[];
// What a copy does first: an unprivileged domain's interrupt controller is elsewhere, and nobody waits for interrupts.
void copy_start(void);
// Where a copy of the image begins.
extern const unsigned long hostile_memory;
// So many of the last pages to play with are memory on demand, where the ISA has that, and so many frames there are for them.
extern const unsigned demanded_pages, demanded_frames;
// What another vCPU does against the others' locks, where the ISA has something of its own.
void isa_interfere(void);
