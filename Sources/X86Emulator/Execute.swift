// SPDX-License-Identifier: Apache-2.0

/// Executes the instruction at the start of `bytes`, which lie at the processor's instruction pointer.
///
/// A repeated string instruction does at most `repetitions` steps; the instruction pointer stays on it until it is done, so
/// that the guest comes back for the rest and interrupts come in between. Throws `unknown` with nothing changed, and what
/// the processor's `load` and `store` throw.
public func emulate<P: EmulatedProcessor>(
    _ bytes: Span<UInt8>, on processor: inout P, repetitions: Int = 1024
) throws(EmulationStop) {
    let instruction = try Instruction(bytes, processor.code)
    var execution = Execution(instruction, processor)
    if case .string(let operation) = instruction.operation {
        try execution.string(operation, on: &processor, steps: repetitions)
    } else {
        try execution.run(on: &processor)
    }
}

/// One instruction under way. What it will have changed of the registers is kept here until memory has been written.
struct Execution {
    let instruction: Instruction
    /// Of the operand in memory, in its segment.
    var operandOffset: UInt64 = 0
    var flags: UInt64
    var target: UInt64

    init(_ instruction: Instruction, _ processor: some EmulatedProcessor) {
        self.instruction = instruction
        flags = processor.flags
        target = Self.truncate(
            processor.instructionPointer &+ UInt64(instruction.length), width: Self.codeWidth(processor.code))
        operandOffset = offset(processor)
    }

    var arithmetic: Arithmetic { Arithmetic(width: instruction.width) }

    static func truncate(_ value: UInt64, width: Int) -> UInt64 { width == 8 ? value : value & (1 << UInt64(width * 8) - 1) }

    static func codeWidth(_ code: CodeWidth) -> Int {
        switch code {
        case .bits64: 8
        case .bits32: 4
        case .bits16: 2
        }
    }

    // MARK: Addresses

    private func offset(_ processor: some EmulatedProcessor) -> UInt64 {
        let form = instruction.address
        var sum = form.displacement
        if let base = form.base { sum &+= processor[base] }
        if let index = form.index { sum &+= processor[index] << form.scale }
        if form.isRelative { sum &+= target }
        // POP counts from the stack pointer that it leaves.
        if instruction.operation == .pop, form.base == 4 { sum &+= UInt64(instruction.width) }
        return Self.truncate(sum, width: form.width)
    }

    // MARK: Operands

    func read<P: EmulatedProcessor>(_ place: Place, width: Int, _ processor: inout P) throws(EmulationStop) -> UInt64 {
        switch place {
        case .none: 0
        case .register(let register): register.read(processor[register.number], width: width)
        case .number(let number): Self.truncate(number, width: width)
        case .memory:
            try processor.load(linear(operandOffset, processor, width: width, write: false), width: width)
        }
    }

    /// A register's new value, or memory's.
    func write<P: EmulatedProcessor>(
        _ value: UInt64, to place: Place, width: Int, _ processor: inout P
    ) throws(EmulationStop) {
        switch place {
        case .register(let register):
            processor[register.number] = register.merge(value, width: width, into: processor[register.number])
        case .memory:
            try processor.store(value, at: linear(operandOffset, processor, width: width, write: true), width: width)
        case .none, .number: return
        }
    }

    mutating func apply(_ result: Result) { flags = flags & ~result.changed | result.flags & result.changed }

    /// Nothing can fail any more: flags and instruction pointer.
    func commit<P: EmulatedProcessor>(_ processor: inout P) {
        processor.flags = flags
        processor.instructionPointer = target
    }
}

// MARK: Operations

extension Execution {
    mutating func run<P: EmulatedProcessor>(on processor: inout P) throws(EmulationStop) {
        let (destination, source, width) = (instruction.destination, instruction.source, instruction.width)
        switch instruction.operation {
        case .move:
            try write(try read(source, width: width, &processor), to: destination, width: width, &processor)
        case .extend(let from, let isSigned):
            let value = try read(source, width: from, &processor)
            let wide = isSigned ? UInt64(bitPattern: Arithmetic(width: from).signed(value)) : value
            try write(Self.truncate(wide, width: width), to: destination, width: width, &processor)
        case .push, .pop, .call, .jump: try stack(&processor)
        case .exchange, .compareExchange, .exchangeAdd: try exchange(&processor)
        case .bit(let kind): try bit(kind, &processor)
        case .multiplyWide, .multiply: try multiply(&processor)
        case .conditionalMove(let condition):
            let value = try read(source, width: width, &processor)
            let old = try read(destination, width: width, &processor)
            try write(holds(condition, flags) ? value : old, to: destination, width: width, &processor)
        case .setCondition(let condition):
            try write(holds(condition, flags) ? 1 : 0, to: destination, width: 1, &processor)
        case .divide(let isSigned): try divide(isSigned: isSigned, &processor)
        case .vector(let form): try move(form, &processor)
        case .system(let register): try processor.write(register, read(source, width: width, &processor))
        case .string: throw .unknown
        default: try compute(&processor)
        }
        commit(&processor)
    }

    /// Operations with a result in the destination, or only flags.
    private mutating func compute<P: EmulatedProcessor>(_ processor: inout P) throws(EmulationStop) {
        let width = instruction.width
        let a = try read(instruction.destination, width: width, &processor)
        let b = try read(instruction.source, width: width, &processor)
        let result: Result
        switch instruction.operation {
        case .arithmetic(let kind): result = compute(kind, a, b)
        case .test: result = arithmetic.logic(a & b)
        case .not: result = Result(value: ~a & arithmetic.mask, flags: 0, changed: 0)
        case .negate: result = arithmetic.subtract(0, a)
        case .increment: result = arithmetic.increment(a)
        case .decrement: result = arithmetic.decrement(a)
        case .shift(let kind):
            // The count is a byte, wherever it comes from.
            let count = try read(instruction.source, width: 1, &processor)
            result = arithmetic.shift(kind, a, by: count, carry: flags & Flag.carry)
        case .doubleShift(let isLeft, let count):
            let number: UInt64 =
                switch count {
                case .number(let number): number
                case .counter: processor[1]
                }
            result = arithmetic.doubleShift(a, b, by: number & 0xff, isLeft: isLeft)
        default: throw .unknown
        }
        let writes = instruction.operation != .test && instruction.operation != .arithmetic(7)
        if writes { try write(result.value, to: instruction.destination, width: width, &processor) }
        apply(result)
    }

    private func compute(_ kind: Int, _ a: UInt64, _ b: UInt64) -> Result {
        let carry = flags & Flag.carry
        return switch kind {
        case 0: arithmetic.add(a, b)
        case 1: arithmetic.logic(a | b)
        case 2: arithmetic.add(a, b, carry: carry)
        case 3: arithmetic.subtract(a, b, borrow: carry)
        case 4: arithmetic.logic(a & b)
        case 6: arithmetic.logic(a ^ b)
        default: arithmetic.subtract(a, b)
        }
    }

    private mutating func exchange<P: EmulatedProcessor>(_ processor: inout P) throws(EmulationStop) {
        let width = instruction.width
        let old = try read(instruction.destination, width: width, &processor)
        let other = try read(instruction.source, width: width, &processor)
        switch instruction.operation {
        case .exchange:
            try write(other, to: instruction.destination, width: width, &processor)
            try write(old, to: instruction.source, width: width, &processor)
        case .exchangeAdd:
            let sum = arithmetic.add(old, other)
            // Memory first, which can fail; of two registers that are one the sum remains.
            if instruction.destination == .memory { try write(sum.value, to: .memory, width: width, &processor) }
            try write(old, to: instruction.source, width: width, &processor)
            if instruction.destination != .memory {
                try write(sum.value, to: instruction.destination, width: width, &processor)
            }
            apply(sum)
        default:
            let accumulator = GeneralRegister(0)
            let expected = accumulator.read(processor[0], width: width)
            let comparison = arithmetic.subtract(expected, old)
            let isEqual = expected == old
            // Memory is written either way, as the processor does.
            if isEqual || instruction.destination == .memory {
                try write(isEqual ? other : old, to: instruction.destination, width: width, &processor)
            }
            if !isEqual { processor[0] = accumulator.merge(old, width: width, into: processor[0]) }
            apply(comparison)
        }
    }

    /// A register's bit number reaches beyond the operand where that is in memory.
    private mutating func bit<P: EmulatedProcessor>(_ kind: Int, _ processor: inout P) throws(EmulationStop) {
        let width = instruction.width
        var number = try read(instruction.source, width: width, &processor)
        if instruction.destination == .memory, case .register = instruction.source {
            let operands = arithmetic.signed(number) >> Int64(arithmetic.bits.trailingZeroBitCount)
            let distance = UInt64(bitPattern: operands &* Int64(width))
            operandOffset = Self.truncate(offset(processor) &+ distance, width: instruction.address.width)
        }
        number &= arithmetic.bits - 1
        let old = try read(instruction.destination, width: width, &processor)
        let one: UInt64 = 1 << number
        let new =
            switch kind {
            case 1: old | one
            case 2: old & ~one
            case 3: old ^ one
            default: old
            }
        if kind != 0 { try write(new, to: instruction.destination, width: width, &processor) }
        flags = flags & ~Flag.carry | (old & one != 0 ? Flag.carry : 0)
    }

    private mutating func multiply<P: EmulatedProcessor>(_ processor: inout P) throws(EmulationStop) {
        let width = instruction.width
        if case .multiplyWide(let isSigned) = instruction.operation {
            let a = GeneralRegister(0).read(processor[0], width: width)
            let b = try read(instruction.destination, width: width, &processor)
            let product = arithmetic.multiply(a, b, isSigned: isSigned)
            flags = flags & ~Flag.status | product.flags
            if width == 1 {
                processor[0] = GeneralRegister(0).merge(product.high << 8 | product.low, width: 2, into: processor[0])
            } else {
                processor[0] = GeneralRegister(0).merge(product.low, width: width, into: processor[0])
                processor[2] = GeneralRegister(2).merge(product.high, width: width, into: processor[2])
            }
            return
        }
        var factor = try read(instruction.destination, width: width, &processor)
        if case .multiply(let number?) = instruction.operation { factor = Self.truncate(number, width: width) }
        let product = arithmetic.multiply(try read(instruction.source, width: width, &processor), factor, isSigned: true)
        flags = flags & ~Flag.status | product.flags
        try write(product.low, to: instruction.destination, width: width, &processor)
    }
}
