// SPDX-License-Identifier: Apache-2.0
// What no guest should do to its processor: registers, ports and memory that are not there, control registers that cannot be.
// A case tells the exception that came of it, 14 being a page fault, or -1 where none did.
#include "cases.h"

// The APIC's page, which in x2APIC mode is none. What has no number on the board is the board's to answer for.
#define NOWHERE 0xfee00000ul

#ifdef __x86_64__
enum { LONG_MODE = 1 };
#else
enum { LONG_MODE = 0 };
#endif

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
        { "x2APIC error status, not 0", 0x828, 1, 0 }, { "x2APIC spurious vector, a bit that there is not", 0x80f, 0x11ff, 0 },
        { "x2APIC timer, a delivery mode", 0x832, 0x10100, 0 }, { "x2APIC thermal entry, a trigger mode", 0x833, 0x18000, 0 },
        { "x2APIC line entry, a timer mode", 0x835, 0x30000, 0 }, { "x2APIC error entry, a delivery mode", 0x837, 0x10400, 0 },
        { "x2APIC divisor, a bit that there is not", 0x83e, 4, 0 }, { "x2APIC command, a bit that there is not", 0x830, 0x2050, 0 },
        { "x2APIC self interrupt, upper bits", 0x83f, 0x150, 0 },
        { "EFER, virtualisation", 0xc0000080, 0x1d01, 0 }, { "EFER, long mode off and on", 0xc0000080, LONG_MODE ? 1 : 0x101, 0 },
        { "fixed memory type 2", 0x250, 2, 0 }, { "fixed memory type 7 at the end", 0x26f, 0, 0x07000000 },
        { "variable memory type 3", 0x200, 3, 0 }, { "variable memory type, reserved bits", 0x200, 0x100, 0 },
        { "variable memory type, an address that there is not", 0x200, 6, 0xffffffff }, { "its mask, reserved bits", 0x201, 0x7ff, 0 },
        { "its mask, an address that there is not", 0x201, 0x800, 0xffffffff },
        { "default memory type, reserved bits", 0x2ff, 0x1006, 0 },
        { "SYSENTER's stack, no address", 0x175, 0, 0x8000 }, { "SYSENTER's code, no address", 0x176, 0, 0x80000000 },
        { "SYSENTER's code", 0x176, 0, 0 }, { "STAR", 0xc0000081, 0, 0x00230010 },
        { "LSTAR", 0xc0000082, 0, 0xffff8000 }, { "LSTAR, no address", 0xc0000082, 0, 0x8000 },
        { "CSTAR, no address", 0xc0000083, 0, 0xffff0000 }, { "FS, no address", 0xc0000100, 0, 0x8000 }, { "FS", 0xc0000100, 0, 0 },
        { "GS, no address", 0xc0000101, 0, 0x8000 }, { "GS", 0xc0000101, 0, 0 },
        { "the other GS, no address", 0xc0000102, 0, 0x8000 }, { "the other GS", 0xc0000102, 0, 0 },
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

static void write_cr0(void) { __asm__ volatile("mov %0, %%cr0" : : "r"(low) : "memory"); }
static void write_cr3(void) { __asm__ volatile("mov %0, %%cr3" : : "r"(low) : "memory"); }
static void write_cr4(void) { __asm__ volatile("mov %0, %%cr4" : : "r"(low) : "memory"); }
static void write_status(void) { __asm__ volatile("lmsw %w0" : : "r"(low) : "memory"); }
static void write_status_from_memory(void) { __asm__ volatile("lmsw %0" : : "m"(low) : "memory"); }

static void clear_switched(void) { __asm__ volatile("clts"); }
static void write_dr6(void) { __asm__ volatile("mov %0, %%dr6" : : "r"(low)); }
static void write_dr7(void) { __asm__ volatile("mov %0, %%dr7" : : "r"(low)); }

static uint32_t leaf(uint32_t number, unsigned which) {
    uint32_t l[4];
    __asm__ volatile("cpuid" : "=a"(l[0]), "=b"(l[1]), "=c"(l[2]), "=d"(l[3]) : "a"(number), "c"(0));
    return l[which];
}

enum { EBX = 1, ECX, EDX };

// What CPUID says of the bits of CR4; of the others nothing is ever offered here.
static int is_offered(unsigned bit) {
    static const struct { uint8_t bit, leaf, which, feature; } rows[] = { { 0, 1, EDX, 1 }, { 1, 1, EDX, 1 }, { 2, 1, EDX, 4 },
        { 3, 1, EDX, 2 }, { 4, 1, EDX, 3 }, { 5, 1, EDX, 6 }, { 6, 1, EDX, 7 }, { 7, 1, EDX, 13 }, { 9, 1, EDX, 24 },
        { 10, 1, EDX, 25 }, { 11, 7, ECX, 2 }, { 16, 7, EBX, 0 }, { 17, 1, ECX, 17 }, { 18, 1, ECX, 26 }, { 20, 7, EBX, 7 },
        { 21, 7, EBX, 20 }, { 22, 7, ECX, 3 } };
    for (unsigned i = 0; i < COUNT(rows); i++)
        if (rows[i].bit == bit) return leaf(rows[i].leaf, rows[i].which) >> rows[i].feature & 1;
    return bit == 8;
}

// Which bits are offered is another matter than that only those can be set.
static void bits_of_cr4(unsigned long cr4) {
    for (unsigned bit = 0; bit < 8 * sizeof(long); bit++) {
        low = cr4 | 1ul << bit;
        long exception = is_offered(bit) ? -1 : machine_attempt(write_cr4);
        told(numbered("CR4, bit ", bit), 0);
        field("as offered", is_offered(bit) || exception == 13);
        end();
    }
}

// Combinations that no processor takes. LMSW has to be found among the guest's bytes.
static void combinations(unsigned long cr0, unsigned long cr3, unsigned long cr4) {
    low = cr0 & ~1ul;
    attempt("CR0, paging without protection", write_cr0);
#ifdef __x86_64__
    low = cr0 | 1ul << 32;
    attempt("CR0, upper half", write_cr0);
    low = cr0 & ~(1ul << 31);
    attempt("CR0, paging off in 64-bit code", write_cr0);
    low = cr4 & ~(1ul << 5);
    attempt("CR4, PAE off in long mode", write_cr4);
#endif
    // On Debian's Xen these are the processor's, of which QEMU's (7.2) takes them all, and VMRUN none: it would be the end.
    if (events_three_levels_known()) {
        low = cr0 | 1ul << 29;
        attempt("CR0, write-through that is not, with caches", write_cr0);
#ifdef __x86_64__
        low = cr3 | 1ul << 51;
        attempt("CR3, an address that there is not", write_cr3);
        low = 1ul << 32;
        attempt("DR6, upper half", write_dr6);
        attempt("DR7, upper half", write_dr7);
#endif
    }
    low = 0x400;
    attempted("DR7, as after reset", write_dr7);
    __asm__ volatile("mov %%dr7, %0" : "=r"(high));
    field("value", high);
    end();
    low = 0;
    attempted("DR6, nothing", write_dr6);
    __asm__ volatile("mov %%dr6, %0" : "=r"(high));
    field("value", high);
    end();
    low = cr0 | 1 << 3, write_cr0();
    attempted("CLTS", clear_switched);
    __asm__ volatile("mov %%cr0, %0" : "=r"(high));
    field("rest", high == cr0);
    end();
    low = cr0, write_cr0();
    low = cr0 | 1 << 2;
    attempted("LMSW, emulation", write_status);
    __asm__ volatile("mov %%cr0, %0" : "=r"(high));
    field("set", high >> 2 & 1), field("rest", (high & ~(1ul << 2)) == (cr0 & ~(1ul << 2)));
    end();
    low = cr0, write_cr0();
    low = (cr0 & ~1ul) | 1 << 2;
    attempted("LMSW from memory, without protection", write_status_from_memory);
    __asm__ volatile("mov %%cr0, %0" : "=r"(high));
    field("set", high >> 2 & 1), field("protection", high & 1);
    end();
    low = cr0, write_cr0();
    (void)cr3, (void)cr4;
}

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
    bits_of_cr4(cr4);
    combinations(cr0, cr3, cr4);
}

// ---- The local APIC's errors ----------------------------------------------------------------------------

enum { ERROR_STATUS = 0x828, COMMAND = 0x830, TIMER_ENTRY = 0x832, ERROR_ENTRY = 0x837, COUNT_OF_TIMER = 0x838, SELF = 0x83f };
enum { COUNTED_VECTOR = 0x50, MASKED = 1 << 16 };

static void set(uint32_t which, uint32_t value) {
    number = which, low = value, high = 0;
    write_register();
}

// With what the error status says then, and how often the interrupt that tells of errors has come.
static void erred(const char *name, uint64_t before) {
    told(name, 0);
    set(ERROR_STATUS, 0);
    uint32_t status, rest;
    __asm__ volatile("rdmsr" : "=a"(status), "=d"(rest) : "c"(ERROR_STATUS));
    field("status", status), field("interrupts", handled[SELF_INTERRUPT] - before);
    end();
}

static void errors_of_apic(void) {
    operation("local APIC");
    uint64_t before = handled[SELF_INTERRUPT];
    machine_interrupts(1);
    set(ERROR_ENTRY, COUNTED_VECTOR);
    set(SELF, 5);
    set(COMMAND, 1 << 18 | 15);
    told("illegal vectors sent", 0);
    field("interrupts", handled[SELF_INTERRUPT] - before);
    end();
    set(TIMER_ENTRY, 3);
    set(COUNT_OF_TIMER, 100);
    for (uint64_t end = machine_ticks() + 10000000; machine_ticks() < end && handled[SELF_INTERRUPT] - before < 2;);
    set(TIMER_ENTRY, MASKED);
    erred("an illegal vector of the timer", before);
    erred("nothing more", before);
    set(SELF, 5);
    erred("sent again", before);
    set(ERROR_ENTRY, MASKED | COUNTED_VECTOR);
    set(SELF, 5);
    erred("sent while masked", before);
    set(SELF, COUNTED_VECTOR);
    erred("a legal one", before);
    machine_interrupts(0);
}

// ---- Other instructions ---------------------------------------------------------------------------------

static void extended_control(void) { __asm__ volatile("xsetbv" : : "c"(number), "a"(low), "d"(0) : "memory"); }
static void run_guest(void) { __asm__ volatile("vmrun" : : "a"(page[1]) : "memory"); }
static void intel_call(void) { __asm__ volatile("vmcall" : : "a"(63) : "memory"); }
static void undefined(void) { __asm__ volatile("ud2"); }
static void monitor(void) { __asm__ volatile("monitor" : : "a"(page[1]), "c"(0), "d"(0) : "memory"); }
static void debug_instruction(void) { __asm__ volatile(".byte 0xf1"); }

static void instructions(void) {
    operation("instruction");
    number = 0, low = 0;
    attempt("XSETBV", extended_control);
    attempt("VMRUN", run_guest);
    attempt("VMCALL", intel_call);
    attempt("UD2", undefined);
    attempt("MONITOR", monitor);
    attempt("ICEBP", debug_instruction);
}

void bad_cases(void) {
    registers();
    ports();
    memory();
    vectors();
    control();
    errors_of_apic();
    instructions();
}
