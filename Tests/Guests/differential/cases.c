// SPDX-License-Identifier: Apache-2.0
#include "cases.h"

static const char *current_operation;

struct error { int number; const char *name; };

static const struct error errors[] = {
#define XEN_ERRNO(name, value) { value, "-" #name },
#include <xen/errno.h>
};

void operation(const char *name) { current_operation = name; }

static void say_code(long code) {
    // EWOULDBLOCK is EAGAIN: the first name stands.
    for (unsigned i = 0; i < COUNT(errors); i++)
        if (code == -errors[i].number) { say(errors[i].name); return; }
    if (code < 0) say("-");
    say_number(code < 0 ? -(uint64_t)code : (uint64_t)code);
}

void told(const char *name, long code) {
    say("case: ");
    say(current_operation);
    say("/");
    say(name);
    say(": ");
    say_code(code);
}

void field(const char *name, uint64_t value) {
    say(" ");
    say(name);
    say(" ");
    if ((int64_t)value < 0) {
        say("-");
        value = -value;
    }
    say_number(value);
}

void text_field(const char *name, const char *text) {
    say(" ");
    say(name);
    say(" \"");
    say(text);
    say("\"");
}

void end(void) { say("\n"); }

void tell(const char *name, long code) {
    told(name, code);
    end();
}

void tell_field(const char *name, long code, const char *field_name, uint64_t value) {
    told(name, code);
    if (code >= 0) field(field_name, value);
    end();
}

const char *numbered(const char *text, uint64_t number) {
    static char name[64];
    unsigned length = 0;
    for (; *text; text++) name[length++] = *text;
    char digits[21], *first = &digits[20];
    *first = 0;
    do *--first = '0' + number % 10; while (number /= 10);
    while (*first) name[length++] = *first++;
    name[length] = 0;
    return name;
}
