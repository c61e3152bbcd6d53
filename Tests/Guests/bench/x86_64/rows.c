// SPDX-License-Identifier: Apache-2.0
// What only x86-64 has, or has in its own way.
#include "bench.h"
#include "touch.h"

enum { APIC_BASE = 0x1b, TASK_PRIORITY = 0x808 };
enum { PIC_MASK = 0x21 };               // a port that no PVH domain is given
#define IO_APIC 0xfec00000ul

static void cpuid(void) {
    uint32_t a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

static void apic_base_read(void) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(APIC_BASE));
}

static void port_read(void) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)PIC_MASK));
}

static void task_priority_write(void) {
    __asm__ volatile("wrmsr" : : "c"(TASK_PRIORITY), "a"(0), "d"(0));
}

static void io_apic_read(void) { (void)*(volatile uint32_t *)IO_APIC; }

const struct benchmark isa_benchmarks[] = {
    { "CPUID", cpuid },
    { "RDMSR of the APIC's base", apic_base_read },
    { "port that is trapped", port_read },
    { "x2APIC task priority write", task_priority_write },
    { "I/O APIC read", io_apic_read },
    { "singleshot timer", timer_interrupt, events_bind_timer },
    { "ping-pong of two vCPUs", ping_pong, ping_pong_start, ping_pong_end },
    { "nested fault that populates", .ticks = touch_on_demand, .operations = TOUCHED },
    { 0 },
};
