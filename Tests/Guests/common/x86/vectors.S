// SPDX-License-Identifier: Apache-2.0
// Every vector's entry: 16 bytes each. Those of exceptions with an error code have one word more on the stack. What they jump to is
// each width's own (entry.S).
        .text
        .balign 16
        .globl  vectors
vectors:
        .set    vector, 0
        .rept   256
        .balign 16
        push    $vector
        .if     vector < 32 && vector != 1
        jmp     unexpected
        .else
        jmp     interrupt
        .endif
        .set    vector, vector + 1
        .endr
