// SPDX-License-Identifier: Apache-2.0
// What only x86 has: the hypervisor's CPUID leaves, the page of hypercalls, upcall vectors, single steps.
#include "cases.h"
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/version.h>

enum { BASE = 0x40000000, LAST = 6, LEAF_TIME = 3 };

static void leaves(void) {
    operation("CPUID");
    static const char *const names[LAST + 1] = { "signature, subleaf ", "version, subleaf ", "hypercalls, subleaf ", "time, subleaf ",
        "HVM, subleaf ", "limits, subleaf ", "past the last, subleaf " };
    for (unsigned leaf = 0; leaf <= LAST; leaf++) {
        for (unsigned subleaf = 0; subleaf < 3; subleaf++) {
            if (leaf == LEAF_TIME && subleaf) break;        // offsets and frequencies are measured
            uint32_t a = BASE + leaf, b, c = subleaf, d;
            __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
            told(numbered(names[leaf], subleaf), 0);
            field("eax", a);
            if (leaf != LEAF_TIME) {
                field("ebx", b);
                field("ecx", c);
                field("edx", d);
            }
            end();
        }
    }
}

// Each entry: MOV number to EAX, VMMCALL, RET.
static void page(void) {
    operation("hypercall page");
    for (unsigned number = 0; number < HYPERCALLS_OF_PAGE; number++) {
        const uint8_t *entry = (const uint8_t *)hypercall_page + number * HYPERCALL_SIZE;
        uint64_t code = 0;
        for (unsigned i = 0; i < 8; i++) code |= (uint64_t)entry[i] << i * 8;
        uint64_t expected = 0xb8 | (uint64_t)number << 8 | 0xd9010full << 40;
        told(numbered("entry ", number), 0);
        field("as expected", code == expected && entry[8] == 0xc3);
        end();
    }
}

static void vectors_of_upcalls(void) {
    operation("HVMOP_set_evtchn_upcall_vector");
    static const struct { const char *name; uint32_t vcpu; uint8_t vector; } rows[] = {
        { "vCPU 1", 1, 0x60 }, { "vector 0", 1, 0 }, { "vector 15", 1, 15 }, { "vector 16", 1, 16 }, { "vector 255", 1, 255 },
        { "no vCPU", 2, 0x60 }, { "vCPU 2^32-1", ~0u, 0x60 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct xen_hvm_evtchn_upcall_vector vector = { .vcpu = rows[i].vcpu, .vector = rows[i].vector };
        tell(rows[i].name, hypercall(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, (unsigned long)&vector, 0));
    }
    struct xen_hvm_evtchn_upcall_vector bad = { .vcpu = 77 };
    sweep(&(struct call){ .number = __HYPERVISOR_hvm_op, .before = { HVMOP_set_evtchn_upcall_vector }, .position = 1,
        .structure = &bad, .size = sizeof(bad) });
}

// Four instructions are stepped over: the one that is looked at, two that do nothing, and the PUSHFQ that ends it.
static char stepped[16];
#define STEP(name, instruction)                                                                                   \
    do {                                                                                                          \
        machine_traps = 0;                                                                                        \
        unsigned long a = 0, c = 0x1b, to = (unsigned long)stepped;                                                                            \
        __asm__ volatile(TRAP_ON instruction "\n\tnop\n\tnop\n\t" TRAP_OFF                                               \
                         : "+a"(a), "+c"(c), "+D"(to) : [hole] "S"(0xfee00000) : "ebx", "edx", "memory");                                          \
        told(name, 0);                                                                                            \
        field("traps", machine_traps);                                                                            \
        end();                                                                                                    \
    } while (0)

static void steps(void) {
    operation("single step");
    STEP("NOP", "nop");
    STEP("CPUID", "cpuid");
    STEP("RDMSR", "rdmsr");
    STEP("IN", "inb $0x21, %%al");
    // The segment register's load keeps the trap away from the instruction behind it.
    STEP("MOV to SS", "movw %%ss, %%ax\n\tmovw %%ax, %%ss");
    STEP("IN of a string", "movw $0x21, %%dx\n\tmovl $3, %%ecx\n\trep insb");
    STEP("memory where nothing is", "movl (%[hole]), %%eax");
    STEP("a hypercall that there is not", "movl $63, %%eax\n\tvmmcall");
}

#ifdef __x86_64__
// A hypercall of 32-bit code in a kernel of 64 bits, which leaves something in the upper halves of the registers.
static int ask_from_32_bit_code(unsigned long number, unsigned long a, unsigned long b, unsigned long c) {
    const unsigned long rest = 0xdeadbeeful << 32;
    number |= rest, a |= rest, b |= rest, c |= rest;
    __asm__ volatile("pushq $24\n\tpushq $1f\n\tlretq\n\t.code32\n1:\tvmmcall\n\tljmp $8, $2f\n\t.code64\n2:"
                     : "+a"(number), "+b"(a), "+c"(b), "+d"(c) : : "rsi", "rdi", "memory");
    return number;
}

static void compatibility_mode(void) {
    operation("32-bit code of a 64-bit kernel");
    tell("XENVER_version", ask_from_32_bit_code(__HYPERVISOR_xen_version, XENVER_version, 0, 0));
    static domid_t self = DOMID_SELF;
    tell("XENMEM_maximum_gpfn", ask_from_32_bit_code(__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, (unsigned long)&self, 0) > 0);
    // A third of what a 64-bit caller's entry takes.
    static struct { uint32_t op, result, args[6]; } call = { __HYPERVISOR_xen_version, 55, { XENVER_version } };
    told("multicall", ask_from_32_bit_code(__HYPERVISOR_multicall, (unsigned long)&call, 1, 0));
    field("result", call.result);
    end();
    tell("no hypercall", ask_from_32_bit_code(63, 0, 0, 0));
    tell("where nothing is", ask_from_32_bit_code(__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, 0x80000000, 0));
    // Nothing of that has made shared_info one of 32 bits.
    operation("32-bit words");
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    event_operation("bind_ipi", EVTCHNOP_bind_ipi, &bind);
    events_mask(bind.port);
    event_operation("send", EVTCHNOP_send, &(struct evtchn_send){ .port = bind.port });
    tell("a port of 64-bit words", events_pending(bind.port));
    event_operation("close", EVTCHNOP_close, &(struct evtchn_close){ .port = bind.port });
}
#else
static void compatibility_mode(void) {}
#endif

void bad_cases(void);    // bad.c

void isa_cases(void) {
    compatibility_mode();
    bad_cases();
    leaves();
    page();
    vectors_of_upcalls();
    steps();
}
