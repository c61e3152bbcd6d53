// SPDX-License-Identifier: Apache-2.0
#include "native.h"

#ifdef __x86_64__
#include <string.h>
#include <sys/mman.h>

struct native_state native_current;
uint64_t native_host_stack;
uint8_t *native_code;
void *native_entry;
void native_enter(void);
extern char native_leave[];

__asm__(
    ".text\n"
    ".globl native_enter\n"
    "native_enter:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, native_host_stack(%rip)\n"
    "  movups native_current+136(%rip), %xmm0\n"
    "  movups native_current+152(%rip), %xmm1\n"
    "  movups native_current+168(%rip), %xmm2\n"
    "  movups native_current+184(%rip), %xmm3\n"
    "  movups native_current+200(%rip), %xmm4\n"
    "  movups native_current+216(%rip), %xmm5\n"
    "  movups native_current+232(%rip), %xmm6\n"
    "  movups native_current+248(%rip), %xmm7\n"
    "  movups native_current+264(%rip), %xmm8\n"
    "  movups native_current+280(%rip), %xmm9\n"
    "  movups native_current+296(%rip), %xmm10\n"
    "  movups native_current+312(%rip), %xmm11\n"
    "  movups native_current+328(%rip), %xmm12\n"
    "  movups native_current+344(%rip), %xmm13\n"
    "  movups native_current+360(%rip), %xmm14\n"
    "  movups native_current+376(%rip), %xmm15\n"
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
    "  jmp *native_entry(%rip)\n"
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
    "  movups %xmm0, native_current+136(%rip)\n"
    "  movups %xmm1, native_current+152(%rip)\n"
    "  movups %xmm2, native_current+168(%rip)\n"
    "  movups %xmm3, native_current+184(%rip)\n"
    "  movups %xmm4, native_current+200(%rip)\n"
    "  movups %xmm5, native_current+216(%rip)\n"
    "  movups %xmm6, native_current+232(%rip)\n"
    "  movups %xmm7, native_current+248(%rip)\n"
    "  movups %xmm8, native_current+264(%rip)\n"
    "  movups %xmm9, native_current+280(%rip)\n"
    "  movups %xmm10, native_current+296(%rip)\n"
    "  movups %xmm11, native_current+312(%rip)\n"
    "  movups %xmm12, native_current+328(%rip)\n"
    "  movups %xmm13, native_current+344(%rip)\n"
    "  movups %xmm14, native_current+360(%rip)\n"
    "  movups %xmm15, native_current+376(%rip)\n"
    "  cld\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
    "  ret\n");

// In the first page: the instruction, and what goes to 32-bit code and comes back from it.
enum { INTO_32 = 64, FROM_32 = 128, FAR_ADDRESS = 192 };
// Linux's code and data of 32-bit processes.
enum { CODE32 = 0x23, CODE64 = 0x33, DATA32 = 0x2b };

static void put(unsigned place, const void *bytes, size_t count) { memcpy(native_code + place, bytes, count); }

static void prepare(void) {
    const uint32_t start = (uint32_t)(uintptr_t)native_code;
    const uint64_t leave = (uint64_t)native_leave;
    put(INTO_32, "\xff\x2d\x7a\x00\x00\x00", 6);     // ljmp *FAR_ADDRESS(%rip)
    put(FAR_ADDRESS, &start, 4);
    put(FAR_ADDRESS + 4, &(uint16_t){ CODE32 }, 2);
    put(FROM_32, "\xff\x25\x00\x00\x00\x00", 6);     // jmp *0(%rip)
    put(FROM_32 + 6, &leave, 8);
    // Null segments are of no use to 32-bit code; 64-bit code does not mind these.
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(DATA32));
}

uint8_t *native_pages(void) {
    if (!native_code) {
        void *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        if (pages != MAP_FAILED) native_code = pages;
    }
    return native_code;
}

uint64_t native_leave_address(bool is32) { return is32 ? (uint64_t)native_code + FROM_32 - 16 : (uint64_t)native_leave; }

void native_run(const uint8_t *instruction, size_t count, bool is32, struct native_state *state) {
    uint8_t jump[14] = { 0xff, 0x25 };                  // jmp *0(%rip)
    const uint64_t leave = (uint64_t)native_leave;
    memcpy(jump + 6, &leave, sizeof leave);
    native_entry = native_code;
    if (is32) {
        prepare();
        native_entry = native_code + INTO_32;
        const uint32_t back = (uint32_t)(uintptr_t)native_code + FROM_32;
        jump[0] = 0xea;                                 // ljmp $CODE64, $back
        memcpy(jump + 1, &back, 4);
        memcpy(jump + 5, &(uint16_t){ CODE64 }, 2);
        put(FROM_32 - 16, jump, 7);                     // for instructions that jump there
    }
    put(0, instruction, count);
    put((unsigned)count, jump, is32 ? 7 : sizeof jump);
    native_current = *state;
    native_enter();
    *state = native_current;
}
#else
uint8_t *native_pages(void) { return 0; }
uint64_t native_leave_address(bool is32) { return (void)is32, 0; }
void native_run(const uint8_t *instruction, size_t count, bool is32, struct native_state *state) { (void)instruction, (void)count, (void)is32, (void)state; }
#endif
