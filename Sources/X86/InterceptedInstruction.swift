// SPDX-License-Identifier: Apache-2.0

/// Instructions that are intercepted by number, for processors that do not save where the next one starts: their opcodes,
/// which leave the guest's bytes to be looked at only for prefixes (AMD APM 3).
@frozen public enum InterceptedInstruction {
    case cpuid, halt, hypercall, readMSR, writeMSR, setExtendedControl, invalidate, writeBack, debug

    /// Opcode bytes, first in the lowest byte, and how many.
    @inlinable var opcode: (bytes: UInt32, count: Int) {
        switch self {
        case .cpuid: (0xa20f, 2)
        case .halt: (0xf4, 1)
        case .hypercall: (0xd9010f, 3)
        case .readMSR: (0x320f, 2)
        case .writeMSR: (0x300f, 2)
        case .setExtendedControl: (0xd1010f, 3)
        case .invalidate: (0x080f, 2)
        case .writeBack: (0x090f, 2)
        case .debug: (0xf1, 1)
        }
    }

    /// Length in bytes of the instruction whose first eight bytes these are, the first in the lowest; nil where it has prefixes
    /// or is another.
    @inlinable @inline(__always) public func length(_ bytes: UInt64) -> Int? {
        let (opcode, count) = opcode
        return (bytes ^ UInt64(opcode)) << UInt64(64 - count * 8) == 0 ? count : nil
    }

    /// Length in bytes of the instruction at the start of `bytes`, prefixes included; nil where it is another.
    public func length(_ bytes: Span<UInt8>) -> Int? {
        var position = 0
        while position < bytes.count, Self.isPrefix(bytes[position]) { position += 1 }
        let (opcode, count) = opcode
        guard position + count <= min(bytes.count, 15) else { return nil }
        for index in 0..<count
        where bytes[position + index] != UInt8(truncatingIfNeeded: opcode >> UInt32(index * 8)) { return nil }
        return position + count
    }

    /// Operand and address size, segments, LOCK, REP, REX.
    private static func isPrefix(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x26, 0x2e, 0x36, 0x3e, 0x40...0x4f, 0x64...0x67, 0xf0, 0xf2, 0xf3: true
        default: false
        }
    }
}
