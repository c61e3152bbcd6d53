// SPDX-License-Identifier: Apache-2.0

// DIV and IDIV. The flags that they leave mean nothing: they stay what they were.
extension Execution {
    mutating func divide<P: EmulatedProcessor>(isSigned: Bool, _ processor: inout P) throws(EmulationStop) {
        let width = instruction.width
        let divisor = try read(instruction.destination, width: width, &processor)
        // One byte: AX is divided, and AH gets what is left.
        let isByte = width == 1
        let high = isByte ? processor[0] >> 8 & 0xff : Self.truncate(processor[2], width: width)
        let low = Self.truncate(processor[0], width: width)
        let answer = isSigned ? arithmetic.divideSigned(high, low, by: divisor) : arithmetic.divide(high, low, by: divisor)
        guard let answer else { throw .divideError }
        if isByte {
            processor[0] = GeneralRegister(0).merge(answer.remainder << 8 | answer.quotient, width: 2, into: processor[0])
        } else {
            processor[0] = GeneralRegister(0).merge(answer.quotient, width: width, into: processor[0])
            processor[2] = GeneralRegister(2).merge(answer.remainder, width: width, into: processor[2])
        }
    }
}

extension Arithmetic {
    /// Of a dividend in two halves. Nil where the divisor is 0 or the quotient needs more than one.
    func divide(_ high: UInt64, _ low: UInt64, by divisor: UInt64) -> (quotient: UInt64, remainder: UInt64)? {
        guard high < divisor else { return nil }
        if width < 8 {
            let dividend = high << bits | low
            return (dividend / divisor, dividend % divisor)
        }
        // Bit by bit: no function of the compiler's divides 128 bits here.
        var (quotient, rest) = (UInt64(0), high)
        for bit in (0..<64 as Range<UInt64>).reversed() {
            let carry = rest >> 63
            rest = rest << 1 | low >> bit & 1
            if carry != 0 || rest >= divisor {
                rest &-= divisor
                quotient |= 1 << bit
            }
        }
        return (quotient, rest)
    }

    /// As above, truncating toward zero; what is left has the dividend's sign.
    func divideSigned(_ high: UInt64, _ low: UInt64, by divisor: UInt64) -> (quotient: UInt64, remainder: UInt64)? {
        let isNegative = signed(high) < 0
        let negatesQuotient = isNegative != (signed(divisor) < 0)
        let (absoluteHigh, absoluteLow) = isNegative ? negated(high, low) : (high, low)
        let absoluteDivisor = signed(divisor) < 0 ? (0 &- divisor) & mask : divisor
        guard let answer = divide(absoluteHigh, absoluteLow, by: absoluteDivisor) else { return nil }
        let limit: UInt64 = 1 << (bits - 1)
        guard answer.quotient < limit || negatesQuotient && answer.quotient == limit else { return nil }
        return (
            (negatesQuotient ? 0 &- answer.quotient : answer.quotient) & mask,
            (isNegative ? 0 &- answer.remainder : answer.remainder) & mask
        )
    }

    private func negated(_ high: UInt64, _ low: UInt64) -> (UInt64, UInt64) {
        ((low == 0 ? 0 &- high : ~high) & mask, (0 &- low) & mask)
    }
}
