// SPDX-License-Identifier: Apache-2.0
#include "hostile.h"

const unsigned long hostile_memory = 0x40000000;

void isa_interfere(void) { machine_interrupt_self(); }

const struct replay isa_replays[] = { { 0 } };
