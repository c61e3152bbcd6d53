// SPDX-License-Identifier: Apache-2.0
// Between touch.S, which a domain runs, and touch.c, which makes that domain.
#pragma once

#define TOUCH_BATCHES 8
#define TOUCHED 500                     // pages in a batch
#define TOUCH_CODE 0x100000             // domain_memory
#define TOUCH_RESULTS 0x800             // behind the code, in its page
#define TOUCH_FIRST 0x1000000           // the first page
