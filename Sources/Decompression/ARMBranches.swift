// SPDX-License-Identifier: Apache-2.0

/// Undoes the ARM filters of XZ (specification of .xz 1.1.0, 5.3.2; ARM64: 1.1.1): the packer has made the targets of calls
/// absolute. Addresses count from the start of the block.
enum ARMBranches {
    /// A32: BL that always branches, 24 bits of words from the second instruction after it.
    static func restoreARM(_ bytes: inout MutableSpan<UInt8>, from start: Int, to end: Int) {
        var index = start
        while index + 4 <= end {
            if bytes[index + 3] == 0xeb {
                let target = word(bytes, index) & 0xff_ffff
                put(
                    &bytes, index, (target &- UInt32(truncatingIfNeeded: (index - start + 8) >> 2)) & 0xff_ffff | 0xeb00_0000
                )
            }
            index += 4
        }
    }

    /// T32: BL as two halves of 11 bits each.
    static func restoreThumb(_ bytes: inout MutableSpan<UInt8>, from start: Int, to end: Int) {
        var index = start
        while index + 4 <= end {
            let both = word(bytes, index)
            guard both & 0xf800_f800 == 0xf800_f000 else {
                index += 2
                continue
            }
            let target = (both & 0x7ff) << 11 | both >> 16 & 0x7ff
            let offset = target &- UInt32(truncatingIfNeeded: (index - start + 4) >> 1)
            put(&bytes, index, 0xf800_f000 | offset >> 11 & 0x7ff | (offset & 0x7ff) << 16)
            index += 4
        }
    }

    /// A64: BL, and ADRP of pages within 512 MiB.
    static func restoreARM64(_ bytes: inout MutableSpan<UInt8>, from start: Int, to end: Int) {
        var index = start
        while index + 4 <= end {
            let instruction = word(bytes, index)
            let place = UInt32(truncatingIfNeeded: index - start)
            if instruction >> 26 == 0x25 {
                put(&bytes, index, 0x9400_0000 | (instruction &- place >> 2) & 0x3ff_ffff)
            } else if instruction & 0x9f00_0000 == 0x9000_0000 {
                let page = instruction >> 29 & 3 | instruction >> 3 & 0x1f_fffc
                if (page &+ 0x2_0000) & 0x1c_0000 == 0 {
                    let offset = page &- place >> 12
                    put(
                        &bytes, index,
                        instruction & 0x9000_001f | (offset & 3) << 29 | (offset & 0x3_fffc) << 3
                            | (0 &- (offset & 0x2_0000)) & 0xe0_0000)
                }
            }
            index += 4
        }
    }

    @inline(__always) private static func word(_ bytes: borrowing MutableSpan<UInt8>, _ index: Int) -> UInt32 {
        UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16 | UInt32(bytes[index + 3])
            << 24
    }

    @inline(__always) private static func put(_ bytes: inout MutableSpan<UInt8>, _ index: Int, _ value: UInt32) {
        for offset in 0..<4 { bytes[index + offset] = UInt8(truncatingIfNeeded: value >> UInt32(offset * 8)) }
    }
}
