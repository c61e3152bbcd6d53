// SPDX-License-Identifier: Apache-2.0
// Event channels of this vCPU's, delivered by the 2-level or by the FIFO ABI; one of them leads to itself.
#include "guest.h"
#include "three_level.h"
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/vcpu.h>

#define PAGE 4096
#define WORD_BITS (8 * sizeof(xen_ulong_t))
#define WORDS_OF_PAGE (PAGE / sizeof(event_word_t))

enum { FIFO_PORTS = 20 * 1024 };       // for which there are event words

static union { struct shared_info info; char page[PAGE]; } shared __attribute__((aligned(PAGE)));
static union { struct vcpu_info info; char page[PAGE]; } vcpu __attribute__((aligned(PAGE)));
static union { struct evtchn_fifo_control_block block; char page[PAGE]; } control __attribute__((aligned(PAGE)));
static event_word_t words[FIFO_PORTS] __attribute__((aligned(PAGE)));
static uint32_t fifo_head[EVTCHN_FIFO_MAX_QUEUES];
volatile unsigned long handled[SOURCES];
static struct evtchn_send self;
static unsigned ports_with_words;
static int fifo;

void event_operation(const char *what, int operation, void *argument) {
    long code = hypercall(__HYPERVISOR_event_channel_op, operation, (unsigned long)argument, 0);
    if (code) fail(what, code);
}

void events_start(void) {
    struct xen_add_to_physmap place = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = (unsigned long)&shared / PAGE };
    long code = hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (unsigned long)&place, 0);
    if (code) fail("shared_info", code);

    struct vcpu_register_vcpu_info area = { .mfn = (unsigned long)&vcpu / PAGE };
    code = hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, (unsigned long)&area);
    if (code) fail("vcpu_info", code);

    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    event_operation("bind_ipi", EVTCHNOP_bind_ipi, &bind);
    self.port = bind.port;
}

int events_three_levels_known(void) {
    struct evtchn_sw_query_abis abis;
    return !hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_sw_query_abis, (unsigned long)&abis, 0);
}

void events_use_fifo(void) {
    if (fifo) return;
    struct evtchn_init_control init = { .control_gfn = (unsigned long)&control / PAGE };
    event_operation("init_control", EVTCHNOP_init_control, &init);
    events_need_word(0);
    fifo = 1;
}

void events_need_word(uint32_t port) {
    while (ports_with_words <= port) {
        if (ports_with_words == FIFO_PORTS) fail("no event word for port", port);
        struct evtchn_expand_array expand = { .array_gfn = (unsigned long)&words[ports_with_words] / PAGE };
        event_operation("expand_array", EVTCHNOP_expand_array, &expand);
        ports_with_words += WORDS_OF_PAGE;
    }
}

void events_mask(uint32_t port) {
    if (fifo) __atomic_fetch_or(&words[port], 1u << EVTCHN_FIFO_MASKED, __ATOMIC_ACQ_REL);
    else __atomic_fetch_or(&shared.info.evtchn_mask[port / WORD_BITS], (xen_ulong_t)1 << port % WORD_BITS, __ATOMIC_ACQ_REL);
}

void events_take(uint32_t port) {
    if (fifo) __atomic_fetch_and(&words[port], ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_ACQ_REL);
    else __atomic_fetch_and(&shared.info.evtchn_pending[port / WORD_BITS], ~((xen_ulong_t)1 << port % WORD_BITS), __ATOMIC_ACQ_REL);
}

int events_pending(uint32_t port) {
    if (fifo) return words[port] >> EVTCHN_FIFO_PENDING & 1;
    return shared.info.evtchn_pending[port / WORD_BITS] >> port % WORD_BITS & 1;
}

void events_send_to_self(void) {
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&self, 0);
}

static void handle_port(unsigned long port) {
    if (port == self.port) handled[EVENT]++;
}

static void scan_2_level(void) {
    xen_ulong_t selected = __atomic_exchange_n(&vcpu.info.evtchn_pending_sel, 0, __ATOMIC_ACQUIRE);
    for (; selected; selected &= selected - 1) {
        unsigned index = __builtin_ctzl(selected);
        xen_ulong_t pending = shared.info.evtchn_pending[index] & ~shared.info.evtchn_mask[index];
        for (; pending; pending &= pending - 1) {
            unsigned bit = __builtin_ctzl(pending);
            __atomic_fetch_and(&shared.info.evtchn_pending[index], ~((xen_ulong_t)1 << bit), __ATOMIC_ACQUIRE);
            handle_port(index * WORD_BITS + bit);
        }
    }
}

// Takes the first event off a queue; returns 0 when the queue is then empty. A head of 0 means that the
// queue was empty before, so that its new head stands in the control block.
static int take_from_queue(unsigned queue) {
    uint32_t port = fifo_head[queue];
    if (port == 0) port = __atomic_load_n(&control.block.head[queue], __ATOMIC_ACQUIRE);
    const event_word_t linked = (1u << EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK;
    event_word_t word = __atomic_fetch_and(&words[port], ~linked, __ATOMIC_ACQ_REL);
    fifo_head[queue] = word & EVTCHN_FIFO_LINK_MASK;
    if ((word & (1u << EVTCHN_FIFO_PENDING)) && !(word & (1u << EVTCHN_FIFO_MASKED))) {
        __atomic_fetch_and(&words[port], ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_ACQ_REL);
        handle_port(port);
    }
    return fifo_head[queue] != 0;
}

static void scan_fifo(void) {
    uint32_t ready = __atomic_exchange_n(&control.block.ready, 0, __ATOMIC_ACQUIRE);
    while (ready) {
        unsigned queue = __builtin_ctz(ready);
        if (!take_from_queue(queue)) ready &= ~(1u << queue);
        ready |= __atomic_exchange_n(&control.block.ready, 0, __ATOMIC_ACQUIRE);
    }
}

void events_upcall(void) {
    __atomic_exchange_n(&vcpu.info.evtchn_upcall_pending, 0, __ATOMIC_ACQ_REL);
    if (fifo) scan_fifo(); else scan_2_level();
}
