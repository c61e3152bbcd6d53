// SPDX-License-Identifier: Apache-2.0
// What no guest should do to its processor: registers, ports and memory that are not there, control registers that cannot be.
// A case tells the exception that came of it, 14 being a page fault, or -1 where none did.
#include "cases.h"

// The APIC's page, which in x2APIC mode is none. What has no number on the board is the board's to answer for.
#define NOWHERE 0xfee00000ul

static char page[2][PAGE] PAGE_ALIGNED;
static unsigned long number, low, high;         // what an attempt is made with
static volatile unsigned long *place;

// More may be told before the line ends.
static void attempted(const char *name, void (*body)(void)) {
    long exception = machine_attempt(body);
    told(name, 0);
    field("exception", exception);
}

static void attempt(const char *name, void (*body)(void)) {
    attempted(name, body);
    end();
}

// ---- Model-specific registers -----------------------------------------------------------------------

static void read_register(void) {
    unsigned long a, d;
    __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(number));
}
static void write_register(void) { __asm__ volatile("wrmsr" : : "c"(number), "a"(low), "d"(high) : "memory"); }

static void registers(void) {
    operation("MSR");
    static const uint32_t unknown[] = { 0x2, 0x4ff, 0x800 + 0x7ff, 0x12345678, 0x40000fff, 0x7fffffff, 0x80000000, 0xbfffffff,
        0xc0001fff, 0xc0003000, 0xc0011fff, 0xdeadbeef, 0xffffffff };
    for (unsigned i = 0; i < COUNT(unknown); i++) {
        number = unknown[i], low = high = 0;
        attempt(numbered("read ", number), read_register);
        attempt(numbered("write ", number), write_register);
    }
    static const struct { const char *name; uint32_t number, low, high; } rows[] = {
        { "EFER, bits that there are not", 0xc0000080, 0xffffffff, 0xffffffff },
        { "EFER, upper half", 0xc0000080, 0x500, 1 }, { "hypercall page, not a page", 0x40000000, 0x1001, 0 },
        { "hypercall page where nothing is", 0x40000000, 0xfffff000, 0xff },
        { "APIC base, bits that there are not", 0x1b, 0xfee00c00, 0xffffffff }, { "PAT, a type that there is not", 0x277, 2, 0 },
        { "default memory type 2", 0x2ff, 2, 0 }, { "x2APIC, a register that there is not", 0x801, 0, 0 },
        { "x2APIC ID", 0x802, 5, 0 }, { "x2APIC task priority, upper bits", 0x808, 0x100, 0 },
        { "x2APIC end of interrupt, not 0", 0x80b, 1, 0 }, { "SYSENTER's stack", 0x175, 0, 0 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        number = rows[i].number, low = rows[i].low, high = rows[i].high;
        attempt(rows[i].name, write_register);
    }
}

// ---- Ports -------------------------------------------------------------------------------------------

static void strings_in(void) {
    unsigned long count = 8, to = (unsigned long)page[0] + 8;
    __asm__ volatile("rep insb" : "+c"(count), "+D"(to) : "d"(number) : "memory");
}
static void words_in(void) {
    unsigned long count = 4, to = (unsigned long)page[0] + 8;
    __asm__ volatile("rep insl" : "+c"(count), "+D"(to) : "d"(number) : "memory");
}
static void strings_out(void) {
    unsigned long count = 8, from = (unsigned long)page[0];
    __asm__ volatile("rep outsb" : "+c"(count), "+S"(from) : "d"(number) : "memory");
}
static void string_to_nowhere(void) {
    unsigned long count = 4, to = HOLE;
    __asm__ volatile("rep insb" : "+c"(count), "+D"(to) : "d"(number) : "memory");
}

// Those of the interrupt controller and the timer of a PC, which dom0 has not.
static void ports(void) {
    operation("port");
    static const uint16_t hidden[] = { 0x20, 0x21, 0xa1, 0x40, 0x43 };
    for (unsigned i = 0; i < COUNT(hidden); i++) {
        number = hidden[i];
        uint8_t byte;
        uint16_t two;
        __asm__ volatile("inb %w1, %0" : "=a"(byte) : "d"(number));
        __asm__ volatile("inw %w1, %0" : "=a"(two) : "d"(number));
        told(numbered("read ", number), 0);
        field("byte", byte), field("two", two & 0xff);
        end();
        for (unsigned j = 0; j < 32; j++) page[0][j] = j;
        attempted(numbered("strings at ", number), strings_in);
        field("before", page[0][7]), field("first", (uint8_t)page[0][8]), field("last", (uint8_t)page[0][15]), field("after", page[0][16]);
        end();
        attempt(numbered("strings to ", number), strings_out);
        attempt(numbered("strings to memory that is not there ", number), string_to_nowhere);
    }
    number = 0x40;
    attempt("strings of 4 bytes", words_in);
}

// ---- Memory --------------------------------------------------------------------------------------------

static void call_it(void) { ((void (*)(void))place)(); }
static void read_it(void) { (void)*place; }
static void write_it(void) { *place = 5; }
static void move_from(void) {
    unsigned long count = 4, from = (unsigned long)place, to = (unsigned long)page[0];
    __asm__ volatile("rep movsl" : "+c"(count), "+S"(from), "+D"(to) : : "memory");
}
static void move_to(void) {
    unsigned long count = 4, to = (unsigned long)place, from = (unsigned long)page[0];
    __asm__ volatile("rep movsl" : "+c"(count), "+S"(from), "+D"(to) : : "memory");
}
static void divide(void) {
    uint32_t a = 100, d = 0;
    __asm__ volatile("divl %2" : "+a"(a), "+d"(d) : "m"(*place) : "cc");
    low = a, high = d;
}
static void divide_too_much(void) {
    uint32_t a = 0, d = ~0u;
    __asm__ volatile("divl %2" : "+a"(a), "+d"(d) : "m"(*place) : "cc");
}
static void exchange(void) {
    unsigned long value = 7;
    __asm__ volatile("xchg %0, %1" : "+r"(value), "+m"(*place) : : "memory");
    low = value;
}
static void add(void) { __asm__ volatile("lock addl $1, %0" : "+m"(*place) : : "cc", "memory"); }
static void clear_flag(void) { __asm__ volatile("lock btrl $3, %0" : "+m"(*place) : : "cc", "memory"); }
static void push_it(void) {
    unsigned long value;
    __asm__ volatile("push %1\n\tpop %0" : "=r"(value) : "m"(*place));
    low = value;
}

static void memory(void) {
    operation("memory where nothing is");
    place = (unsigned long *)NOWHERE;
    attempted("a word", read_it);
    field("ones", *place == ~0ul);
    end();
    attempt("written", write_it);
    attempted("a string from there", move_from);
    field("ones", *(unsigned long *)page[0] == ~0ul);
    end();
    attempt("a string to there", move_to);
    attempted("divided by", divide);
    field("quotient", low), field("remainder", high);
    end();
    attempt("divided by, too large", divide_too_much);
    attempted("exchanged", exchange);
    field("ones", low == ~0ul);
    end();
    attempt("added to", add);
    attempt("a bit cleared", clear_flag);
    attempted("pushed", push_it);
    field("ones", low == ~0ul);
    end();
    attempt("run", call_it);
    operation("the page at address 0");
    place = (unsigned long *)64;
    attempt("read", read_it);
    attempt("written", write_it);
    attempt("run", call_it);
}

// Loads and stores of a vector register; the guest turns SSE on for them.
static void vector_load(void) { __asm__ volatile("movups (%0), %%xmm1\n\tmovups %%xmm1, (%1)" : : "r"(place), "r"(page[0]) : "memory"); }
static void vector_store(void) { __asm__ volatile("movups (%1), %%xmm1\n\tmovups %%xmm1, (%0)" : : "r"(place), "r"(page[0]) : "memory"); }
static void vector_aligned(void) { __asm__ volatile("movaps 8(%0), %%xmm1" : : "r"(place) : "memory"); }

static void vectors(void) {
    operation("memory where nothing is");
    unsigned long cr0, cr4;
    __asm__ volatile("mov %%cr0, %0\n\tmov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
    place = (unsigned long *)NOWHERE;
    attempt("a vector without SSE", vector_load);
    __asm__ volatile("mov %0, %%cr0\n\tmov %1, %%cr4" : : "r"(cr0 & ~(1ul << 2 | 1ul << 3)), "r"(cr4 | 1 << 9));
    for (unsigned i = 0; i < 16; i++) page[0][i] = i;
    attempt("a vector to there", vector_store);
    attempted("a vector from there", vector_load);
    field("ones", ((unsigned long *)page[0])[0] == ~0ul && ((unsigned long *)(page[0] + 16))[-1] == ~0ul);
    end();
    attempt("a vector from an odd address there", vector_aligned);
    __asm__ volatile("mov %0, %%cr0" : : "r"((cr0 & ~(1ul << 2)) | 1 << 3));
    attempt("a vector while it is switched off", vector_load);
    __asm__ volatile("mov %0, %%cr0\n\tmov %1, %%cr4" : : "r"(cr0), "r"(cr4));
}

// ---- Control registers --------------------------------------------------------------------------------

// What a processor refuses by itself: QEMU (7.2) refuses nothing, and a guest that sets it is not entered again.

static void write_cr0(void) { __asm__ volatile("mov %0, %%cr0" : : "r"(low) : "memory"); }
static void write_cr3(void) { __asm__ volatile("mov %0, %%cr3" : : "r"(low) : "memory"); }
static void write_cr4(void) { __asm__ volatile("mov %0, %%cr4" : : "r"(low) : "memory"); }

static void control(void) {
    operation("control registers");
    unsigned long cr0, cr3, cr4;
    __asm__ volatile("mov %%cr0, %0\n\tmov %%cr3, %1\n\tmov %%cr4, %2" : "=r"(cr0), "=r"(cr3), "=r"(cr4));
    low = cr0 | 1ul << 30;
    attempt("CR0, caches off", write_cr0);
    low = cr0;
    attempt("CR0, as it was", write_cr0);
    low = cr4;
    attempt("CR4, as it was", write_cr4);
#ifndef __x86_64__
    // All addresses are what they are without paging.
    low = cr0 & ~(1ul << 31);
    attempt("CR0, paging off", write_cr0);
    tell("a hypercall without paging", hypercall(63, 0, 0, 0));
    low = cr0;
    attempt("CR0, paging on again", write_cr0);
    for (unsigned i = 0; i < 100; i++) {
        low = cr0 & ~(1ul << 31), write_cr0();
        low = cr0, write_cr0();
    }
    tell("paging off and on, 100 times", 0);
#endif
    low = cr3;
    attempt("CR3, as it was", write_cr3);
}

// ---- Other instructions ---------------------------------------------------------------------------------

static void extended_control(void) { __asm__ volatile("xsetbv" : : "c"(number), "a"(low), "d"(0) : "memory"); }
static void run_guest(void) { __asm__ volatile("vmrun" : : "a"(page[1]) : "memory"); }
static void intel_call(void) { __asm__ volatile("vmcall" : : "a"(63) : "memory"); }
static void undefined(void) { __asm__ volatile("ud2"); }
static void monitor(void) { __asm__ volatile("monitor" : : "a"(page[1]), "c"(0), "d"(0) : "memory"); }

static void instructions(void) {
    operation("instruction");
    number = 0, low = 0;
    attempt("XSETBV", extended_control);
    attempt("VMRUN", run_guest);
    attempt("VMCALL", intel_call);
    attempt("UD2", undefined);
    attempt("MONITOR", monitor);
}

void bad_cases(void) {
    registers();
    ports();
    memory();
    vectors();
    control();
    instructions();
}
