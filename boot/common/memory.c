// SPDX-License-Identifier: Apache-2.0
// The four functions that compilers call of their own accord. Word by word; the tail byte by byte.
#include <stddef.h>
#include <stdint.h>

typedef uintptr_t __attribute__((may_alias)) word;
#define WORD sizeof(word)
// What is read before it is written, and what one turn of a long copy takes: 16 turns for a page, on 64-bit machines.
#define PART (4 * WORD)
#define BLOCK (8 * PART)

static inline void copy_part(uint8_t *restrict target, const uint8_t *restrict source) {
    word *to = (word *)target;
    const word *from = (const word *)source;
    word a = from[0], b = from[1], c = from[2], d = from[3];
    to[0] = a, to[1] = b, to[2] = c, to[3] = d;
}

void *memcpy(void *restrict target, const void *restrict source, size_t count) {
    uint8_t *to = target;
    const uint8_t *from = source;
    if ((((uintptr_t)to | (uintptr_t)from) & (WORD - 1)) == 0) {
        for (; count >= BLOCK; count -= BLOCK, to += BLOCK, from += BLOCK) {
#pragma clang loop unroll(full)
            for (unsigned i = 0; i < BLOCK; i += PART) copy_part(to + i, from + i);
        }
        for (; count >= PART; count -= PART, to += PART, from += PART) copy_part(to, from);
        for (; count >= WORD; count -= WORD, to += WORD, from += WORD) *(word *)to = *(const word *)from;
    }
    while (count--) *to++ = *from++;
    return target;
}

void *memmove(void *target, const void *source, size_t count) {
    uint8_t *to = target;
    const uint8_t *from = source;
    if (to <= from || to >= from + count) return memcpy(target, source, count);
    while (count--) to[count] = from[count];
    return target;
}

void *memset(void *target, int value, size_t count) {
    uint8_t *to = target;
    if (((uintptr_t)to & (WORD - 1)) == 0) {
        word pattern = (uint8_t)value * (~(word)0 / 0xff);
        for (; count >= BLOCK; count -= BLOCK, to += BLOCK) {
#pragma clang loop unroll(full)
            for (unsigned i = 0; i < BLOCK / WORD; i++) ((word *)to)[i] = pattern;
        }
        for (; count >= WORD; count -= WORD, to += WORD) *(word *)to = pattern;
    }
    while (count--) *to++ = (uint8_t)value;
    return target;
}

int memcmp(const void *left, const void *right, size_t count) {
    const uint8_t *a = left, *b = right;
    for (; count; count--, a++, b++)
        if (*a != *b) return *a - *b;
    return 0;
}
