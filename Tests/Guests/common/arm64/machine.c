// SPDX-License-Identifier: Apache-2.0
// AArch64 on QEMU's virt board, as dom0 sees it: GICv3 or GICv2, virtual timer, event-channel PPI.
#include "guest.h"
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#define READ_(name) ({ uint64_t value_; __asm__ volatile("mrs %0, " #name : "=r"(value_)); value_; })
#define WRITE_(name, value) __asm__ volatile("msr " #name ", %0" : : "r"((uint64_t)(value)) : "memory")
#define READ(name) READ_(name)
#define WRITE(name, value) WRITE_(name, value)
#define BARRIER() __asm__ volatile("isb" : : : "memory")

#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7

enum { DISTRIBUTOR = 0x08000000, CPU_INTERFACE_V2 = 0x08010000, REDISTRIBUTOR = 0x080a0000 };
enum { SGI_FRAME = 0x10000 };           // of the redistributor
enum { GICD_CTLR = 0, GICD_SGIR = 0xf00, GICR_WAKER = 0x14 };
enum { GIC_IGROUPR = 0x80, GIC_ISENABLER = 0x100, GIC_IPRIORITYR = 0x400 };
enum { GICC_CTLR = 0, GICC_PMR = 4, GICC_IAR = 0xc, GICC_EOIR = 0x10 };
enum { SELF_SGI = 1, VIRTUAL_TIMER = 27, SPURIOUS = 1020 };
enum { TIMER_ON = 1 };
enum { CPU_ON = 0xc4000003 };           // PSCI 5.6, for 64-bit callers

void vcpu_start(void);

static int gic_version;
static unsigned event_interrupt;

static volatile uint32_t *mmio(unsigned long address) { return (volatile uint32_t *)address; }

// Without an MMU all of a guest's memory is Device memory, which orders accesses by itself.
static void gic_enable(unsigned long frame, unsigned interrupt) {
    *mmio(frame + GIC_IGROUPR) = 0xffffffff;
    ((volatile uint8_t *)frame)[GIC_IPRIORITYR + interrupt] = 0xa0;
    *mmio(frame + GIC_ISENABLER) = 1u << interrupt;
}

static void gic_start(void) {
    gic_version = (READ(id_aa64pfr0_el1) >> 24 & 0xf) ? 3 : 2;
    if (gic_version == 3) {
        *mmio(DISTRIBUTOR + GICD_CTLR) = 0x12;      // affinity routing, group 1
        *mmio(REDISTRIBUTOR + GICR_WAKER) = 0;
        WRITE(ICC_SRE_EL1, 1);
        BARRIER();
        WRITE(ICC_PMR_EL1, 0xff);
        WRITE(ICC_IGRPEN1_EL1, 1);
    } else {
        *mmio(DISTRIBUTOR + GICD_CTLR) = 1;
        *mmio(CPU_INTERFACE_V2 + GICC_PMR) = 0xff;
        *mmio(CPU_INTERFACE_V2 + GICC_CTLR) = 1;
    }
    unsigned long frame = gic_version == 3 ? REDISTRIBUTOR + SGI_FRAME : DISTRIBUTOR;
    gic_enable(frame, SELF_SGI);
    gic_enable(frame, VIRTUAL_TIMER);
    gic_enable(frame, event_interrupt);
}

static unsigned acknowledge(void) {
    return (gic_version == 3 ? READ(ICC_IAR1_EL1) : *mmio(CPU_INTERFACE_V2 + GICC_IAR)) & 0xffffff;
}

static void end(unsigned interrupt) {
    if (gic_version == 3) WRITE(ICC_EOIR1_EL1, interrupt);
    else *mmio(CPU_INTERFACE_V2 + GICC_EOIR) = interrupt;
}

void machine_interrupt(void) {
    unsigned interrupt = acknowledge();
    if ((interrupt & 0x3ff) >= SPURIOUS) return;
    if ((interrupt & 0x3ff) == SELF_SGI) {
        handled[SELF_INTERRUPT]++;
    } else if (interrupt == VIRTUAL_TIMER) {
        WRITE(cntv_ctl_el0, 0);
        timer_taken = machine_ticks();
        handled[TIMER]++;
    } else if (interrupt == event_interrupt) {
        events_upcall();
    }
    end(interrupt);
}

_Noreturn void machine_unexpected(long syndrome, long address) {
    say("exception at ");
    say_number(address);
    say("\n");
    fail("syndrome", syndrome);
}

void machine_start(void) {
    struct xen_hvm_param callback = { .domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ };
    long code = hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, (unsigned long)&callback, 0);
    if (code) fail("callback interrupt", code);
    if (callback.value >> 56 != HVM_PARAM_CALLBACK_TYPE_PPI) fail("callback interrupt is no PPI", callback.value >> 56);
    event_interrupt = callback.value & 0xff;
    gic_start();
}

// Its interrupts stay masked: it polls.
void machine_start_here(void) {}

// The function lies at the end of the stack, which begins below it.
void machine_start_vcpu(unsigned vcpu, void *stack, void (*entry)(void)) {
    void (**end)(void) = (void (**)(void))((char *)stack - 16);
    *end = entry;
    register uint64_t x0 __asm__("x0") = CPU_ON;
    register uint64_t x1 __asm__("x1") = vcpu;
    register uint64_t x2 __asm__("x2") = (uint64_t)vcpu_start;
    register uint64_t x3 __asm__("x3") = (uint64_t)end;
    __asm__ volatile("hvc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3) : "memory");
    if (x0) fail("CPU_ON", x0);
}

void machine_interrupts(int enabled) {
    if (enabled) __asm__ volatile("msr daifclr, #2" : : : "memory");
    else __asm__ volatile("msr daifset, #2" : : : "memory");
}

uint64_t machine_ticks(void) {
    BARRIER();
    return READ(cntvct_el0);
}

uint64_t machine_instructions(uint64_t ticks) { return ticks * (1000000000 / READ(cntfrq_el0)); }

// The physical counter, which entry.S has read, begins with the reset.
uint64_t machine_since_reset(uint64_t ticks) { return machine_instructions(ticks); }

void machine_interrupt_self(void) {
    if (gic_version == 3) WRITE(ICC_SGI1R_EL1, (uint64_t)SELF_SGI << 24 | 1);
    else *mmio(DISTRIBUTOR + GICD_SGIR) = 2u << 24 | SELF_SGI;      // to the requesting CPU
    BARRIER();
}

uint64_t machine_set_timer(uint64_t after) {
    uint64_t due = READ(cntvct_el0) + after;
    WRITE(cntv_cval_el0, due);
    WRITE(cntv_ctl_el0, TIMER_ON);
    BARRIER();
    return due;
}

void machine_fire_timer(void) { machine_set_timer(0); }
