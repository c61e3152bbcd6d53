// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import X86Emulator

@Suite struct UnknownTests {
    /// What advisories on emulators were about and this one does not know, in every width of code.
    @Test(arguments: [CodeWidth.bits16, .bits32, .bits64]) func neitherPrivilegedNorFar(_ code: CodeWidth) {
        let rows: [(name: String, bytes: [UInt8])] = [
            ("fbld (66)", [0xdf, 0x20]), ("fstenv", [0xd9, 0x30]), ("fwait", [0x9b]),
            ("hlt (105)", [0xf4]), ("lgdt (105)", [0x0f, 0x01, 0x10]), ("lidt (105)", [0x0f, 0x01, 0x18]),
            ("wrmsr", [0x0f, 0x30]), ("invlpg", [0x0f, 0x01, 0x38]), ("lldt", [0x0f, 0x00, 0xd0]),
            ("ltr", [0x0f, 0x00, 0xd8]),
            ("int (106)", [0xcd, 0x80]), ("int3 (196)", [0xcc]), ("icebp", [0xf1]), ("iret", [0xcf]),
            ("jmp far (110)", [0xff, 0x28]), ("call far (110)", [0xff, 0x18]), ("retf (110)", [0xcb]), ("retf n", [0xca, 0, 0]),
            ("jmp ptr", [0xea, 0, 0, 0, 0, 0, 0]), ("mov seg (191)", [0x8e, 0xd8]), ("lfs (191)", [0x0f, 0xb4, 0x08]),
            ("cmpxchg8b (200)", [0x0f, 0xc7, 0x08]), ("syscall (204)", [0x0f, 0x05]), ("sysret", [0x0f, 0x07]),
            ("sysenter", [0x0f, 0x34]), ("sysexit", [0x0f, 0x35]), ("vmmcall", [0x0f, 0x01, 0xd9]), ("vmrun", [0x0f, 0x01, 0xd8]),
            ("vmfunc (203)", [0x0f, 0x01, 0xd4]), ("xsetbv (54)", [0x0f, 0x01, 0xd1]), ("xrstor (53)", [0x0f, 0xae, 0x28]),
            ("fxrstor", [0x0f, 0xae, 0x08]), ("movq mm", [0x0f, 0x6f, 0x08]), ("vmovups", [0xc4, 0xe1, 0x78, 0x10, 0x08]),
        ]
        for (name, bytes) in rows {
            var cpu = SmallProcessor(code: code, stackWidth: code == .bits64 ? 8 : 4)
            cpu.registers[4] = 0x8000
            let before = cpu.registers
            #expect(throws: EmulationStop.unknown, "\(name)") { try emulate(bytes.span, on: &cpu) }
            #expect(cpu.registers == before && cpu.stores == 0 && cpu.instructionPointer == 0x100 && cpu.system.isEmpty)
        }
    }
}
