// SPDX-License-Identifier: Apache-2.0
// Runs one instruction on the processor that the tests run on. One at a time: the state is static.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct native_state {
    uint64_t registers[16];     // by number
    uint64_t flags;
    uint64_t vectors[16][2];    // low half first
};

// Code, then two pages of data, all below 2 GiB. Null where this is no x86-64, or there is no such memory.
uint8_t *_Nullable native_pages(void);
// Where instructions that change the flow have to go, in code of 64 or 32 bits.
uint64_t native_leave_address(bool is32);
// Puts the instruction at the start of the first page and runs it; as one of 32-bit code, of which the lower halves of the
// first eight registers count, where `is32`.
void native_run(const uint8_t *_Nonnull instruction, size_t count, bool is32, struct native_state *_Nonnull state);
