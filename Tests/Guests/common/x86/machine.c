// SPDX-License-Identifier: Apache-2.0
// x86 as a PVH domain of either width sees it: x2APIC, events by the callback vector, time by the time stamp counter.
#include "guest.h"
#include <xen/arch-x86/cpuid.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/vcpu.h>

enum { APIC_BASE = 0x1b, X2APIC = 0x800 };
enum { TASK_PRIORITY = X2APIC + 0x8, END = X2APIC + 0xb, SPURIOUS = X2APIC + 0xf, SELF = X2APIC + 0x3f };
enum { LVT_TIMER = X2APIC + 0x32, INITIAL_COUNT = X2APIC + 0x38, DIVIDE = X2APIC + 0x3e, BY_ONE = 0xb, COUNT_TICKS = 10 };
enum { TRAP = 1, EVENT_VECTOR = 0x40, SELF_VECTOR = 0x50, TIMER_VECTOR = 0x60, SPURIOUS_VECTOR = 0xff };
enum { ENABLED = 1 << 11, IN_X2_MODE = 1 << 10, SOFTWARE_ENABLED = 1 << 8 };
enum { CODE = 8, INTERRUPT_GATE = 0x8e, VECTOR_SIZE = 16, PAGE = 4096 };
enum { CLOCK_INDEX = 0x70, CLOCK_DATA = 0x71, CLOCK_SECONDS = 0, CLOCK_MINUTES = 2 };

extern char vectors[], page_tables[];
char hypercall_page[PAGE] __attribute__((aligned(PAGE)));
static struct gate gates[256];

struct leaf { uint32_t eax, ebx, ecx, edx; };

static struct leaf cpuid(uint32_t number) {
    struct leaf l;
    __asm__ volatile("cpuid" : "=a"(l.eax), "=b"(l.ebx), "=c"(l.ecx), "=d"(l.edx) : "a"(number), "c"(0));
    return l;
}

static inline uint64_t read_msr(uint32_t number) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t number, uint64_t value) {
    __asm__ volatile("wrmsr" : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint8_t in(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

// ---- Start -----------------------------------------------------------------------------------------

static uint32_t find_hypervisor(void) {
    for (uint32_t base = XEN_CPUID_FIRST_LEAF; base < XEN_CPUID_FIRST_LEAF + 0x10000; base += 0x100) {
        struct leaf l = cpuid(base);
        if (l.ebx == XEN_CPUID_SIGNATURE_EBX && l.ecx == XEN_CPUID_SIGNATURE_ECX && l.edx == XEN_CPUID_SIGNATURE_EDX) return base;
    }
    // Nothing can be said without hypercalls.
    for (;;) __asm__ volatile("hlt");
}

void machine_start_here(void) {
    struct { uint16_t limit; unsigned long base; } __attribute__((packed)) pointer = { sizeof(gates) - 1, (unsigned long)gates };
    __asm__ volatile("lidt %0" : : "m"(pointer));
    write_msr(APIC_BASE, read_msr(APIC_BASE) | ENABLED | IN_X2_MODE);
    write_msr(SPURIOUS, SOFTWARE_ENABLED | SPURIOUS_VECTOR);
    write_msr(TASK_PRIORITY, 0);
}

void machine_start(void) {
    write_msr(cpuid(find_hypervisor() + 2).ebx, (unsigned long)hypercall_page);
    for (unsigned i = 0; i < 256; i++) {
        unsigned long entry = (unsigned long)vectors + i * VECTOR_SIZE;
        gates[i].low = entry, gates[i].middle = entry >> 16;
        gate_high(&gates[i], entry);
        gates[i].selector = CODE, gates[i].type = INTERRUPT_GATE;
    }
    machine_start_here();
    struct xen_hvm_param callback = { .domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ,
        .value = (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | EVENT_VECTOR };
    long code = hypercall(__HYPERVISOR_hvm_op, HVMOP_set_param, (unsigned long)&callback, 0);
    if (code) fail("callback vector", code);
}

#ifdef __x86_64__
void machine_start_vcpu(unsigned vcpu, void *stack, void (*entry)(void)) {
    static struct vcpu_hvm_context context;
    context.mode = VCPU_HVM_MODE_64B;
    context.cpu_regs.x86_64 = (struct vcpu_hvm_x86_64){ .rip = (uint64_t)entry, .rsp = (uint64_t)stack - 8, .rflags = 2,
        .cr0 = 1u << 31 | 1 << 16 | 1, .cr3 = (uint64_t)page_tables, .cr4 = 1 << 5, .efer = 1 << 10 | 1 << 8 };
    long code = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, vcpu, (unsigned long)&context);
    if (code) fail("VCPUOP_initialise", code);
    code = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, vcpu, 0);
    if (code) fail("VCPUOP_up", code);
}
#endif

// ---- Interrupts ------------------------------------------------------------------------------------

unsigned long machine_traps, machine_attempt_stack;

// Only what comes by the APIC has to be ended there; the callback does not.
void machine_interrupt(uint64_t vector) {
    if (vector == TRAP) return (void)machine_traps++;
    if (vector == EVENT_VECTOR) return events_upcall();
    if (vector == SPURIOUS_VECTOR) return;
    if (vector == SELF_VECTOR) handled[SELF_INTERRUPT]++;
    if (vector == TIMER_VECTOR) {
        timer_taken = machine_ticks();
        handled[TIMER]++;
    }
    write_msr(END, 0);
}

_Noreturn void machine_unexpected(uint64_t vector, uint64_t error, uint64_t address) {
    say("exception, error or address ");
    say_number(error);
    say(", address ");
    say_number(address);
    say("\n");
    fail("vector", vector);
}

void machine_interrupts(int enabled) {
    if (enabled) __asm__ volatile("sti" : : : "memory");
    else __asm__ volatile("cli" : : : "memory");
}

void machine_wait(void) { __asm__ volatile("sti\n\thlt" : : : "memory"); }

void machine_interrupt_self(void) { write_msr(SELF, SELF_VECTOR); }

// ---- Time ------------------------------------------------------------------------------------------

uint64_t machine_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

// QEMU's counter runs at 1 GHz.
uint64_t machine_instructions(uint64_t ticks) { return ticks; }

static unsigned clock_digits(uint8_t index) {
    out(CLOCK_INDEX, index);
    uint8_t value = in(CLOCK_DATA);
    return (value >> 4) * 10 + (value & 15);
}

// A hypervisor may let its guest's counter begin anywhere. The clock, which begins at a full minute with the reset, shows
// what it stands at when another second begins.
uint64_t machine_since_reset(uint64_t ticks) {
    unsigned before = clock_digits(CLOCK_SECONDS), now;
    do now = clock_digits(CLOCK_SECONDS); while (now == before);
    uint64_t turn = machine_ticks();
    return (clock_digits(CLOCK_MINUTES) * 60ull + now) * 1000000000 - (turn - ticks);
}

// The timer that Linux uses: it is due at once, and its event is handled as every other.
void machine_fire_timer(void) {
    struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = 1 };
    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, (unsigned long)&timer);
}

// The local APIC's timer counts at 100 MHz (Xen: APIC_BUS_CYCLE_NS).
uint64_t machine_set_timer(uint64_t after) {
    write_msr(LVT_TIMER, TIMER_VECTOR);
    write_msr(DIVIDE, BY_ONE);
    uint64_t count = after / COUNT_TICKS + 1, start = machine_ticks();
    write_msr(INITIAL_COUNT, count);
    return start + count * COUNT_TICKS;
}
