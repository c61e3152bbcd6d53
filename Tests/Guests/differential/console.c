// SPDX-License-Identifier: Apache-2.0
// console_io. What is written here must not look like a case.
#include "cases.h"

static long ask(unsigned long op, unsigned long count, const void *buffer) {
    return hypercall(__HYPERVISOR_console_io, op, count, (unsigned long)buffer);
}

void console_cases(void) {
    static char text[] = "console: some text\n", input[16];
    operation("CONSOLEIO_write");
    tell("a line", ask(CONSOLEIO_write, sizeof(text) - 1, text));
    tell("nothing", ask(CONSOLEIO_write, 0, text));
    tell("nothing, where nothing is", ask(CONSOLEIO_write, 0, (void *)HOLE));
    tell("one byte at address 0", ask(CONSOLEIO_write, 1, NULL));
    tell("2^32-1 bytes where nothing is", ask(CONSOLEIO_write, ~0u, (void *)HOLE));
    tell("2^31 bytes at address 0", ask(CONSOLEIO_write, 1ul << 31, NULL));
    tell("2^63 bytes: the upper half of a count is not looked at", ask(CONSOLEIO_write, POWER(63), text));
    tell("up to the end of memory", ask(CONSOLEIO_write, 16, (void *)(HOLE - 8)));
    operation("CONSOLEIO_read");
    tell("nothing is typed", ask(CONSOLEIO_read, sizeof(input), input));
    tell("no bytes", ask(CONSOLEIO_read, 0, input));
    tell("where nothing is", ask(CONSOLEIO_read, 1, (void *)HOLE));
    tell("2^31 bytes", ask(CONSOLEIO_read, 1ul << 31, input));
    tell("2^32-1 bytes", ask(CONSOLEIO_read, ~0u, input));
    operation("console_io");
    tell("operation 2", ask(2, 0, NULL));
    tell("operation 2^32-1", ask(~0u, 0, NULL));
}
