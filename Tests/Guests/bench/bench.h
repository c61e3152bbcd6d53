// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "guest.h"

// What is repeated, how often, and what stands before and after it.
struct benchmark {
    const char *name;
    void (*once)(void);
    void (*prepare)(void);
    void (*finish)(void);
    unsigned operations;    // in one call of `once`; 0 is 1
    int under_load;         // measured a second time with many ports and grants in use
    unsigned rounds;        // calls of `once` in a batch; 0 is 500
    uint64_t (*ticks)(void);    // instead of `once`, where somebody else counts: ticks of `operations`
};

// What an ISA has in its own way: <isa>/rows.c. The last has no name.
extern const struct benchmark isa_benchmarks[];

enum { BATCH = 32 };        // operations of one hypercall, where a hypercall takes a list

// ---- bench.c ---------------------------------------------------------------------------------------

// An event's interrupt is left waiting, and taken.
void leave_upcall_pending(void);
void take_upcall(void);
void timer_interrupt(void);

// ---- x86_64/ping_pong.c ----------------------------------------------------------------------------

void ping_pong_start(void);
void ping_pong(void);
void ping_pong_end(void);

// ---- x86_64/touch.c --------------------------------------------------------------------------------

// Ticks of TOUCHED faults.
uint64_t touch_on_demand(void);

// ---- ports.c ---------------------------------------------------------------------

void masked_port_open(void);
void masked_send(void);
void masked_port_close(void);
void open_and_close(void);
// Opens this many more event channels, which stay open.
void ports_open(unsigned count);

// ---- grants.c ---------------------------------------------------------------------------------------

void grants_start(void);
void grants_finish(void);
void grant_map_unmap(void);
void grant_map_unmap_batch(void);
void grant_copy(void);
void grant_copy_batch(void);
// Maps this many grants, which stay mapped.
void grants_map(unsigned count);

// ---- memory.c ---------------------------------------------------------------------------------------

void decrease_populate(void);
void add_remove(void);
void multicall_prepare(void);
void multicall(void);
