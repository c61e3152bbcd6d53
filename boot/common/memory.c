// SPDX-License-Identifier: Apache-2.0
// The four functions that compilers call of their own accord. Word by word; the tail byte by byte.
#include <stddef.h>
#include <stdint.h>

typedef uintptr_t __attribute__((may_alias)) word;
#define WORD sizeof(word)

void *memcpy(void *restrict target, const void *restrict source, size_t count) {
    uint8_t *to = target;
    const uint8_t *from = source;
    if ((((uintptr_t)to | (uintptr_t)from) & (WORD - 1)) == 0) {
        for (; count >= 4 * WORD; count -= 4 * WORD, to += 4 * WORD, from += 4 * WORD) {
            word a = ((const word *)from)[0], b = ((const word *)from)[1];
            word c = ((const word *)from)[2], d = ((const word *)from)[3];
            ((word *)to)[0] = a, ((word *)to)[1] = b, ((word *)to)[2] = c, ((word *)to)[3] = d;
        }
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
        for (; count >= 4 * WORD; count -= 4 * WORD, to += 4 * WORD) {
            ((word *)to)[0] = pattern, ((word *)to)[1] = pattern;
            ((word *)to)[2] = pattern, ((word *)to)[3] = pattern;
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
