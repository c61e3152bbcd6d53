// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "../x86/platform.h"

// What an entry of the interrupt descriptor table is, and how the flags are pushed and their trap flag turned over.
struct gate { uint16_t low, selector; uint8_t stack, type; uint16_t middle; uint32_t high, zero; };
static inline void gate_high(struct gate *gate, unsigned long entry) { gate->high = entry >> 32; }
#define TRAP_ON "pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
#define TRAP_OFF "pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq"

static inline long hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c) {
    register unsigned long rax __asm__("rax") = number;
    register unsigned long rdi __asm__("rdi") = a;
    register unsigned long rsi __asm__("rsi") = b;
    register unsigned long rdx __asm__("rdx") = c;
    if (number < HYPERCALLS_OF_PAGE && number != IRET)
        __asm__ volatile("call *%[entry]" : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx)
                         : [entry] "r"(hypercall_page + number * HYPERCALL_SIZE) : "memory");
    else
        __asm__ volatile("vmmcall" : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx) : : "memory");
    return (long)rax;
}
