// SPDX-License-Identifier: Apache-2.0

extension Instruction {
    /// The instruction at the start of `bytes`. Throws `unknown`.
    init(_ bytes: Span<UInt8>, _ code: CodeWidth) throws(EmulationStop) {
        var reader = Reader(bytes, code)
        let opcode = try reader.opcode()
        self = try opcode == 0x0f ? Self.extended(&reader) : Self.plain(opcode, &reader)
        length = reader.position
        // LOCK is for a change of memory alone.
        if reader.isLocked && (destination != .memory || !operation.mayBeLocked) { throw .unknown }
    }

    // MARK: Shapes

    /// Opcodes whose lowest bit says one byte or the operand's width.
    private static func width(_ opcode: UInt8, _ reader: borrowing Reader) -> Int {
        opcode & 1 != 0 ? reader.operandWidth : 1
    }

    /// Memory or register on the left, register on the right; turned round where `isReversed`.
    private static func pair(
        _ operation: Operation, _ width: Int, _ reader: inout Reader, isReversed: Bool = false
    ) throws(EmulationStop) -> Instruction {
        let modRM = try reader.modRM()
        let other = place(modRM, width, reader)
        let register = Place.register(reader.register(modRM.field, width: width))
        return Instruction(
            operation: operation, width: width, destination: isReversed ? register : other,
            source: isReversed ? other : register, address: modRM.address)
    }

    private static func place(_ modRM: ModRM, _ width: Int, _ reader: borrowing Reader) -> Place {
        modRM.register.map { .register(reader.register($0, width: width)) } ?? .memory
    }

    /// Memory or register, and what `operation` makes of the register field, which says what is to be done.
    private static func group(
        _ width: Int, _ reader: inout Reader,
        _ operation: (UInt8) throws(EmulationStop) -> Operation
    ) throws(EmulationStop) -> Instruction {
        let modRM = try reader.modRM()
        return Instruction(
            operation: try operation(modRM.field & 7), width: width, destination: place(modRM, width, reader),
            address: modRM.address)
    }

    // MARK: One byte

    private static func plain(_ opcode: UInt8, _ reader: inout Reader) throws(EmulationStop) -> Instruction {
        let wide = width(opcode, reader)
        switch opcode {
        case 0x00...0x3f where opcode & 7 < 6: return try arithmetic(opcode, wide, &reader)
        case 0x50...0x5f: return stackRegister(opcode, reader)
        case 0x63 where reader.code == .bits64:
            return try pair(.extend(from: 4, isSigned: true), reader.operandWidth, &reader, isReversed: true)
        case 0x68, 0x6a:
            let width = reader.stackOperandWidth
            let number = try reader.number(opcode == 0x6a ? 1 : min(width, 4))
            return Instruction(operation: .push, width: width, source: .number(number))
        case 0x69, 0x6b: return try product(opcode, &reader)
        case 0x6c...0x6f: return string(opcode, min(wide, 4), reader)
        case 0x80...0x83 where opcode != 0x82 || reader.code != .bits64:
            var result = try group(wide, &reader) { .arithmetic(Int($0)) }
            result.source = .number(try reader.number(opcode == 0x81 ? min(wide, 4) : 1))
            return result
        case 0x84, 0x85: return try pair(.test, wide, &reader)
        case 0x86, 0x87: return try pair(.exchange, wide, &reader)
        case 0x88...0x8b: return try pair(.move, wide, &reader, isReversed: opcode & 2 != 0)
        case 0x8f:
            return try group(reader.stackOperandWidth, &reader) { field throws(EmulationStop) in
                guard field == 0 else { throw .unknown }
                return .pop
            }
        default: return try upper(opcode, wide, &reader)
        }
    }

    private static func upper(_ opcode: UInt8, _ wide: Int, _ reader: inout Reader) throws(EmulationStop) -> Instruction {
        switch opcode {
        case 0xa0...0xa3: return try absolute(opcode, wide, &reader)
        case 0xa4...0xa7, 0xaa...0xaf: return string(opcode, wide, reader)
        case 0xa8, 0xa9:
            return Instruction(
                operation: .test, width: wide, destination: .register(GeneralRegister(0)),
                source: .number(try reader.number(min(wide, 4))))
        case 0xc0, 0xc1, 0xd0...0xd3:
            var result = try group(wide, &reader) { .shift(Int($0)) }
            result.source =
                opcode < 0xd0 ? .number(try reader.number(1)) : opcode < 0xd2 ? .number(1) : .register(GeneralRegister(1))
            return result
        case 0xc6, 0xc7:
            var result = try group(wide, &reader) { field throws(EmulationStop) in
                guard field == 0 else { throw .unknown }
                return .move
            }
            result.source = .number(try reader.number(min(wide, 4)))
            return result
        case 0xf6, 0xf7: return try unary(wide, &reader)
        case 0xfe, 0xff: return try lastGroup(opcode, wide, &reader)
        default: throw .unknown
        }
    }

    private static func arithmetic(_ opcode: UInt8, _ wide: Int, _ reader: inout Reader) throws(EmulationStop) -> Instruction
    {
        let operation = Operation.arithmetic(Int(opcode >> 3))
        if opcode & 4 == 0 { return try pair(operation, wide, &reader, isReversed: opcode & 2 != 0) }
        return Instruction(
            operation: operation, width: wide, destination: .register(GeneralRegister(0)),
            source: .number(try reader.number(min(wide, 4))))
    }

    private static func stackRegister(_ opcode: UInt8, _ reader: borrowing Reader) -> Instruction {
        let register = Place.register(GeneralRegister(Int(opcode & 7 | (reader.rex & 1) << 3)))
        let width = reader.stackOperandWidth
        return opcode < 0x58
            ? Instruction(operation: .push, width: width, source: register)
            : Instruction(operation: .pop, width: width, destination: register)
    }

    private static func product(_ opcode: UInt8, _ reader: inout Reader) throws(EmulationStop) -> Instruction {
        var result = try pair(.multiply(factor: nil), reader.operandWidth, &reader, isReversed: true)
        result.operation = .multiply(factor: try reader.number(opcode == 0x6b ? 1 : min(result.width, 4)))
        return result
    }

    /// MOV between the accumulator and an address in the instruction.
    private static func absolute(_ opcode: UInt8, _ wide: Int, _ reader: inout Reader) throws(EmulationStop) -> Instruction {
        var address = EffectiveAddress(width: reader.addressWidth)
        address.displacement = try reader.number(reader.addressWidth)
        address.segment = reader.segment(.ds)
        let register = Place.register(GeneralRegister(0))
        return Instruction(
            operation: .move, width: wide, destination: opcode < 0xa2 ? register : .memory,
            source: opcode < 0xa2 ? .memory : register, address: address)
    }

    private static func string(_ opcode: UInt8, _ wide: Int, _ reader: borrowing Reader) -> Instruction {
        let operation: StringOperation =
            switch opcode >> 1 & 7 {
            case 6 where opcode < 0x70: .input
            case 7 where opcode < 0x70: .output
            case 2: .move
            case 3: .compare
            case 5: .store
            case 6: .load
            default: .scan
            }
        return Instruction(
            operation: .string(operation), width: wide,
            address: EffectiveAddress(segment: reader.segment(.ds), width: reader.addressWidth),
            repetition: reader.repetition)
    }

    private static func unary(_ wide: Int, _ reader: inout Reader) throws(EmulationStop) -> Instruction {
        var result = try group(wide, &reader) { field throws(EmulationStop) in
            switch field {
            case 0, 1: return .test
            case 2: return .not
            case 3: return .negate
            case 4, 5: return .multiplyWide(isSigned: field == 5)
            default: return .divide(isSigned: field == 7)
            }
        }
        if result.operation == .test { result.source = .number(try reader.number(min(wide, 4))) }
        return result
    }

    private static func lastGroup(_ opcode: UInt8, _ wide: Int, _ reader: inout Reader) throws(EmulationStop) -> Instruction
    {
        let stackWidth = reader.stackOperandWidth
        var result = try group(wide, &reader) { field throws(EmulationStop) in
            switch field {
            case 0: return .increment
            case 1: return .decrement
            case 2 where opcode == 0xff: return .call
            case 4 where opcode == 0xff: return .jump
            case 6 where opcode == 0xff: return .push
            default: throw .unknown
            }
        }
        if result.operation == .push || result.operation == .call || result.operation == .jump {
            result.width = result.operation != .push && reader.code == .bits64 ? 8 : stackWidth
            (result.source, result.destination) = (result.destination, .none)
        }
        return result
    }

    // MARK: 0F

    private static func extended(_ reader: inout Reader) throws(EmulationStop) -> Instruction {
        let opcode = try reader.next()
        if let form = VectorMove(prefix: reader.mandatoryPrefix, opcode: opcode, isWide: reader.rex >> 3 & 1 != 0) {
            return try vector(form, &reader)
        }
        let wide = width(opcode, reader)
        let operand = reader.operandWidth
        switch opcode {
        case 0x01: return try machineStatus(&reader)
        case 0x06: return Instruction(operation: .system(.taskSwitched), width: 4)
        case 0x22, 0x23: return try system(opcode, &reader)
        case 0x40...0x4f: return try pair(.conditionalMove(Int(opcode & 15)), operand, &reader, isReversed: true)
        case 0x90...0x9f: return try group(1, &reader) { _ in .setCondition(Int(opcode & 15)) }
        case 0xa3, 0xab, 0xb3, 0xbb: return try pair(.bit(Int(opcode >> 3 & 3)), operand, &reader)
        case 0xa4, 0xa5, 0xac, 0xad: return try doubleShift(opcode, operand, &reader)
        case 0xaf: return try pair(.multiply(factor: nil), operand, &reader, isReversed: true)
        case 0xb0, 0xb1: return try pair(.compareExchange, wide, &reader)
        case 0xb6, 0xb7, 0xbe, 0xbf:
            return try extend(from: opcode & 1 != 0 ? 2 : 1, isSigned: opcode & 8 != 0, operand, &reader)
        case 0xba:
            var result = try group(operand, &reader) { field throws(EmulationStop) in
                guard field >= 4 else { throw .unknown }
                return .bit(Int(field & 3))
            }
            result.source = .number(try reader.number(1))
            return result
        case 0xc0, 0xc1: return try pair(.exchangeAdd, wide, &reader)
        case 0xc3:
            let result = try pair(.move, operand, &reader)
            guard result.destination == .memory, !reader.hasOperandSize else { throw .unknown }
            return result
        default: throw .unknown
        }
    }

    /// MOV to a control or debug register, of 8 bytes in 64-bit code and 4 in other; ModRM never says memory.
    private static func system(_ opcode: UInt8, _ reader: inout Reader) throws(EmulationStop) -> Instruction {
        let byte = try reader.next()
        let number = Int(byte >> 3 & 7 | (reader.rex >> 2 & 1) << 3)
        let register = GeneralRegister(Int(byte & 7 | (reader.rex & 1) << 3))
        return Instruction(
            operation: .system(opcode == 0x22 ? .control(number) : .debug(number)), width: reader.code == .bits64 ? 8 : 4,
            source: .register(register))
    }

    /// LMSW; nothing else of its group.
    private static func machineStatus(_ reader: inout Reader) throws(EmulationStop) -> Instruction {
        let modRM = try reader.modRM()
        guard modRM.field & 7 == 6 else { throw .unknown }
        return Instruction(
            operation: .system(.machineStatus), width: 2, source: place(modRM, 2, reader), address: modRM.address)
    }

    private static func vector(_ form: VectorMove, _ reader: inout Reader) throws(EmulationStop) -> Instruction {
        let modRM = try reader.modRM()
        guard modRM.register == nil else { throw .unknown }
        var form = form
        form.register = Int(modRM.field)
        return Instruction(operation: .vector(form), width: 8, address: modRM.address)
    }

    /// MOVZX and MOVSX: the source is narrower than the destination.
    private static func extend(
        from: Int, isSigned: Bool, _ width: Int, _ reader: inout Reader
    ) throws(EmulationStop) -> Instruction {
        let modRM = try reader.modRM()
        return Instruction(
            operation: .extend(from: from, isSigned: isSigned), width: width,
            destination: .register(GeneralRegister(Int(modRM.field))), source: place(modRM, from, reader),
            address: modRM.address)
    }

    private static func doubleShift(_ opcode: UInt8, _ width: Int, _ reader: inout Reader) throws(EmulationStop)
        -> Instruction
    {
        var result = try pair(.test, width, &reader)
        let count: Count = opcode & 1 != 0 ? .counter : .number(try reader.number(1))
        result.operation = .doubleShift(isLeft: opcode < 0xa8, count: count)
        return result
    }
}

extension Operation {
    /// What LOCK may stand before, where the destination is memory.
    var mayBeLocked: Bool {
        switch self {
        case .arithmetic(let kind): kind != 7
        case .not, .negate, .increment, .decrement, .exchange, .compareExchange, .exchangeAdd: true
        case .bit(let kind): kind != 0
        default: false
        }
    }
}
