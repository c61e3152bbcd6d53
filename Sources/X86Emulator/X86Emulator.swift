// SPDX-License-Identifier: Apache-2.0

/// What guests do to memory that is not there: instruction bytes in, an operation out.
///
/// Pure: knows no registers' values and reaches no memory; the caller knows the address from the fault. So far it knows MOV
/// in its forms between a register or an immediate and memory; `docs/status.md` says what is missing.

/// How wide code is where the instruction stands: by CS, and long mode.
public enum CodeWidth: Sendable {
    case bits16, bits32, bits64
}

/// One move between a register, or a number, and memory.
public struct MemoryMove: Equatable, Sendable {
    public enum Operation: Equatable, Sendable {
        /// Memory to a register: `width` bytes, extended to `target` bytes, with the sign where `isSigned`.
        case load(GeneralRegister, target: Int, isSigned: Bool)
        case store(GeneralRegister)
        /// Sign-extended.
        case storeNumber(UInt64)
    }
    public let operation: Operation
    /// Bytes of memory: 1, 2, 4 or 8.
    public let width: Int
    /// Bytes of the instruction.
    public let length: Int
}

/// A general register, or the second byte of one of the first four.
public struct GeneralRegister: Equatable, Sendable {
    /// 0-15: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8-R15.
    public let number: Int
    public let isHighByte: Bool

    public init(_ number: Int, isHighByte: Bool = false) {
        self.number = number
        self.isHighByte = isHighByte
    }

    /// The part of `value` that an instruction of `width` bytes reads.
    public func read(_ value: UInt64, width: Int) -> UInt64 {
        isHighByte ? value >> 8 & 0xff : width == 8 ? value : value & (1 << UInt64(width * 8) - 1)
    }

    /// `old` after an instruction of `width` bytes has written `value`: four bytes clear the upper half, fewer leave the rest.
    public func merge(_ value: UInt64, width: Int, into old: UInt64) -> UInt64 {
        switch width {
        case 8: value
        case 4: value & 0xffff_ffff
        case 2: old & ~0xffff | value & 0xffff
        default: isHighByte ? old & ~0xff00 | (value & 0xff) << 8 : old & ~0xff | value & 0xff
        }
    }
}
