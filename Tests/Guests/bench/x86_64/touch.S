// SPDX-License-Identifier: Apache-2.0
// What a domain of its own does, flat and without paging, at DOMAIN_MEMORY: touches pages that have not been touched before, TOUCHED
// in a batch, and leaves each batch's time in the words from RESULTS on, and behind them a 1.
#include "touch.h"

        .section .rodata
        .balign 4
        .globl  domain_touches, domain_touches_end
domain_touches:
        .code32
        mov     $TOUCH_CODE + TOUCH_RESULTS, %esi
        mov     $TOUCH_FIRST, %edi
        mov     $TOUCH_BATCHES, %ebp
1:      rdtsc
        mov     %eax, %ebx
        mov     $TOUCHED, %ecx
2:      mov     %ecx, (%edi)
        add     $4096, %edi
        dec     %ecx
        jnz     2b
        rdtsc
        sub     %ebx, %eax
        mov     %eax, (%esi)
        add     $4, %esi
        dec     %ebp
        jnz     1b
        movl    $1, (%esi)
3:      hlt
        jmp     3b
        .balign 4
domain_touches_end:
