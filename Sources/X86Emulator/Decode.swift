// SPDX-License-Identifier: Apache-2.0

/// Reads an instruction from its first byte on (AMD APM 3, chapter 1). Every read past the end of the bytes fails.
struct InstructionReader: ~Escapable {
    private let bytes: Span<UInt8>
    private(set) var position = 0
    let code: CodeWidth
    private(set) var hasOperandSize = false
    private var hasAddressSize = false
    private(set) var rex: UInt8 = 0
    private(set) var isLocked = false
    private(set) var isRepeated = false

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, _ code: CodeWidth) {
        self.bytes = bytes.count > 15 ? bytes.extracting(..<15) : bytes
        self.code = code
    }

    @_lifetime(self: copy self)
    mutating func next() -> UInt8? {
        guard position < bytes.count else { return nil }
        position += 1
        return bytes[position - 1]
    }

    /// A number of `count` bytes, sign-extended.
    @_lifetime(self: copy self)
    mutating func number(_ count: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in 0..<count {
            guard let byte = next() else { return nil }
            value |= UInt64(byte) << UInt64(index * 8)
        }
        let shift = UInt64(64 - count * 8)
        return UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift))
    }

    /// The opcode's first byte, after the prefixes. A REX prefix counts only where it is the last.
    @_lifetime(self: copy self)
    mutating func opcode() -> UInt8? {
        while let byte = next() {
            switch byte {
            case 0x66: hasOperandSize = true
            case 0x67: hasAddressSize = true
            case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65: break
            case 0xf0: isLocked = true
            case 0xf2, 0xf3: isRepeated = true
            case 0x40...0x4f where code == .bits64:
                rex = byte
                continue
            default: return byte
            }
            rex = 0
        }
        return nil
    }

    /// Bytes of an operand that is not one byte.
    var operandWidth: Int {
        if rex >> 3 & 1 != 0 { return 8 }
        return (code == .bits16) == hasOperandSize ? 4 : 2
    }

    /// Bytes of an address.
    var addressWidth: Int {
        switch code {
        case .bits64: hasAddressSize ? 4 : 8
        case .bits32: hasAddressSize ? 2 : 4
        case .bits16: hasAddressSize ? 4 : 2
        }
    }

    /// ModRM and what follows it. Returns the register field; nil where the other operand is a register, and no memory.
    @_lifetime(self: copy self)
    mutating func memoryOperand() -> Int? {
        guard let modRM = next(), modRM >> 6 != 3 else { return nil }
        let mode = modRM >> 6
        let base = modRM & 7
        var displacement = mode == 1 ? 1 : mode == 2 ? 4 : 0
        if addressWidth == 2 {
            displacement = mode == 0 ? (base == 6 ? 2 : 0) : Int(mode)
        } else if base == 4 {
            guard let index = next() else { return nil }
            if mode == 0, index & 7 == 5 { displacement = 4 }
        } else if mode == 0, base == 5 {
            displacement = 4
        }
        guard number(displacement) != nil else { return nil }
        return Int(modRM >> 3 & 7) | Int(rex >> 2 & 1) << 3
    }

    /// Register `field` of an instruction of `width` bytes.
    func register(_ field: Int, width: Int) -> GeneralRegister {
        width == 1 && rex == 0 && field >= 4 && field < 8
            ? GeneralRegister(field - 4, isHighByte: true) : GeneralRegister(field)
    }
}

extension MemoryMove {
    /// The move at the start of `bytes`; nil where it is something else, or is cut off.
    public init?(_ bytes: Span<UInt8>, _ code: CodeWidth) {
        var reader = InstructionReader(bytes, code)
        guard let opcode = reader.opcode(), !reader.isLocked, let (operation, width) = Self.decode(opcode, &reader) else {
            return nil
        }
        self.operation = operation
        self.width = width
        length = reader.position
    }

    private static func decode(_ opcode: UInt8, _ reader: inout InstructionReader) -> (Operation, Int)? {
        let wide = opcode & 1 != 0 ? reader.operandWidth : 1
        switch opcode {
        case 0x88, 0x89:
            return reader.memoryOperand().map { (.store(reader.register($0, width: wide)), wide) }
        case 0x8a, 0x8b:
            return reader.memoryOperand().map {
                (.load(reader.register($0, width: wide), target: wide, isSigned: false), wide)
            }
        case 0xa0...0xa3:
            guard reader.number(reader.addressWidth) != nil else { return nil }
            let register = GeneralRegister(0)
            return (opcode < 0xa2 ? .load(register, target: wide, isSigned: false) : .store(register), wide)
        case 0xc6, 0xc7:
            guard let field = reader.memoryOperand(), field & 7 == 0, let number = reader.number(min(wide, 4)) else {
                return nil
            }
            return (.storeNumber(number), wide)
        case 0x0f: return extended(&reader)
        case 0x63 where reader.code == .bits64:
            let target = reader.operandWidth
            return reader.memoryOperand().map { (.load(GeneralRegister($0), target: target, isSigned: true), 4) }
        default: return nil
        }
    }

    /// MOVZX and MOVSX.
    private static func extended(_ reader: inout InstructionReader) -> (Operation, Int)? {
        guard let opcode = reader.next(), opcode & 0xf6 == 0xb6 else { return nil }
        let target = reader.operandWidth
        return reader.memoryOperand().map {
            (.load(GeneralRegister($0), target: target, isSigned: opcode & 8 != 0), opcode & 1 != 0 ? 2 : 1)
        }
    }
}
