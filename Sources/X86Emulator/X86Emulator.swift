// SPDX-License-Identifier: Apache-2.0

/// What guests do to memory that is not there: instruction bytes in, an operation out, executed over a protocol.
///
/// Knows MOV in its forms, arithmetic and logic, shifts, bit tests, exchanges, products, conditional moves, the stack, near
/// calls and jumps through memory, and the string instructions, in 16, 32 and 64-bit code. Checked on the host against the
/// real processor. It does not know divisions, far transfers, string I/O, x87, MMX, SSE and later.
///
/// Pure: reaches registers and memory by `EmulatedProcessor` alone, and changes nothing before it can no longer fail, but for
/// the repetitions of a string instruction that are already done.

/// How wide code is where the instruction stands: by CS, and long mode.
public enum CodeWidth: Sendable {
    case bits16, bits32, bits64
}

/// In the order of their numbers in instructions.
public enum Segment: UInt8, Sendable {
    case es, cs, ss, ds, fs, gs
}

/// A virtual processor, as the emulator needs it.
public protocol EmulatedProcessor {
    var code: CodeWidth { get }
    /// Bytes of the stack pointer: 8 in 64-bit code, else 4 or 2 by SS.
    var stackWidth: Int { get }
    /// General registers by number: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8-R15.
    subscript(register: Int) -> UInt64 { get set }
    var flags: UInt64 { get set }
    var instructionPointer: UInt64 { get set }
    /// Where a segment starts: 0 in 64-bit code but for FS and GS.
    func base(of segment: Segment) -> UInt64
    /// `width` bytes, 1 to 8, at a linear address. Throws where the guest gets a fault instead.
    mutating func load(_ address: UInt64, width: Int) throws(EmulationStop) -> UInt64
    mutating func store(_ value: UInt64, at address: UInt64, width: Int) throws(EmulationStop)
}

/// Why an instruction was not executed.
public enum EmulationStop: Error, Equatable {
    /// Not an instruction that the emulator knows, or one that is cut off.
    case unknown
    /// `load` or `store` refused; whoever implements them knows why.
    case memory
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
