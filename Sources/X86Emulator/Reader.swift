// SPDX-License-Identifier: Apache-2.0

/// Reads an instruction from its first byte on (AMD APM 3, chapter 1). Every read past the end of the bytes fails.
struct Reader: ~Escapable {
    private let bytes: Span<UInt8>
    private(set) var position = 0
    let code: CodeWidth
    private(set) var hasOperandSize = false
    private var hasAddressSize = false
    private(set) var rex: UInt8 = 0
    private(set) var isLocked = false
    private(set) var repetition = Repetition.none
    private var override: Segment?

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, _ code: CodeWidth) {
        self.bytes = bytes.count > 15 ? bytes.extracting(..<15) : bytes
        self.code = code
    }

    @_lifetime(self: copy self)
    mutating func next() throws(EmulationStop) -> UInt8 {
        guard position < bytes.count else { throw .unknown }
        position += 1
        return bytes[position - 1]
    }

    /// A number of `count` bytes, sign-extended.
    @_lifetime(self: copy self)
    mutating func number(_ count: Int) throws(EmulationStop) -> UInt64 {
        guard count > 0 else { return 0 }
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(try next()) << UInt64(index * 8) }
        let shift = Int64(64 - count * 8)
        return UInt64(bitPattern: Int64(bitPattern: value << UInt64(shift)) >> shift)
    }

    /// The opcode's first byte, after the prefixes. A REX prefix counts only where it is the last.
    @_lifetime(self: copy self)
    mutating func opcode() throws(EmulationStop) -> UInt8 {
        while true {
            let byte = try next()
            switch byte {
            case 0x66: hasOperandSize = true
            case 0x67: hasAddressSize = true
            case 0x26, 0x2e, 0x36, 0x3e: override = Segment(rawValue: byte >> 3 & 3)
            case 0x64, 0x65: override = Segment(rawValue: byte & 0xf)
            case 0xf0: isLocked = true
            case 0xf2: repetition = .whileNotEqual
            case 0xf3: repetition = .whileEqual
            case 0x40...0x4f where code == .bits64:
                rex = byte
                continue
            default: return byte
            }
            rex = 0
        }
    }

    /// The prefix that tells instructions of one opcode apart: the last of the repetitions goes before an operand size.
    var mandatoryPrefix: UInt8 {
        switch repetition {
        case .whileEqual: 0xf3
        case .whileNotEqual: 0xf2
        case .none: hasOperandSize ? 0x66 : 0
        }
    }

    /// Bytes of an operand that is not one byte.
    var operandWidth: Int {
        if rex >> 3 & 1 != 0 { return 8 }
        return (code == .bits16) == hasOperandSize ? 4 : 2
    }

    /// Of a push, pop, call or jump: 64-bit code has no 4 bytes there.
    var stackOperandWidth: Int { code == .bits64 && operandWidth == 4 ? 8 : operandWidth }

    /// Bytes of an address.
    var addressWidth: Int {
        switch code {
        case .bits64: hasAddressSize ? 4 : 8
        case .bits32: hasAddressSize ? 2 : 4
        case .bits16: hasAddressSize ? 4 : 2
        }
    }

    /// The segment of an operand whose own would be `usual`. In 64-bit code the first four have no say.
    func segment(_ usual: Segment) -> Segment { override ?? usual }

    /// Register `field` of an instruction of `width` bytes.
    func register(_ field: UInt8, width: Int) -> GeneralRegister {
        width == 1 && rex == 0 && field >= 4 && field < 8
            ? GeneralRegister(Int(field) - 4, isHighByte: true) : GeneralRegister(Int(field))
    }
}

/// A ModRM byte with what follows it.
struct ModRM {
    /// Of REX.R and the byte.
    let field: UInt8
    /// The register that is the other operand; nil where that is memory.
    let register: UInt8?
    var address = EffectiveAddress()
}

extension Reader {
    @_lifetime(self: copy self)
    mutating func modRM() throws(EmulationStop) -> ModRM {
        let byte = try next()
        let field = byte >> 3 & 7 | (rex >> 2 & 1) << 3
        let low = byte & 7
        if byte >> 6 == 3 { return ModRM(field: field, register: low | (rex & 1) << 3) }
        let address = addressWidth == 2 ? try address16(byte >> 6, low) : try address(byte >> 6, low)
        return ModRM(field: field, register: nil, address: address)
    }

    /// 32 and 64-bit addressing, with SIB.
    @_lifetime(self: copy self)
    private mutating func address(_ mode: UInt8, _ low: UInt8) throws(EmulationStop) -> EffectiveAddress {
        var result = EffectiveAddress(width: addressWidth)
        var base: UInt8? = low
        if low == 4 {
            let sib = try next()
            let index = sib >> 3 & 7 | (rex >> 1 & 1) << 3
            result.index = index == 4 ? nil : Int(index)
            result.scale = UInt64(sib >> 6)
            base = sib & 7
        }
        if mode == 0, base == 5 {
            base = nil
            result.isRelative = low == 5 && code == .bits64
            result.displacement = try number(4)
        } else {
            result.displacement = try number(mode == 1 ? 1 : mode == 2 ? 4 : 0)
        }
        result.base = base.map { Int($0 | (rex & 1) << 3) }
        result.segment = segment(result.base == 4 || result.base == 5 ? .ss : .ds)
        return result
    }

    /// 16-bit addressing: BX and BP with SI and DI.
    @_lifetime(self: copy self)
    private mutating func address16(_ mode: UInt8, _ low: UInt8) throws(EmulationStop) -> EffectiveAddress {
        var result = EffectiveAddress(width: 2)
        let (bx, bp, si, di) = (3, 5, 6, 7)
        switch low {
        case 0...3:
            result.base = low & 2 == 0 ? bx : bp
            result.index = low & 1 == 0 ? si : di
        case 4: result.base = si
        case 5: result.base = di
        case 6: result.base = mode == 0 ? nil : bp
        default: result.base = bx
        }
        result.displacement = try number(mode == 0 ? (low == 6 ? 2 : 0) : Int(mode))
        result.segment = segment(result.base == bp ? .ss : .ds)
        return result
    }
}
