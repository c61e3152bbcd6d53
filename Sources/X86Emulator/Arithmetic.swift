// SPDX-License-Identifier: Apache-2.0

/// RFLAGS, as far as instructions change it (AMD APM 1, 3.1.4).
public enum Flag {
    public static var carry: UInt64 { 1 << 0 }
    public static var parity: UInt64 { 1 << 2 }
    public static var adjust: UInt64 { 1 << 4 }
    public static var zero: UInt64 { 1 << 6 }
    public static var sign: UInt64 { 1 << 7 }
    public static var direction: UInt64 { 1 << 10 }
    public static var overflow: UInt64 { 1 << 11 }
    /// All that arithmetic sets.
    public static var status: UInt64 { carry | parity | adjust | zero | sign | overflow }
}

/// A result and the status flags that come with it. Flags that the manuals leave undefined are 0.
struct Result: Equatable {
    var value: UInt64
    /// The flags' new values.
    var flags: UInt64
    /// Flags that change; the others keep what they were.
    var changed = Flag.status
}

/// Integers of 1, 2, 4 or 8 bytes in 64-bit words, whose upper bits are 0 (AMD APM 3, chapter 3).
struct Arithmetic {
    /// Bytes.
    let width: Int

    var bits: UInt64 { UInt64(width) * 8 }
    var mask: UInt64 { width == 8 ? .max : 1 << bits - 1 }

    private func top(_ value: UInt64) -> UInt64 { value >> (bits - 1) & 1 }
    func signed(_ value: UInt64) -> Int64 { Int64(bitPattern: value << (64 - bits)) >> Int64(64 - bits) }

    /// Zero, sign and parity of a result.
    private func outcome(_ value: UInt64) -> UInt64 {
        (value == 0 ? Flag.zero : 0) | (top(value) != 0 ? Flag.sign : 0)
            | (UInt8(truncatingIfNeeded: value).nonzeroBitCount & 1 == 0 ? Flag.parity : 0)
    }

    private func flags(_ value: UInt64, carry: UInt64, overflow: UInt64, adjust: UInt64 = 0) -> UInt64 {
        outcome(value) | (carry != 0 ? Flag.carry : 0) | (overflow != 0 ? Flag.overflow : 0)
            | (adjust != 0 ? Flag.adjust : 0)
    }

    // MARK: Sums

    func add(_ a: UInt64, _ b: UInt64, carry: UInt64 = 0) -> Result {
        let sum = (a &+ b &+ carry) & mask
        let carries = a & b | (a | b) & ~sum
        return Result(
            value: sum,
            flags: flags(sum, carry: top(carries), overflow: top((a ^ sum) & (b ^ sum)), adjust: carries >> 3 & 1))
    }

    func subtract(_ a: UInt64, _ b: UInt64, borrow: UInt64 = 0) -> Result {
        let difference = (a &- b &- borrow) & mask
        let borrows = ~a & b | (~a | b) & difference
        return Result(
            value: difference,
            flags: flags(
                difference, carry: top(borrows), overflow: top((a ^ b) & (a ^ difference)), adjust: borrows >> 3 & 1))
    }

    /// INC and DEC leave the carry.
    func increment(_ a: UInt64) -> Result { keepingCarry(add(a, 1)) }
    func decrement(_ a: UInt64) -> Result { keepingCarry(subtract(a, 1)) }

    private func keepingCarry(_ result: Result) -> Result {
        Result(value: result.value, flags: result.flags, changed: Flag.status & ~Flag.carry)
    }

    func logic(_ value: UInt64) -> Result { Result(value: value & mask, flags: outcome(value & mask)) }

    // MARK: Shifts

    /// The eight of a shift's register field: ROL, ROR, RCL, RCR, SHL, SHR, SHL again, SAR. Counts are taken modulo 32, or 64.
    func shift(_ kind: Int, _ a: UInt64, by count: UInt64, carry: UInt64) -> Result {
        let count = count & (width == 8 ? 63 : 31)
        guard count != 0 else { return Result(value: a, flags: 0, changed: 0) }
        switch kind & 7 {
        case 0: return rotated(rotateLeft(a, count % bits), carryFromTop: false)
        case 1: return rotated(rotateLeft(a, (bits - count % bits) % bits), carryFromTop: true)
        case 2: return rotateThroughCarry(a, count % (bits + 1), carry)
        case 3: return rotateThroughCarry(a, (bits + 1 - count % (bits + 1)) % (bits + 1), carry, isRight: true)
        case 5: return shifted(count > 63 ? 0 : a >> count, out: a >> (count - 1), overflow: top(a))
        case 7:
            let value = UInt64(bitPattern: signed(a) >> Int64(count)) & mask
            return shifted(value, out: UInt64(bitPattern: signed(a) >> Int64(count - 1)), overflow: 0)
        default:
            let value = a << count & mask
            let out = count > bits ? 0 : a >> (bits - count)
            return shifted(value, out: out, overflow: top(value) ^ out & 1)
        }
    }

    private func shifted(_ value: UInt64, out: UInt64, overflow: UInt64) -> Result {
        Result(value: value, flags: flags(value, carry: out & 1, overflow: overflow))
    }

    private func rotateLeft(_ a: UInt64, _ count: UInt64) -> UInt64 {
        count == 0 ? a : (a << count | a >> (bits - count)) & mask
    }

    private func rotated(_ value: UInt64, carryFromTop: Bool) -> Result {
        let carry = carryFromTop ? top(value) : value & 1
        let overflow = carryFromTop ? top(value) ^ value >> (bits - 2) & 1 : top(value) ^ carry
        return Result(
            value: value, flags: (carry != 0 ? Flag.carry : 0) | (overflow != 0 ? Flag.overflow : 0),
            changed: Flag.carry | Flag.overflow)
    }

    /// To the left by `count` of the operand with the carry above it.
    private func rotateThroughCarry(_ a: UInt64, _ count: UInt64, _ carry: UInt64, isRight: Bool = false) -> Result {
        var value = a
        var carry = carry
        for _ in 0..<count {
            let out = top(value)
            value = (value << 1 | carry) & mask
            carry = out
        }
        let overflow = isRight ? top(value) ^ value >> (bits - 2) & 1 : top(value) ^ carry
        return Result(
            value: value, flags: (carry != 0 ? Flag.carry : 0) | (overflow != 0 ? Flag.overflow : 0),
            changed: Flag.carry | Flag.overflow)
    }

    /// SHLD, SHRD: `a` shifted, with bits of `filler` coming in.
    func doubleShift(_ a: UInt64, _ filler: UInt64, by count: UInt64, isLeft: Bool) -> Result {
        let count = count & (width == 8 ? 63 : 31)
        guard count != 0 else { return Result(value: a, flags: 0, changed: 0) }
        // More than the operand has: the manuals leave it undefined.
        guard count <= bits else { return Result(value: a, flags: 0) }
        let whole = count == bits
        let value =
            isLeft
            ? (whole ? filler : (a << count | filler >> (bits - count)) & mask)
            : (whole ? filler : (a >> count | filler << (bits - count)) & mask)
        let out = isLeft ? a >> (bits - count) : a >> (count - 1)
        return shifted(value, out: out, overflow: top(a) ^ top(value))
    }

    // MARK: Products

    /// Both halves of a product. Carry and overflow say that the upper half is not just the lower half's extension.
    func multiply(_ a: UInt64, _ b: UInt64, isSigned: Bool) -> (low: UInt64, high: UInt64, flags: UInt64) {
        let low: UInt64
        let high: UInt64
        if isSigned {
            let product = signed(a).multipliedFullWidth(by: signed(b))
            (low, high) = split(product.low, UInt64(bitPattern: product.high))
        } else {
            let product = a.multipliedFullWidth(by: b)
            (low, high) = split(product.low, product.high)
        }
        let extended = isSigned && top(low) != 0 ? mask : 0
        return (low, high, high == extended ? 0 : Flag.carry | Flag.overflow)
    }

    private func split(_ low: UInt64, _ high: UInt64) -> (UInt64, UInt64) {
        width == 8 ? (low, high) : (low & mask, low >> bits & mask)
    }
}

/// Whether a condition holds: the lower four bits of Jcc, SETcc and CMOVcc.
func holds(_ condition: Int, _ flags: UInt64) -> Bool {
    let isSet =
        switch condition >> 1 & 7 {
        case 0: flags & Flag.overflow != 0
        case 1: flags & Flag.carry != 0
        case 2: flags & Flag.zero != 0
        case 3: flags & (Flag.carry | Flag.zero) != 0
        case 4: flags & Flag.sign != 0
        case 5: flags & Flag.parity != 0
        case 6: (flags & Flag.sign != 0) != (flags & Flag.overflow != 0)
        default: flags & Flag.zero != 0 || (flags & Flag.sign != 0) != (flags & Flag.overflow != 0)
        }
    return isSet != (condition & 1 != 0)
}
