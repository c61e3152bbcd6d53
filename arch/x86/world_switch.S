// SPDX-License-Identifier: Apache-2.0
// Entering a guest on AMD and leaving it (AMD APM 2, 15.5-15.6 and 15.17):
// void x86_enter_svm(struct guest_registers *, uint64_t vmcb, uint64_t host_vmcb), the last two machine addresses; and
// x86_enter_svm_guarded, with a struct switch_guard as fourth, which does what that says.
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

// struct switch_guard and the bits of its flags.
#define GUARD_FLAGS     0
#define GUARD_HOST      4
#define GUARD_GUEST     8
#define GUARD_CONTROL   0x01
#define GUARD_DIVIDE    0x02
#define GUARD_VERW      0x04
#define GUARD_RETURNS   0x08
#define GUARD_BARRIER   0x10

#define SPEC_CTRL       0x48
#define PRED_CMD        0x49
#define CONTROL_IBRS    0x01

// SPEC_CTRL is to be EAX. Clobbers RCX, RDX.
.macro write_control
    mov     $SPEC_CTRL, %ecx
    xor     %edx, %edx
    wrmsr
.endm

// 32 calls, whose return addresses take the places of all that the processor has learned; where it goes back to one of them ahead of
// time it waits. 256 bytes of stack. Clobbers RCX.
.macro fill_returns
    mov     $16, %ecx
1:  call    3f
2:  pause
    lfence
    jmp     2b
3:  call    5f
4:  pause
    lfence
    jmp     4b
5:  dec     %ecx
    jnz     1b
    add     $(32 * 8), %rsp
.endm

// Before registers are the guest's. The guard is in RCX, and in R8 afterwards.
.macro guard_entry
    mov     %rcx, %r8
    testb   $GUARD_DIVIDE, GUARD_FLAGS(%r8)
    jz      1f
    xor     %eax, %eax
    mov     $1, %ecx
    div     %cl
1:  testb   $GUARD_CONTROL, GUARD_FLAGS(%r8)
    jz      2f
    mov     GUARD_GUEST(%r8), %eax
    cmp     GUARD_HOST(%r8), %eax
    je      2f
    write_control
2:
.endm

// The guest's registers are saved. No return and no indirect branch before its end.
.macro guard_exit
    mov     24(%rsp), %r8
    testb   $GUARD_BARRIER, GUARD_FLAGS(%r8)
    jz      1f
    mov     $PRED_CMD, %ecx
    mov     $1, %eax
    xor     %edx, %edx
    wrmsr
1:  testb   $GUARD_RETURNS, GUARD_FLAGS(%r8)
    jz      6f
    fill_returns
    // IBRS holds for what the processor learned before it is written, even where the guest's is the same.
6:  testb   $GUARD_CONTROL, GUARD_FLAGS(%r8)
    jz      8f
    mov     GUARD_HOST(%r8), %eax
    test    $CONTROL_IBRS, %al
    jnz     7f
    cmp     GUARD_GUEST(%r8), %eax
    je      8f
7:  write_control
8:
    // Neither is passed by ahead of time.
    lfence
.endm

.macro enter_svm name, isGuarded
    .globl  \name
    .balign 64
\name:
    push    %rbp
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
.if \isGuarded
    push    %rcx                    // guard
.endif
    push    %rdx                    // host's block
    push    %rsi                    // guest's block
    push    %rdi                    // guest's registers
    clgi
    sti
.if \isGuarded
    guard_entry
.endif
    mov     %rsi, %rax
    vmload  %rax
.if \isGuarded
    testb   $GUARD_VERW, GUARD_FLAGS(%r8)   // MOV leaves the flags alone
.endif
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
.if \isGuarded
    jz      7f
    verw    x86_data_selector(%rip)
7:
.endif
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
.if \isGuarded
    guard_exit
.endif
    mov     16(%rsp), %rax
    vmload  %rax
    cli
    stgi
.if \isGuarded
    add     $32, %rsp
.else
    add     $24, %rsp
.endif
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    pop     %rbp
    ret
.endm

    .text
    enter_svm x86_enter_svm, 0
    enter_svm x86_enter_svm_guarded, 1

    .globl x86_fill_returns
x86_fill_returns:
    fill_returns
    lfence
    ret

    .globl x86_clear_buffers
x86_clear_buffers:
    verw    x86_data_selector(%rip)
    ret

// What VERW is to look at: the data segment (X86/Descriptors.swift).
    .balign 4
x86_data_selector:
    .long   0x10

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
