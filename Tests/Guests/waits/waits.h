// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "guest.h"

// One operation that a guest can make long, and what stands around it: a timer fires at moments all over `once`.
struct wait {
    const char *name;
    void (*once)(void);
    void (*prepare)(void);
    void (*finish)(void);
};

// What an ISA has in its own way: <isa>/rows.c. The last has no name.
extern const struct wait isa_waits[];

enum { PAGE = 4096 };

// ---- memory.c: this guest's own pages, single ones or of 2 MiB ---------------------------------------

void give_pages_back(void);
void populate_pages(void);
void give_large_back(void);
void populate_large(void);

// ---- grants.c ----------------------------------------------------------------------------------------

void grants_prepare(void);
void grants_map(void);
void grants_unmap(void);
void grants_copy(void);

// ---- others.c: a domain that this one makes, with much of everything ----------------------------------

void other_make(void);
void other_make_sparse(void);
void other_reset_events(void);
void other_show(void);
void other_hide(void);
void other_destroy(void);
