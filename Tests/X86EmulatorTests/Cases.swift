// SPDX-License-Identifier: Apache-2.0

import Support

@testable import X86Emulator

/// A random instruction with registers that make it reach the data, and what of its flags the manuals define.
struct Case {
    var bytes: [UInt8] = []
    var registers = [UInt64](repeating: 0, count: 16)
    var flags: UInt64 = 0x202
    /// Flags that mean nothing afterwards.
    var undefined: UInt64 = 0
    /// Word that the operand in memory has to hold: where a jump goes.
    var target: (address: UInt64, value: UInt64)?
    /// As above, where nothing goes there.
    var word: (address: UInt64, value: UInt64)?
    var vectors = [VectorRegister](repeating: VectorRegister(), count: 16)
    var is32 = false
    /// Which kind of instruction it is.
    var family: UInt64 = 0
    static let families: UInt64 = 18
}

/// Makes cases. The data are two pages from `data` on, below 2 GiB; code stands a page before.
struct CaseMaker {
    let data: UInt64
    /// Where jumps go.
    var leave: UInt64 = 0
    /// 32-bit code.
    var is32 = false
    var random: SplitMix
    private var made = Case()
    /// Registers that must keep their values, because an address is made of them.
    private var isFixed = [Bool](repeating: false, count: 16)
    private var rex: UInt8 = 0
    private var prefixes: [UInt8] = []
    /// Where the operand in memory is; nil where it is a register.
    private var operand: UInt64?

    init(data: UInt64, random: SplitMix) {
        (self.data, self.random) = (data, random)
    }

    private mutating func pick<T>(_ list: [T]) -> T { list[Int(random.next() % UInt64(list.count))] }
    private mutating func odds(_ one: UInt64, in all: UInt64) -> Bool { random.next() % all < one }
    /// Values where carries and signs change are more frequent than chance has them.
    private mutating func value() -> UInt64 {
        switch random.next() % 8 {
        case 0: return 0
        case 1: return .max
        case 2: return 1 << (random.next() % 64)
        case 3: return (1 << (random.next() % 64)) &- 1
        case 4: return random.next() & 0xff
        default: return random.next()
        }
    }
    private var somewhere: UInt64 { mutating get { data + 1024 + random.next() % 6000 } }

    mutating func next() -> Case {
        repeat { attempt() } while made.bytes.isEmpty
        return made
    }

    /// Makes a case, or leaves it without bytes where its registers do not fit together.
    private mutating func attempt() {
        made = Case()
        relative = nil
        made.is32 = is32
        for index in 0..<16 {
            made.registers[index] = value()
            made.vectors[index] = VectorRegister(low: random.next(), high: random.next())
        }
        made.registers[4] = data + 4096
        made.flags = 0x202 | random.next() & Flag.status
        isFixed = [Bool](repeating: false, count: 16)
        isFixed[4] = true
        prefixes = []
        rex = !is32 && odds(1, in: 2) ? 0x40 | UInt8(random.next() & 15) : 0
        if odds(1, in: 4) { prefixes.append(0x66) }
        operand = nil
        made.family = random.next() % Case.families
        switch made.family {
        case 16: divisions()
        case 17: vectors()
        case 0..<4: arithmetic()
        case 4, 5: moves()
        case 6: shifts()
        case 7: unary()
        case 8: bits()
        case 9: exchanges()
        case 10, 11: strings()
        case 12: conditions()
        case 13: products()
        case 14: stack()
        default: flow()
        }
        guard is32 else { return }
        for index in 0..<16 { made.registers[index] = index < 8 ? made.registers[index] & 0xffff_ffff : 0 }
    }

    var width: Int { rex & 8 != 0 ? 8 : prefixes.contains(0x66) ? 2 : 4 }

    // MARK: Encoding

    private mutating func emit(_ opcode: [UInt8], _ modRM: [UInt8] = [], _ tail: [UInt8] = []) {
        made.bytes = prefixes + (rex != 0 ? [rex] : []) + opcode + modRM + tail
        guard let relative else { return }
        // Now that the length is known: relative to the next instruction.
        let next = is32 ? 0 : data - 4096 + UInt64(made.bytes.count)
        let displacement = UInt32(truncatingIfNeeded: relative &- next)
        let place = made.bytes.count - tail.count - 4
        for index in 0..<4 { made.bytes[place + index] = UInt8(truncatingIfNeeded: displacement >> UInt32(8 * index)) }
        self.relative = nil
    }
    private var relative: UInt64?

    private mutating func number(_ count: Int) -> [UInt8] {
        let number = value()
        return (0..<count).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    }

    /// ModRM with the given field: a register, or memory in one of its forms.
    private mutating func modRM(_ field: UInt8, onlyMemory: Bool = false) -> [UInt8] {
        if !onlyMemory, odds(1, in: 3) { return [0xc0 | (field & 7) << 3 | UInt8(random.next() & 7)] }
        let place = somewhere
        operand = place
        if odds(1, in: 8) {
            relative = place
            return [(field & 7) << 3 | 5, 0, 0, 0, 0]
        }
        let mode = UInt8(random.next() % 3)
        let low = UInt8(random.next() & 7)
        var bytes = [mode << 6 | (field & 7) << 3 | low]
        var index: Int?
        var scale: UInt64 = 0
        var base: Int? = Int(low | (rex & 1) << 3)
        if low == 4 {
            let sib = UInt8(truncatingIfNeeded: random.next())
            bytes.append(sib)
            let number = Int(sib >> 3 & 7 | (rex >> 1 & 1) << 3)
            index = number == 4 ? nil : number
            scale = UInt64(sib >> 6)
            base = Int(sib & 7 | (rex & 1) << 3)
            if mode == 0, sib & 7 == 5 { base = nil }
        } else if mode == 0, low == 5 {
            relative = place
            return [bytes[0], 0, 0, 0, 0]
        }
        return bytes + displacement(to: place, mode, base, index, scale)
    }

    /// Displacement and registers, so that they come to `place`.
    private mutating func displacement(
        to place: UInt64, _ mode: UInt8, _ base: Int?, _ index: Int?, _ scale: UInt64
    ) -> [UInt8] {
        var sum: UInt64 = 0
        if let index {
            made.registers[index] = index == base ? 0 : random.next() % 16
            isFixed[index] = true
            sum = made.registers[index] << scale
        }
        guard let base, base != index else {
            // The displacement does it all, or all but an index of 0.
            if base != nil, mode != 2 {
                made.registers[base!] = 0
                return absolute(place, mode, base!, scale)
            }
            return word(place &- sum)
        }
        let count = mode == 1 ? 1 : mode == 2 ? 4 : 0
        let bytes = number(count)
        var offset: UInt64 = 0
        for (position, byte) in bytes.enumerated() { offset |= UInt64(byte) << UInt64(8 * position) }
        if count > 0 {
            let shift = UInt64(64 - count * 8)
            offset = UInt64(bitPattern: Int64(bitPattern: offset << shift) >> Int64(shift))
        }
        made.registers[base] = place &- sum &- offset
        isFixed[base] = true
        return bytes
    }

    /// Base and index are one register: an address that it divides.
    private mutating func absolute(_ place: UInt64, _ mode: UInt8, _ base: Int, _ scale: UInt64) -> [UInt8] {
        let factor = 1 + (1 << scale) as UInt64
        made.registers[base] = place / factor
        isFixed[base] = true
        operand = made.registers[base] * factor
        return mode == 1 ? [0] : []
    }

    private func word(_ value: UInt64) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) } }

    /// A register field whose value may be changed.
    private mutating func field() -> UInt8 { UInt8(random.next() & 7) }
    private func number(of field: UInt8) -> Int { Int(field & 7 | (rex >> 2 & 1) << 3) }

    // MARK: Families

    private mutating func arithmetic() {
        let kind = UInt8(random.next() & 7)
        if kind == 1 || kind == 4 || kind == 6 { made.undefined = Flag.adjust }
        let isByte = odds(1, in: 3)
        switch random.next() % 5 {
        case 0: emit([kind << 3 | (isByte ? 4 : 5)], [], number(isByte ? 1 : min(width, 4)))
        case 1:
            let modRM = modRM(kind)
            emit([isByte ? 0x80 : 0x81], modRM, number(isByte ? 1 : min(width, 4)))
        case 2: emit([0x83], modRM(kind), number(1))
        case 3:
            made.undefined = Flag.adjust
            emit([isByte ? 0x84 : 0x85], modRM(field()))
        default: emit([kind << 3 | UInt8(random.next() & 2) | (isByte ? 0 : 1)], modRM(field()))
        }
    }

    private mutating func moves() {
        let isByte = odds(1, in: 3)
        switch random.next() % 6 {
        case 0, 1: emit([0x88 | UInt8(random.next() & 2) | (isByte ? 0 : 1)], modRM(field()))
        case 2:
            let modRM = modRM(0)
            emit([isByte ? 0xc6 : 0xc7], modRM, number(isByte ? 1 : min(width, 4)))
        case 3: emit([0x0f, pick([0xb6, 0xb7, 0xbe, 0xbf])], modRM(field()))
        case 4 where width != 2 && !is32: emit([0x63], modRM(field()))
        case 5 where !prefixes.contains(0x66): emit([0x0f, 0xc3], modRM(field(), onlyMemory: true))
        default:
            let place = somewhere
            operand = place
            emit([UInt8(0xa0 | random.next() & 3)], [], word(place) + (is32 ? [] : [0, 0, 0, 0]))
        }
    }

    private mutating func shifts() {
        if odds(1, in: 4) { return doubleShifts() }
        let kind = UInt8(random.next() & 7)
        let isByte = odds(1, in: 3)
        let bits = isByte ? 8 : UInt64(width) * 8
        let modRM = modRM(kind)
        var count = odds(1, in: 3) ? 1 : random.next() & 0xff
        switch random.next() % 3 {
        case 0: emit([isByte ? 0xc0 : 0xc1], modRM, [UInt8(count)])
        case 1:
            count = 1
            emit([isByte ? 0xd0 : 0xd1], modRM)
        default:
            if isFixed[1] { count = made.registers[1] & 0xff } else { made.registers[1] = made.registers[1] & ~0xff | count }
            emit([isByte ? 0xd2 : 0xd3], modRM)
        }
        let masked = count & (bits == 64 ? 63 : 31)
        if masked == 0 { return }
        made.undefined = (kind > 3 ? Flag.adjust : 0) | (masked == 1 ? 0 : Flag.overflow)
        if kind >= 4, kind != 7, masked > bits { made.undefined |= Flag.carry }
    }

    private mutating func doubleShifts() {
        let modRM = modRM(field())
        let count = random.next() % UInt64(width * 8)
        let left: UInt8 = odds(1, in: 2) ? 0xa4 : 0xac
        if odds(1, in: 2), !isFixed[1] {
            made.registers[1] = made.registers[1] & ~0xff | count
            emit([0x0f, left + 1], modRM)
        } else {
            emit([0x0f, left], modRM, [UInt8(count)])
        }
        if count != 0 { made.undefined = Flag.adjust | (count == 1 ? 0 : Flag.overflow) }
    }

    private mutating func unary() {
        let isByte = odds(1, in: 3)
        let kind = pick([0, 2, 3, 8, 9] as [UInt8])
        let modRM = modRM(kind & 7)
        if kind == 0 { made.undefined = Flag.adjust }
        if kind >= 8 { return emit([isByte ? 0xfe : 0xff], modRM) }
        emit([isByte ? 0xf6 : 0xf7], modRM, kind == 0 ? number(isByte ? 1 : min(width, 4)) : [])
    }

    private mutating func bits() {
        made.undefined = Flag.overflow | Flag.sign | Flag.adjust | Flag.parity
        let kind = UInt8(random.next() & 3)
        if odds(1, in: 2) {
            let modRM = modRM(4 | kind)
            return emit([0x0f, 0xba], modRM, number(1))
        }
        let register = field()
        let modRM = modRM(register)
        let number = number(of: register)
        if operand != nil {
            // The number reaches 125 bytes to either side; where the address is made of it, it is the address's.
            if isFixed[number] { return }
            made.registers[number] = UInt64(bitPattern: Int64(random.next() % 2000) - 1000)
        }
        emit([0x0f, 0xa3 | kind << 3], modRM)
    }

    private mutating func exchanges() {
        let isByte = odds(1, in: 3)
        let modRM = modRM(field())
        if odds(1, in: 2), operand != nil { prefixes.append(0xf0) }
        switch random.next() % 3 {
        case 0: emit([isByte ? 0x86 : 0x87], modRM)
        case 1: emit([0x0f, isByte ? 0xc0 : 0xc1], modRM)
        default: emit([0x0f, isByte ? 0xb0 : 0xb1], modRM)
        }
    }

    private mutating func strings() {
        made.registers[6] = somewhere
        made.registers[7] = odds(1, in: 4) ? made.registers[6] : somewhere
        made.registers[1] = random.next() % 9
        if odds(1, in: 3) { made.flags |= Flag.direction }
        if odds(1, in: 2) { prefixes.append(pick([0xf2, 0xf3])) }
        if odds(1, in: 4), !is32 { prefixes.append(0x67) }
        emit([pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf])])
    }

    private mutating func conditions() {
        let condition = UInt8(random.next() & 15)
        emit([0x0f, (odds(1, in: 2) ? 0x40 : 0x90) | condition], modRM(field()))
    }

    private mutating func products() {
        made.undefined = Flag.sign | Flag.zero | Flag.adjust | Flag.parity
        switch random.next() % 4 {
        case 0:
            let modRM = modRM(field())
            emit([0x69], modRM, number(min(width, 4)))
        case 1: emit([0x6b], modRM(field()), number(1))
        case 2: emit([0x0f, 0xaf], modRM(field()))
        default: emit([odds(1, in: 3) ? 0xf6 : 0xf7], modRM(odds(1, in: 2) ? 4 : 5))
        }
    }

    private mutating func stack() {
        switch random.next() % 5 {
        case 0: emit([UInt8(0x50 | random.next() & 15)])
        case 1: emit([0x6a], [], number(1))
        case 2: emit([0x68], [], number(prefixes.contains(0x66) && rex & 8 == 0 ? 2 : 4))
        case 3: emit([0xff], modRM(6))
        default: emit([0x8f], modRM(0))
        }
        // Without a stack nothing comes of it.
        if made.registers[4] != data + 4096 { made.bytes = [] }
    }

    /// Calls and jumps through memory, which go back to the test.
    private mutating func flow() {
        prefixes = []
        let modRM = modRM(odds(1, in: 2) ? 2 : 4, onlyMemory: true)
        if made.registers[4] != data + 4096 { return }
        if let operand { made.target = (operand, leave) }
        emit([0xff], modRM)
    }

    /// Dividend and divisor such that there is a quotient.
    private mutating func divisions() {
        made.undefined = Flag.status
        let isByte = odds(1, in: 3)
        let isSigned = odds(1, in: 2)
        let modRM = modRM(isSigned ? 7 : 6)
        if isFixed[0] || isFixed[2] { return }
        let bits = UInt64(isByte ? 8 : width * 8)
        let mask: UInt64 = bits == 64 ? .max : 1 << bits - 1
        var divisor = value() & mask
        if divisor == 0 { divisor = 3 }
        let quotient = isSigned ? value() & mask >> 1 : value() & mask
        // Half of a signed divisor's values are negative; -1 and the lowest number have no quotient together.
        let isNegative = isSigned && divisor >> (bits - 1) != 0
        let absolute = isNegative ? (0 &- divisor) & mask : divisor
        let product = quotient.multipliedFullWidth(by: absolute)
        let (low, carry) = product.low.addingReportingOverflow(random.next() % absolute)
        var (low64, high64) = (low, product.high &+ (carry ? 1 : 0))
        if isSigned, odds(1, in: 2) { (low64, high64) = (0 &- low64, low64 == 0 ? 0 &- high64 : ~high64) }
        setDividend(low64, high64, bits)
        if let operand { made.word = (operand, divisor) } else if !putDivisor(divisor, modRM[0] & 7, isByte) { return }
        emit([isByte ? 0xf6 : 0xf7], modRM)
    }

    private mutating func setDividend(_ low: UInt64, _ high: UInt64, _ bits: UInt64) {
        switch bits {
        case 8: made.registers[0] = made.registers[0] & ~0xffff | low & 0xffff
        case 64: (made.registers[0], made.registers[2]) = (low, high)
        default:
            let mask: UInt64 = 1 << bits - 1
            made.registers[0] = made.registers[0] & ~mask | low & mask
            made.registers[2] = made.registers[2] & ~mask | low >> bits & mask
        }
    }

    /// False where the register is one that has to hold something else.
    private mutating func putDivisor(_ divisor: UInt64, _ low: UInt8, _ isByte: Bool) -> Bool {
        let number = Int(low | (rex & 1) << 3)
        guard number != 0, number != 2, number != 4, !isByte || rex != 0 || low < 4 else { return false }
        made.registers[number] = divisor
        return true
    }

    /// Moves between memory and a vector register.
    private mutating func vectors() {
        let (prefix, opcode) = pick(
            [
                (0, 0x10), (0, 0x11), (0x66, 0x10), (0x66, 0x11), (0xf3, 0x10), (0xf3, 0x11), (0xf2, 0x10), (0xf2, 0x11),
                (0, 0x12), (0, 0x13), (0x66, 0x12), (0x66, 0x13), (0, 0x16), (0, 0x17), (0x66, 0x16), (0x66, 0x17),
                (0, 0x28), (0, 0x29), (0x66, 0x28), (0x66, 0x29), (0, 0x2b), (0x66, 0x2b), (0x66, 0xe7), (0x66, 0x6f),
                (0x66, 0x7f),
                (0xf3, 0x6f), (0xf3, 0x7f), (0xf2, 0xf0), (0x66, 0x6e), (0x66, 0x7e), (0xf3, 0x7e), (0x66, 0xd6),
            ] as [(UInt8, UInt8)])
        prefixes = prefix == 0 ? [] : [prefix]
        let modRM = modRM(field(), onlyMemory: true)
        let isAligned =
            VectorMove(prefix: prefix, opcode: opcode, isWide: false)?.isAligned ?? true
        if isAligned, let operand, operand & 15 != 0 { return }
        emit([0x0f, opcode], modRM)
    }
}
