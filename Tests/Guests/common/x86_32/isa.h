// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "../x86/platform.h"

// What an entry of the interrupt descriptor table is, and how the flags are pushed and their trap flag turned over.
struct gate { uint16_t low, selector; uint8_t stack, type; uint16_t middle; };
static inline void gate_high(struct gate *gate, unsigned long entry) { (void)gate, (void)entry; }
#define TRAP_ON "pushfl\n\torl $0x100, (%%esp)\n\tpopfl\n\t"
#define TRAP_OFF "pushfl\n\tandl $~0x100, (%%esp)\n\tpopfl"

static inline long hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c) {
    if (number < HYPERCALLS_OF_PAGE && number != IRET)
        __asm__ volatile("call *%[entry]" : "+a"(number), "+b"(a), "+c"(b), "+d"(c)
                         : [entry] "r"(hypercall_page + number * HYPERCALL_SIZE) : "memory");
    else
        __asm__ volatile("vmmcall" : "+a"(number), "+b"(a), "+c"(b), "+d"(c) : : "memory");
    return (long)number;
}
