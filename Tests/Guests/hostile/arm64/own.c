// SPDX-License-Identifier: Apache-2.0
#include "hostile.h"

const unsigned long hostile_memory = 0x40000000;

const unsigned demanded_pages = 0, demanded_frames = 0;

void copy_start(void) {}

void isa_interfere(void) { (void)machine_ticks(); }

const struct replay isa_replays[] = { { 0 } };
