// SPDX-License-Identifier: Apache-2.0
// 64-bit division, of which the processor has only the 32-bit kind. Division by zero gives zero: callers check.
#include <stdint.h>

uint64_t arm32_divide(uint64_t number, uint64_t by, uint64_t *rest);
int64_t arm32_divide_signed(int64_t number, int64_t by, int64_t *rest);

uint64_t arm32_divide(uint64_t number, uint64_t by, uint64_t *rest) {
    if (by > number || by == 0) {
        *rest = number;
        return 0;
    }
    if (number >> 32 == 0) {
        uint32_t quotient = (uint32_t)number / (uint32_t)by;
        *rest = (uint32_t)number - quotient * (uint32_t)by;
        return quotient;
    }
    // Bit by bit, from the highest that the quotient can have.
    int shift = __builtin_clzll(by) - __builtin_clzll(number);
    uint64_t quotient = 0;
    for (by <<= shift; shift >= 0; shift--, by >>= 1) {
        quotient <<= 1;
        if (number >= by) {
            number -= by;
            quotient |= 1;
        }
    }
    *rest = number;
    return quotient;
}

int64_t arm32_divide_signed(int64_t number, int64_t by, int64_t *rest) {
    uint64_t left;
    uint64_t a = number < 0 ? -(uint64_t)number : (uint64_t)number;
    uint64_t b = by < 0 ? -(uint64_t)by : (uint64_t)by;
    uint64_t quotient = arm32_divide(a, b, &left);
    *rest = (int64_t)(number < 0 ? -left : left);
    return (int64_t)((number < 0) != (by < 0) ? -quotient : quotient);
}
