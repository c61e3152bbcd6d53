// SPDX-License-Identifier: Apache-2.0
// event_channel_op on the FIFO ABI, and EVTCHNOP_reset, which ends it.
#include "cases.h"
#include <xen/event_channel.h>

static char control[PAGE] PAGE_ALIGNED;
static event_word_t words[2][PAGE / sizeof(event_word_t)] PAGE_ALIGNED;

static long ask(int op, void *argument) {
    return hypercall(__HYPERVISOR_event_channel_op, op, (unsigned long)argument, 0);
}

static void set_priority(void) {
    static const struct { const char *name; uint32_t port, priority; } rows[] = {
        { "of the port in use", 1, EVTCHN_FIFO_PRIORITY_MAX }, { "lowest", 1, EVTCHN_FIFO_PRIORITY_MIN },
        { "16", 1, 16 }, { "2^32-1", 1, ~0u }, { "port 0", 0, 7 }, { "port not in use", NO_PORT, 7 },
        { "port 2^32-1", ~0u, 7 }, { "neither port nor priority", ~0u, ~0u },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct evtchn_set_priority set = { .port = rows[i].port, .priority = rows[i].priority };
        tell(rows[i].name, ask(EVTCHNOP_set_priority, &set));
    }
}

static void init_control(void) {
    operation("EVTCHNOP_init_control");
    const struct { const char *name; uint64_t frame; uint32_t offset, vcpu; } rows[] = {
        { "no vCPU", FRAME(control), 0, 2 }, { "vCPU 2^32-1", FRAME(control), 0, ~0u }, { "offset 4", FRAME(control), 4, 0 },
        { "offset past the page", FRAME(control), 4096, 0 }, { "offset 4032", FRAME(control), 4032, 0 },
        { "offset 2^32-8", FRAME(control), ~7u, 0 }, { "frame not there", missing_frame(), 0, 0 },
        { "frame 2^64-1", ~0ull, 0, 0 }, { "frame 2^52", 1ull << 52, 0, 0 },
        { "device", FRAME(DEVICE), 0, 0 }, { "good", FRAME(control), 0, 0 }, { "twice", FRAME(control), 128, 0 },
        { "vCPU 1", FRAME(control), 4024, 1 },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct evtchn_init_control init = { .control_gfn = rows[i].frame, .offset = rows[i].offset, .vcpu = rows[i].vcpu };
        long code = ask(EVTCHNOP_init_control, &init);
        tell_field(rows[i].name, code, "link_bits", init.link_bits);
    }
    struct evtchn_init_control bad = { .vcpu = 5 };
    sweep(&(struct call){ .number = __HYPERVISOR_event_channel_op, .before = { EVTCHNOP_init_control }, .position = 1,
        .structure = &bad, .size = sizeof(bad), .copied_back = 1 });
}

static void expand_array(void) {
    const struct { const char *name; uint64_t frame; } rows[] = {
        { "frame not there", missing_frame() }, { "frame 2^64-1", ~0ull },
        { "good", FRAME(words[0]) }, { "second", FRAME(words[1]) }, { "the same frame again", FRAME(words[1]) },
    };
    for (unsigned i = 0; i < COUNT(rows); i++) {
        struct evtchn_expand_array expand = { .array_gfn = rows[i].frame };
        tell(rows[i].name, ask(EVTCHNOP_expand_array, &expand));
    }
    struct evtchn_expand_array bad = { .array_gfn = ~0ull };
    sweep(&(struct call){ .number = __HYPERVISOR_event_channel_op, .before = { EVTCHNOP_expand_array }, .position = 1,
        .structure = &bad, .size = sizeof(bad) });
}

// What an event does to its word, with a port that is masked and one that is not.
static void event_words(void) {
    operation("event word");
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    tell_field("bind_ipi", ask(EVTCHNOP_bind_ipi, &ipi), "port", ipi.port);
    event_word_t *word = &words[0][ipi.port];
    struct evtchn_send send = { .port = ipi.port };
    struct evtchn_unmask unmask = { .port = ipi.port };
    tell_field("of a new port", 0, "word", *word);
    *word |= 1u << EVTCHN_FIFO_MASKED;
    tell_field("sent while masked", ask(EVTCHNOP_send, &send), "word", *word);
    tell_field("unmasked", ask(EVTCHNOP_unmask, &unmask), "word", *word);
    struct evtchn_fifo_control_block *block = (void *)control;
    tell_field("queue", 0, "ready", block->ready);
    tell_field("head", 0, "is the port", block->head[EVTCHN_FIFO_PRIORITY_DEFAULT] == ipi.port);
    struct evtchn_close close = { .port = ipi.port };
    tell_field("closed while linked", ask(EVTCHNOP_close, &close), "word", *word);
    struct evtchn_bind_ipi next = { .vcpu = 0 };
    tell_field("a linked port is not given out again", ask(EVTCHNOP_bind_ipi, &next), "port", next.port);
}

static void reset(void) {
    operation("EVTCHNOP_reset");
    static const domid_t others[] = { NO_DOMAIN, DOMID_XEN, DOMID_IO, DOMID_INVALID, DOMID_IDLE };
    for (unsigned i = 0; i < COUNT(others); i++) {
        struct evtchn_reset reset = { .dom = others[i] };
        tell(numbered("domain ", others[i]), ask(EVTCHNOP_reset, &reset));
    }
    struct evtchn_reset bad = { .dom = NO_DOMAIN }, self = { .dom = DOMID_SELF };
    sweep(&(struct call){ .number = __HYPERVISOR_event_channel_op, .before = { EVTCHNOP_reset }, .position = 1,
        .structure = &bad, .size = sizeof(bad) });
    tell("oneself", ask(EVTCHNOP_reset, &self));
    tell("oneself again", ask(EVTCHNOP_reset, &self));
    struct evtchn_bind_ipi first = { .vcpu = 0 };
    tell_field("first port after it", ask(EVTCHNOP_bind_ipi, &first), "port", first.port);
}

void fifo_grant_mapping_cases(void) {
    operation("EVTCHNOP_init_control");
    struct evtchn_init_control init = { .control_gfn = read_only_frame() };
    tell("a grant's mapping that can only be read", ask(EVTCHNOP_init_control, &init));
}

void fifo_cases(void) {
    operation("EVTCHNOP_expand_array");
    struct evtchn_expand_array early = { .array_gfn = FRAME(words[0]) };
    tell("before init_control", ask(EVTCHNOP_expand_array, &early));
    operation("EVTCHNOP_set_priority");
    struct evtchn_set_priority priority = { .port = 1, .priority = 7 };
    tell("on the 2-level ABI", ask(EVTCHNOP_set_priority, &priority));
    init_control();
    operation("EVTCHNOP_expand_array");
    expand_array();
    operation("EVTCHNOP_set_priority");
    set_priority();
    event_words();
    reset();
    operation("EVTCHNOP_expand_array");
    tell("after reset", ask(EVTCHNOP_expand_array, &early));
}
