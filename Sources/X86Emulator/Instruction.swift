// SPDX-License-Identifier: Apache-2.0

/// What an instruction does, without its operands.
enum Operation: Equatable {
    case move
    /// The source has `from` bytes.
    case extend(from: Int, isSigned: Bool)
    /// By the number in the opcode: ADD, OR, ADC, SBB, AND, SUB, XOR, CMP.
    case arithmetic(Int)
    case test, not, negate, increment, decrement
    case push, pop, call, jump
    case exchange, compareExchange, exchangeAdd
    /// BT, BTS, BTR, BTC.
    case bit(Int)
    /// By the number in ModRM; the count is the source.
    case shift(Int)
    case doubleShift(isLeft: Bool, count: Count)
    /// RDX:RAX = RAX * source.
    case multiplyWide(isSigned: Bool)
    /// Register = source * factor; nil: * register.
    case multiply(factor: UInt64?)
    /// RAX and RDX = RDX:RAX / destination, and what is left.
    case divide(isSigned: Bool)
    case conditionalMove(Int), setCondition(Int)
    case vector(VectorMove)
    case string(StringOperation)
    /// MOV to a control or debug register, LMSW, and CLTS.
    case system(SystemRegister)
}

enum StringOperation: Equatable { case move, compare, store, load, scan, input, output }

enum Repetition: Equatable { case none, whileEqual, whileNotEqual }

/// A shift count that is not an operand of its own.
enum Count: Equatable { case number(UInt64), counter }

/// Where an operand is.
enum Place: Equatable {
    case none
    case register(GeneralRegister)
    /// The one operand in memory, at `Instruction.address`.
    case memory
    case number(UInt64)
}

/// The address of an operand in memory, in terms of registers.
struct EffectiveAddress: Equatable {
    var base: Int?
    var index: Int?
    /// log2 of what the index is multiplied by.
    var scale: UInt64 = 0
    var displacement: UInt64 = 0
    /// Counts from the next instruction on.
    var isRelative = false
    var segment = Segment.ds
    /// Bytes of the offset, which wraps there.
    var width = 8
}

/// One decoded instruction.
struct Instruction: Equatable {
    var operation: Operation
    /// Bytes of the operands.
    var width: Int
    var destination = Place.none
    var source = Place.none
    var address = EffectiveAddress()
    var repetition = Repetition.none
    /// Bytes.
    var length = 0
}
