// SPDX-License-Identifier: Apache-2.0
// Console output by hypercall. A line is sent in one piece, so that nothing comes between its words.
#include "guest.h"
#include <xen/sched.h>

static char line[128];
static unsigned length;

void say(const char *text) {
    for (; *text; text++) {
        line[length++] = *text;
        if (*text == '\n' || length == sizeof(line)) {
            hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, length, (unsigned long)line);
            length = 0;
        }
    }
}

void say_number(uint64_t number) {
    char digits[21], *first = &digits[20];
    *first = 0;
    do *--first = '0' + number % 10; while (number /= 10);
    say(first);
}

_Noreturn void fail(const char *what, long code) {
    say("guest failed: ");
    say(what);
    say(code < 0 ? " -" : " ");
    say_number(code < 0 ? -code : code);
    say("\n");
    struct sched_shutdown crash = { .reason = SHUTDOWN_crash };
    for (;;) hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (unsigned long)&crash, 0);
}

void must_be(const char *what, long code, long expected) {
    if (code != expected) fail(what, code);
}

void memory_operation(const char *what, int operation, void *argument, long expected) {
    must_be(what, hypercall(__HYPERVISOR_memory_op, operation, (unsigned long)argument, 0), expected);
}
