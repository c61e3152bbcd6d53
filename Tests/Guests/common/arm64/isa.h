// SPDX-License-Identifier: Apache-2.0
#pragma once

// A page of QEMU's virt board that dom0 is given and that is no RAM: the real-time clock's (PL031).
#define DEVICE 0x09010000ul

// An HVM_PARAM_* that ends a domain which sets it to anything: none.
#define FATAL_PARAMETER ~0u

static inline long hypercall(unsigned long number, unsigned long a, unsigned long b, unsigned long c) {
    register unsigned long x16 __asm__("x16") = number;
    register unsigned long x0 __asm__("x0") = a;
    register unsigned long x1 __asm__("x1") = b;
    register unsigned long x2 __asm__("x2") = c;
    __asm__ volatile("hvc #0xea1" : "+r"(x0) : "r"(x16), "r"(x1), "r"(x2) : "memory");
    return (long)x0;
}
