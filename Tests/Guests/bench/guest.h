// SPDX-License-Identifier: Apache-2.0
// What the portable part of the bench guest needs of a processor, and what it gives back.
#pragma once
#include <stdint.h>
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <xen/xen.h>
#include "isa.h"        // <isa>/isa.h: long hypercall(number, a, b, c)

// The interrupts that a benchmark waits for.
enum source { SELF_INTERRUPT, TIMER, EVENT, SOURCES };

// How often each has been handled. Volatile: the handler writes, the benchmark polls.
extern volatile unsigned long handled[SOURCES];

static inline void wait_for(enum source source, unsigned long count) {
    while (handled[source] == count) {}
}

// ---- The processor: <isa>/machine.c ----------------------------------------------------------------

// Virtual time in units of one instruction. Only true under -icount shift=0.
uint64_t machine_instructions(uint64_t ticks);
uint64_t machine_ticks(void);
void machine_start(void);
void machine_interrupts(int enabled);
void machine_id_register_read(void);
void machine_interrupt_controller_read(void);
void machine_interrupt_self(void);
void machine_fire_timer(void);

// ---- Event channels: events.c ----------------------------------------------------------------------

void events_start(void);
void events_use_fifo(void);
void events_send_to_self(void);
void events_upcall(void);

// ---- Text: text.c ----------------------------------------------------------------------------------

void say(const char *text);
void say_number(uint64_t number);
_Noreturn void fail(const char *what, long code);
