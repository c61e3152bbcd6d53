// SPDX-License-Identifier: Apache-2.0
#include "native.h"

#ifdef __x86_64__
#include <string.h>
#include <sys/mman.h>

struct native_state native_current;
uint64_t native_host_stack;
uint8_t *native_code;
void native_enter(void);
extern char native_leave[];

__asm__(
    ".text\n"
    ".globl native_enter\n"
    "native_enter:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, native_host_stack(%rip)\n"
    "  push native_current+128(%rip)\n"
    "  popfq\n"
    "  mov native_current+0(%rip), %rax\n  mov native_current+8(%rip), %rcx\n"
    "  mov native_current+16(%rip), %rdx\n  mov native_current+24(%rip), %rbx\n"
    "  mov native_current+32(%rip), %rsp\n  mov native_current+40(%rip), %rbp\n"
    "  mov native_current+48(%rip), %rsi\n  mov native_current+56(%rip), %rdi\n"
    "  mov native_current+64(%rip), %r8\n  mov native_current+72(%rip), %r9\n"
    "  mov native_current+80(%rip), %r10\n  mov native_current+88(%rip), %r11\n"
    "  mov native_current+96(%rip), %r12\n  mov native_current+104(%rip), %r13\n"
    "  mov native_current+112(%rip), %r14\n  mov native_current+120(%rip), %r15\n"
    "  jmp *native_code(%rip)\n"
    ".globl native_leave\n"
    "native_leave:\n"
    "  mov %rax, native_current+0(%rip)\n  mov %rcx, native_current+8(%rip)\n"
    "  mov %rdx, native_current+16(%rip)\n  mov %rbx, native_current+24(%rip)\n"
    "  mov %rsp, native_current+32(%rip)\n  mov %rbp, native_current+40(%rip)\n"
    "  mov %rsi, native_current+48(%rip)\n  mov %rdi, native_current+56(%rip)\n"
    "  mov %r8, native_current+64(%rip)\n  mov %r9, native_current+72(%rip)\n"
    "  mov %r10, native_current+80(%rip)\n  mov %r11, native_current+88(%rip)\n"
    "  mov %r12, native_current+96(%rip)\n  mov %r13, native_current+104(%rip)\n"
    "  mov %r14, native_current+112(%rip)\n  mov %r15, native_current+120(%rip)\n"
    "  mov native_host_stack(%rip), %rsp\n"
    "  pushfq\n"
    "  pop native_current+128(%rip)\n"
    "  cld\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
    "  ret\n");

uint8_t *native_pages(void) {
    if (!native_code) {
        void *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        if (pages != MAP_FAILED) native_code = pages;
    }
    return native_code;
}

uint64_t native_leave_address(void) { return (uint64_t)native_leave; }

void native_run(const uint8_t *instruction, size_t count, struct native_state *state) {
    static const uint8_t jump[6] = {0xff, 0x25};    // jmp *0(%rip)
    uint64_t leave = (uint64_t)native_leave;
    memcpy(native_code, instruction, count);
    memcpy(native_code + count, jump, sizeof jump);
    memcpy(native_code + count + sizeof jump, &leave, sizeof leave);
    native_current = *state;
    native_enter();
    *state = native_current;
}
#else
uint8_t *native_pages(void) { return 0; }
uint64_t native_leave_address(void) { return 0; }
void native_run(const uint8_t *instruction, size_t count, struct native_state *state) { (void)instruction, (void)count, (void)state; }
#endif
