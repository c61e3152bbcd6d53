// SPDX-License-Identifier: Apache-2.0
// Entering a guest on AMD and leaving it (AMD APM 2, 15.5-15.6 and 15.17):
// void x86_enter_svm(struct guest_registers *, uint64_t vmcb, uint64_t host_vmcb), the last two machine addresses.
//
// RAX and RSP of the guest are the control block's. Between CLGI and STGI nothing interrupts; STI in there lets an interrupt
// that waits end the guest at once. VMSAVE and VMLOAD exchange what VMRUN leaves: FS, GS, TR, LDTR and the MSRs of SYSCALL.

#define RBX     0
#define RCX     8
#define RDX     16
#define RSI     24
#define RDI     32
#define RBP     40
#define R8      48
#define R9      56
#define R10     64
#define R11     72
#define R12     80
#define R13     88
#define R14     96
#define R15     104

    .text
    .globl x86_enter_svm
    .balign 64
x86_enter_svm:
    push    %rbp
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    push    %rdx                    // host's block
    push    %rsi                    // guest's block
    push    %rdi                    // guest's registers
    clgi
    sti
    mov     %rsi, %rax
    vmload  %rax
    mov     RBX(%rdi), %rbx
    mov     RCX(%rdi), %rcx
    mov     RDX(%rdi), %rdx
    mov     RSI(%rdi), %rsi
    mov     RBP(%rdi), %rbp
    mov     R8(%rdi), %r8
    mov     R9(%rdi), %r9
    mov     R10(%rdi), %r10
    mov     R11(%rdi), %r11
    mov     R12(%rdi), %r12
    mov     R13(%rdi), %r13
    mov     R14(%rdi), %r14
    mov     R15(%rdi), %r15
    mov     RDI(%rdi), %rdi
    vmrun   %rax
    // RAX and RSP are the host's again.
    vmsave  %rax
    mov     (%rsp), %rax
    mov     %rbx, RBX(%rax)
    mov     %rcx, RCX(%rax)
    mov     %rdx, RDX(%rax)
    mov     %rsi, RSI(%rax)
    mov     %rdi, RDI(%rax)
    mov     %rbp, RBP(%rax)
    mov     %r8, R8(%rax)
    mov     %r9, R9(%rax)
    mov     %r10, R10(%rax)
    mov     %r11, R11(%rax)
    mov     %r12, R12(%rax)
    mov     %r13, R13(%rax)
    mov     %r14, R14(%rax)
    mov     %r15, R15(%rax)
    mov     16(%rsp), %rax
    vmload  %rax
    cli
    stgi
    add     $24, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    pop     %rbp
    ret

// The guest's x87, vector and extended state: 64-byte aligned areas. Names that the image's gates know.
    .globl x86_save_fp, x86_restore_fp
x86_save_fp:                        // area, mask: 0 where there is no XSAVE
    mov     %esi, %eax
    mov     %rsi, %rdx
    shr     $32, %rdx
    test    %rsi, %rsi
    jz      1f
    xsave64 (%rdi)
    ret
1:  fxsave64 (%rdi)
    ret

// AMD's processors neither save nor load where the last x87 instruction was, and its operand, while no exception of it waits: they would
// show the next guest what the last one did (XSA-52). An x87 load of ours takes their place; with a register free and no exception
// pending it cannot fail, whatever the last guest left.
x86_restore_fp:
    fnclex
    ffree   %st(7)
    fildl   24(%rdi)
    mov     %esi, %eax
    mov     %rsi, %rdx
    shr     $32, %rdx
    test    %rsi, %rsi
    jz      1f
    xrstor64 (%rdi)
    ret
1:  fxrstor64 (%rdi)
    ret
