// SPDX-License-Identifier: Apache-2.0
// What a PVH domain is to a guest of either width.
#pragma once

// A page of QEMU's PC that dom0 is given and that is no RAM: the HPET's.
#define DEVICE 0xfed00000ul

// RAM of dom0's behind the image, of which nothing else is used.
#define FRESH_RAM 0x2000000ul

// On Xen a vCPU that blocks while its interrupts are masked is not woken by any.
#define MASKED_MEANS_ASLEEP

// Xen crashes a domain that sets HVM_PARAM_VM86_TSS_SIZED to what is no size.
#define FATAL_PARAMETER 37

enum { HYPERCALLS_OF_PAGE = 128, HYPERCALL_SIZE = 32, IRET = 23 };  // which the page refuses with #UD

// What the hypervisor has put there: machine_start asks for it.
extern char hypercall_page[];

// Exceptions of single steps (#DB) that have been taken.
extern unsigned long machine_traps;

// Runs `body`: the vector of the exception that ended it, or -1.
long machine_attempt(void (*body)(void));
