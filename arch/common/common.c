// SPDX-License-Identifier: Apache-2.0
#include "common.h"

#ifdef __linux__
// Under test a thread is a CPU.
static _Thread_local uint32_t held_by_thread;
uint32_t *_Nonnull held_lock_ranks(void) { return &held_by_thread; }
#endif
