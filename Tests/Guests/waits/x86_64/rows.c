// SPDX-License-Identifier: Apache-2.0
// What only x86-64 has.
#include "waits.h"

enum { PIC_MASK = 0x21, COUNT = 65536 };    // a port that no PVH domain is given
#define IO_APIC 0xfec00000ul

static char bytes[COUNT];

static void string_in(void) {
    void *to = bytes;
    unsigned long count = COUNT;
    __asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"((uint16_t)PIC_MASK) : "memory");
}

static void string_out(void) {
    void *from = bytes;
    unsigned long count = COUNT;
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"((uint16_t)PIC_MASK) : "memory");
}

// Every element is an access of its own to a register.
static void string_from_device(void) {
    const void *from = (void *)IO_APIC;
    void *to = bytes;
    unsigned long count = 256;
    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
}

static void write_back_and_invalidate(void) { __asm__ volatile("wbinvd" : : : "memory"); }

const struct wait isa_waits[] = {
    { "REP INS of 65,536 bytes", string_in },
    { "REP OUTS of 65,536 bytes", string_out },
    { "REP MOVS from a device", string_from_device },
    { "WBINVD", write_back_and_invalidate },
    { 0 },
};
