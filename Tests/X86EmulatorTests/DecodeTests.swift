// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import X86Emulator

@Suite struct DecodeTests {
    static let rows: [([UInt8], CodeWidth, MemoryMove?)] = [
        // mov %esi,(%rax); mov 0x10(%rax),%eax; mov %al,(%rcx)
        ([0x89, 0x30], .bits64, MemoryMove(operation: .store(GeneralRegister(6)), width: 4, length: 2)),
        ([0x8b, 0x40, 0x10], .bits64, MemoryMove(operation: .load(GeneralRegister(0), target: 4, isSigned: false), width: 4, length: 3)),
        ([0x88, 0x01], .bits64, MemoryMove(operation: .store(GeneralRegister(0)), width: 1, length: 2)),
        // mov %ah,(%rcx), and %spl with a REX prefix; mov %r9w,-8(%r12,%rax,4)
        ([0x88, 0x21], .bits64, MemoryMove(operation: .store(GeneralRegister(0, isHighByte: true)), width: 1, length: 2)),
        ([0x40, 0x88, 0x21], .bits64, MemoryMove(operation: .store(GeneralRegister(4)), width: 1, length: 3)),
        ([0x66, 0x45, 0x89, 0x4c, 0x84, 0xf8], .bits64, MemoryMove(operation: .store(GeneralRegister(9)), width: 2, length: 6)),
        // movq $-1,0x1000(%rip); movl $1,(%eax)
        ([0x48, 0xc7, 0x05, 0, 0x10, 0, 0, 0xff, 0xff, 0xff, 0xff], .bits64, MemoryMove(operation: .storeNumber(.max), width: 8, length: 11)),
        ([0xc7, 0x00, 1, 0, 0, 0], .bits32, MemoryMove(operation: .storeNumber(1), width: 4, length: 6)),
        // movzbl (%rdi),%eax; movswq (%rdi),%rax; movslq (%rdi),%rax
        ([0x0f, 0xb6, 0x07], .bits64, MemoryMove(operation: .load(GeneralRegister(0), target: 4, isSigned: false), width: 1, length: 3)),
        ([0x48, 0x0f, 0xbf, 0x07], .bits64, MemoryMove(operation: .load(GeneralRegister(0), target: 8, isSigned: true), width: 2, length: 4)),
        ([0x48, 0x63, 0x07], .bits64, MemoryMove(operation: .load(GeneralRegister(0), target: 8, isSigned: true), width: 4, length: 3)),
        // movabs 0x11223344556677,%eax; mov 0x1234,%ax in 16-bit code
        ([0xa1, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0], .bits64, MemoryMove(operation: .load(GeneralRegister(0), target: 4, isSigned: false), width: 4, length: 9)),
        ([0xa1, 0x34, 0x12], .bits16, MemoryMove(operation: .load(GeneralRegister(0), target: 2, isSigned: false), width: 2, length: 3)),
        ([0x8b, 0x46, 0x7f], .bits16, MemoryMove(operation: .load(GeneralRegister(0), target: 2, isSigned: false), width: 2, length: 3)),
        ([0x66, 0x8b, 0x1e, 0x34, 0x12], .bits16, MemoryMove(operation: .load(GeneralRegister(3), target: 4, isSigned: false), width: 4, length: 5)),
        // A move between registers, a locked one, an addition, one that is cut off.
        ([0x89, 0xc0], .bits64, nil), ([0xf0, 0x89, 0x30], .bits64, nil), ([0x01, 0x30], .bits64, nil),
        ([0x8b, 0x40], .bits64, nil), ([], .bits64, nil), ([0xc7, 0x08, 0, 0, 0, 0], .bits64, nil),
    ]

    @Test(arguments: rows.indices) func decodes(_ index: Int) {
        let (bytes, code, move) = Self.rows[index]
        #expect(MemoryMove(bytes.span, code) == move)
    }

    @Test func registersMerge() {
        let old: UInt64 = 0x1122_3344_5566_7788
        #expect(GeneralRegister(0).merge(0xaabb_ccdd_eeff_0011, width: 4, into: old) == 0xeeff_0011)
        #expect(GeneralRegister(0).merge(0xffff, width: 2, into: old) == 0x1122_3344_5566_ffff)
        #expect(GeneralRegister(0).merge(0x1ff, width: 1, into: old) == 0x1122_3344_5566_77ff)
        #expect(GeneralRegister(0, isHighByte: true).merge(0xee, width: 1, into: old) == 0x1122_3344_5566_ee88)
        #expect(GeneralRegister(0, isHighByte: true).read(old, width: 1) == 0x77)
        #expect(GeneralRegister(0).read(old, width: 8) == old)
        #expect(GeneralRegister(0).read(old, width: 2) == 0x7788)
    }

    /// Whatever the bytes, there is an answer, and none is longer than 15 bytes.
    @Test func survivesNoise() {
        var random = SplitMix(state: 12)
        for _ in 0..<200_000 {
            let bytes = (0..<Int(random.next() % 20)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            for code in [CodeWidth.bits16, .bits32, .bits64] {
                if let move = MemoryMove(bytes.span, code) { #expect(move.length <= min(15, bytes.count)) }
            }
        }
    }
}
