// SPDX-License-Identifier: Apache-2.0
// The few primitives that every ISA spells alike: volatile accesses of each width and the spin-wait hint.
#pragma once
#include <stdint.h>

static inline uint8_t volatile_read8(uintptr_t address) { return *(volatile uint8_t *)address; }
static inline uint16_t volatile_read16(uintptr_t address) { return *(volatile uint16_t *)address; }
static inline uint32_t volatile_read32(uintptr_t address) { return *(volatile uint32_t *)address; }
static inline uint64_t volatile_read64(uintptr_t address) { return *(volatile uint64_t *)address; }
static inline void volatile_write8(uintptr_t address, uint8_t value) { *(volatile uint8_t *)address = value; }
static inline void volatile_write16(uintptr_t address, uint16_t value) { *(volatile uint16_t *)address = value; }
static inline void volatile_write32(uintptr_t address, uint32_t value) { *(volatile uint32_t *)address = value; }
static inline void volatile_write64(uintptr_t address, uint64_t value) { *(volatile uint64_t *)address = value; }

/// Tells the processor (and an emulator that runs CPUs in turn) that this is a spin-wait loop.
static inline void cpu_relax(void) {
#if defined(__x86_64__)
    __asm__ volatile("pause" ::: "memory");
#else
    __asm__ volatile("yield" ::: "memory");
#endif
}

/// This CPU's word for the locks that it holds, one bit a rank: only in a build with LOCK_CHECKS.
uint32_t *_Nonnull held_lock_ranks(void);
