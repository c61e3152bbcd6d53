// SPDX-License-Identifier: Apache-2.0
// Event channels of this vCPU's, delivered by any of the three ABIs; one of them leads to itself.
#include "guest.h"
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/vcpu.h>

#define PAGE 4096
#define WORD_BITS (8 * sizeof(xen_ulong_t))
#define PORTS_3L (WORD_BITS * WORD_BITS * WORD_BITS)
#define WORDS_OF_PAGE (PAGE / sizeof(event_word_t))

enum { FIFO_PORTS = 20 * 1024 };       // for which there are event words

static union { struct shared_info info; char page[PAGE]; } shared __attribute__((aligned(PAGE)));
static union { struct vcpu_info info; char page[PAGE]; } vcpu __attribute__((aligned(PAGE)));
static union { struct evtchn_fifo_control_block block; char page[PAGE]; } control __attribute__((aligned(PAGE)));
static event_word_t words[FIFO_PORTS] __attribute__((aligned(PAGE)));
static uint32_t fifo_head[EVTCHN_FIFO_MAX_QUEUES];
volatile unsigned long handled[SOURCES];
volatile uint64_t timer_taken;
static struct evtchn_send self;
static uint32_t timer_port;
static unsigned ports_with_words;
static enum { TWO_LEVEL, FIFO, THREE_LEVEL } abi;

// The 3-level ABI: a bit for each of W^3 ports, twice, and the second-level selector of W words of W bits.
static struct { xen_ulong_t pending[PORTS_3L / WORD_BITS], mask[PORTS_3L / WORD_BITS]; } three_level __attribute__((aligned(PAGE)));
static xen_ulong_t selector[PAGE / sizeof(xen_ulong_t)] __attribute__((aligned(PAGE)));
static uint8_t *receipts;
static unsigned long receipts_end;

static xen_ulong_t *pending_bitmap(void) { return abi == THREE_LEVEL ? three_level.pending : shared.info.evtchn_pending; }
static xen_ulong_t *mask_bitmap(void) { return abi == THREE_LEVEL ? three_level.mask : shared.info.evtchn_mask; }
static xen_ulong_t bit_of(uint32_t port) { return (xen_ulong_t)1 << port % WORD_BITS; }

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

void events_bind_timer(void) {
    struct evtchn_bind_virq bind = { .virq = VIRQ_TIMER, .vcpu = 0 };
    event_operation("bind_virq", EVTCHNOP_bind_virq, &bind);
    timer_port = bind.port;
}

int events_three_levels_known(void) {
    struct evtchn_sw_query_abis abis;
    return !hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_sw_query_abis, (unsigned long)&abis, 0);
}

void events_use_fifo(void) {
    if (abi == FIFO) return;
    struct evtchn_init_control init = { .control_gfn = (unsigned long)&control / PAGE };
    event_operation("init_control", EVTCHNOP_init_control, &init);
    events_need_word(0);
    abi = FIFO;
}

struct evtchn_sw_register_3l_bitmaps events_three_level_bitmaps(void) {
    struct evtchn_sw_register_3l_bitmaps bitmaps = { .nr_pages = sizeof(three_level.pending) / PAGE };
    for (unsigned i = 0; i < bitmaps.nr_pages; i++) {
        bitmaps.pending_gfn[i] = (unsigned long)three_level.pending / PAGE + i;
        bitmaps.mask_gfn[i] = (unsigned long)three_level.mask / PAGE + i;
    }
    return bitmaps;
}

struct evtchn_sw_register_3l_l2sel events_three_level_selector(void) {
    return (struct evtchn_sw_register_3l_l2sel){ .gfn = (unsigned long)selector / PAGE };
}

void events_use_three_levels(void) { abi = THREE_LEVEL; }

void events_reset(void) {
    struct evtchn_reset reset = { .dom = DOMID_SELF };
    event_operation("reset", EVTCHNOP_reset, &reset);
    abi = TWO_LEVEL;
    self.port = 0;
}

void events_count(uint8_t *counts, unsigned long end) {
    receipts_end = end;
    receipts = counts;
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
    if (abi == FIFO) __atomic_fetch_or(&words[port], 1u << EVTCHN_FIFO_MASKED, __ATOMIC_ACQ_REL);
    else __atomic_fetch_or(&mask_bitmap()[port / WORD_BITS], bit_of(port), __ATOMIC_ACQ_REL);
}

void events_take(uint32_t port) {
    if (abi == FIFO) __atomic_fetch_and(&words[port], ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_ACQ_REL);
    else __atomic_fetch_and(&pending_bitmap()[port / WORD_BITS], ~bit_of(port), __ATOMIC_ACQ_REL);
}

int events_pending(uint32_t port) {
    if (abi == FIFO) return words[port] >> EVTCHN_FIFO_PENDING & 1;
    return (pending_bitmap()[port / WORD_BITS] & bit_of(port)) != 0;
}

void events_send_to_self(void) {
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&self, 0);
}

static void handle_port(unsigned long port) {
    if (port == self.port) handled[EVENT]++;
    else if (timer_port && port == timer_port) handled[TIMER]++;
    if (receipts && port < receipts_end) receipts[port]++;
}

// The ports of the words that one word of a selector names: words `first` and on of the bitmaps.
static inline void scan_words(xen_ulong_t selected, unsigned long first, xen_ulong_t *pending, xen_ulong_t *mask) {
    for (; selected; selected &= selected - 1) {
        unsigned long index = first + __builtin_ctzl(selected);
        xen_ulong_t ready = pending[index] & ~mask[index];
        for (; ready; ready &= ready - 1) {
            unsigned bit = __builtin_ctzl(ready);
            __atomic_fetch_and(&pending[index], ~((xen_ulong_t)1 << bit), __ATOMIC_ACQUIRE);
            handle_port(index * WORD_BITS + bit);
        }
    }
}

static xen_ulong_t take_selector(void) {
    return __atomic_exchange_n(&vcpu.info.evtchn_pending_sel, 0, __ATOMIC_ACQUIRE);
}

static void scan_2_level(void) {
    scan_words(take_selector(), 0, shared.info.evtchn_pending, shared.info.evtchn_mask);
}

static void scan_3_level(void) {
    for (xen_ulong_t first = take_selector(); first; first &= first - 1) {
        unsigned index = __builtin_ctzl(first);
        xen_ulong_t second = __atomic_exchange_n(&selector[index], 0, __ATOMIC_ACQUIRE);
        scan_words(second, index * WORD_BITS, three_level.pending, three_level.mask);
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
    if (abi == FIFO) scan_fifo();
    else if (abi == THREE_LEVEL) scan_3_level();
    else scan_2_level();
}
