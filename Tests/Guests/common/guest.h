// SPDX-License-Identifier: Apache-2.0
// What our test guests have in common: what they need of a processor, event channels, text.
#pragma once
#include <stdint.h>
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#include <xen/xen.h>
#include "three_level.h"
#include "isa.h"        // <isa>/isa.h: long hypercall(number, a, b, c)

// 2^n; in a guest of 32 bits, whose words end before, their highest bit: what is said of 2^63 is then of 2^31.
#define WORD_END (8 * sizeof(long) - 1)
#define POWER(n) (1ul << ((n) < WORD_END ? (n) : WORD_END))

// The interrupts that a guest may wait for.
enum source { SELF_INTERRUPT, TIMER, EVENT, SOURCES };

// How often each has been handled. Volatile: the handler writes, whoever waits polls.
extern volatile unsigned long handled[SOURCES];
// When the last of the timer's was, by machine_ticks.
extern volatile uint64_t timer_taken;

static inline void wait_for(enum source source, unsigned long count) {
    while (handled[source] == count) {}
}

// ---- The processor: <isa>/machine.c ----------------------------------------------------------------

// Virtual time in units of one instruction. Only true under -icount shift=0.
uint64_t machine_instructions(uint64_t ticks);
uint64_t machine_ticks(void);
// Instructions from the machine's reset to the moment of machine_ticks that is given.
uint64_t machine_since_reset(uint64_t ticks);
void machine_start(void);
void machine_interrupts(int enabled);
void machine_interrupt_self(void);
void machine_fire_timer(void);
// Lets the processor's timer fire once after so many ticks: the moment of machine_ticks at which it is due.
uint64_t machine_set_timer(uint64_t after);
// What a vCPU that the guest has started does first.
void machine_start_here(void);
// Starts another vCPU at `entry`, on the stack that ends at `stack`.
void machine_start_vcpu(unsigned vcpu, void *stack, void (*entry)(void));

// ---- What a guest is: its own directory -----------------------------------------------------------

// boot_ticks: what machine_ticks would have been at the guest's first instruction.
void guest_main(uint64_t boot_ticks);

// ---- Event channels: events.c ----------------------------------------------------------------------

void events_start(void);
void events_use_fifo(void);
// What registers the 3-level ABI; once it is, `events_use_three_levels` makes upcalls go by it.
struct evtchn_sw_register_3l_bitmaps events_three_level_bitmaps(void);
struct evtchn_sw_register_3l_l2sel events_three_level_selector(void);
void events_use_three_levels(void);
// Closes every port, this vCPU's own one too, and returns to the 2-level ABI.
void events_reset(void);
// Lets VIRQ_TIMER count as the timer's interrupt, where that comes as an event.
void events_bind_timer(void);
// Counts in `counts` what each port below `end` receives.
void events_count(uint8_t *counts, unsigned long end);
// Whether the hypervisor has the 3-level ABI: whether it is ours.
int events_three_levels_known(void);
void events_send_to_self(void);
// For any port of this vCPU's: masks it, or takes back its event.
void events_mask(uint32_t port);
void events_take(uint32_t port);
int events_pending(uint32_t port);
// Gives the FIFO ABI an event word for this port and all below it.
void events_need_word(uint32_t port);
// An operation of event_channel_op that must not fail.
void event_operation(const char *what, int operation, void *argument);
void events_upcall(void);

// ---- Text: text.c ----------------------------------------------------------------------------------

void say(const char *text);
void say_number(uint64_t number);
_Noreturn void fail(const char *what, long code);
// Fails where the code is another.
void must_be(const char *what, long code, long expected);
// An operation of memory_op that must end with this code.
void memory_operation(const char *what, int operation, void *argument, long expected);
