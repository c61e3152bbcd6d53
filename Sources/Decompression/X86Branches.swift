// SPDX-License-Identifier: Apache-2.0

/// Undoes the x86 filter of XZ: the packer has made the operands of CALL and JMP absolute, so that calls of one function look
/// alike. What is an operand and what only looks like one is decided by the bytes around it, as the packer did.
enum X86Branches {
    /// An operand's top byte is 0 or 255 where it is one.
    @inline(__always) private static func isTop(_ byte: UInt8) -> Bool { byte == 0 || byte == 0xff }

    /// Addresses count from `start`.
    static func restore(_ bytes: inout MutableSpan<UInt8>, from start: Int, to end: Int) {
        // Which of the last three bytes were opcodes: bit 0 the nearest.
        var recent: UInt32 = 0
        var last = start - 1
        var index = start
        while index + 4 < end {
            guard bytes[index] & 0xfe == 0xe8 else {
                index += 1
                continue
            }
            let gap = index - last
            last = index
            recent = gap > 3 ? 0 : recent << UInt32(gap - 1) & 7
            if isOperand(bytes, index, recent) {
                convert(&bytes, index, recent, UInt32(truncatingIfNeeded: index + 5 - start))
                index += 5
                // The operand's bytes were passed over, so an opcode there does not count.
            } else {
                recent = recent << 1 | 1
                index += 1
            }
        }
    }

    /// Bytes from the nearest opcode's operand's top to this one's.
    @inline(__always) private static func overlap(_ recent: UInt32) -> Int {
        recent == 0 ? 0 : 32 - recent.leadingZeroBitCount
    }

    private static func isOperand(_ bytes: borrowing MutableSpan<UInt8>, _ index: Int, _ recent: UInt32) -> Bool {
        if recent != 0 {
            guard recent.nonzeroBitCount == 1 else { return false }
            if isTop(bytes[index + 4 - overlap(recent)]) { return false }
        }
        return isTop(bytes[index + 4])
    }

    private static func convert(_ bytes: inout MutableSpan<UInt8>, _ index: Int, _ recent: UInt32, _ next: UInt32) {
        var source: UInt32 = 0
        for offset in 0..<4 { source |= UInt32(bytes[index + 1 + offset]) << UInt32(offset * 8) }
        var target = source &- next
        let shift = UInt32(overlap(recent) * 8)
        if recent != 0, isTop(UInt8(truncatingIfNeeded: target >> (24 - shift))) {
            target = (target ^ (1 << (32 - shift) - 1)) &- next
        }
        // 25 bits, sign-extended.
        target = UInt32(bitPattern: Int32(bitPattern: target << 7) >> 7)
        for offset in 0..<4 { bytes[index + 1 + offset] = UInt8(truncatingIfNeeded: target >> UInt32(offset * 8)) }
    }
}
