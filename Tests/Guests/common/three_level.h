// SPDX-License-Identifier: Apache-2.0
// The 3-level event-channel ABI, ours alone: other hypervisors answer -ENOSYS.
#pragma once
#include <stdint.h>

enum {
    EVTCHNOP_sw_query_abis = 0x53570000,
    EVTCHNOP_sw_register_3l_bitmaps,
    EVTCHNOP_sw_register_3l_l2sel,
};

struct evtchn_sw_query_abis {
    uint64_t abis;              // OUT: bit 0 2-level, bit 1 FIFO, bit 2 3-level
    uint32_t max_ports_3l;      // OUT
    uint32_t word_bits;         // OUT
};

struct evtchn_sw_register_3l_bitmaps {
    uint32_t nr_pages, pad;
    uint64_t pending_gfn[8], mask_gfn[8];
};

struct evtchn_sw_register_3l_l2sel {
    uint64_t gfn;
    uint32_t offset, vcpu;
};
