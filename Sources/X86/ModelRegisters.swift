// SPDX-License-Identifier: Apache-2.0

/// Model-specific registers that guests name (AMD APM 2, appendix A; Intel SDM 4, table 2-2).
public enum GuestMSR {
    public static var timeStamp: UInt32 { 0x10 }
    public static var apicBase: UInt32 { 0x1b }
    public static var pageAttributes: UInt32 { 0x277 }
    public static var x2APIC: ClosedRange<UInt32> { 0x800...0x8ff }
    /// The local APIC's task priority.
    public static var taskPriority: UInt32 { 0x808 }
    /// Xen's: writes a page of hypercalls.
    public static var hypercallPage: UInt32 { 0x4000_0000 }
    public static var extendedFeatures: UInt32 { 0xc000_0080 }
    /// SPEC_CTRL, and PRED_CMD, which is written alone.
    public static var speculationControl: UInt32 { 0x48 }
    public static var predictionCommand: UInt32 { 0x49 }

    /// What the processor itself switches with the guest: SYSENTER's three, SYSCALL's four, and the bases of FS and GS. Nothing
    /// else passes without us. Those that hold an address are written by us, which the guest has to be told of where it is none
    /// (AMD APM 3, WRMSR): QEMU's processor (7.2) takes any. Where they are in a control block.
    public static var direct: InlineArray<10, (number: UInt32, field: UInt64, isAddress: Bool)> {
        [
            (0x174, VMCBField.sysenterCS, false), (0x175, VMCBField.sysenterESP, true), (0x176, VMCBField.sysenterEIP, true),
            (0xc000_0081, VMCBField.star, false), (0xc000_0082, VMCBField.longStar, true),
            (0xc000_0083, VMCBField.compatStar, true), (0xc000_0084, VMCBField.flagMask, false),
            (0xc000_0100, VMCBField.fs + 8, true), (0xc000_0101, VMCBField.gs + 8, true),
            (0xc000_0102, VMCBField.kernelGSBase, true),
        ]
    }

    /// Whether an address is one of 48 bits, as processors with four levels of tables have them.
    public static func isCanonical(_ address: UInt64) -> Bool {
        let top = Int64(bitPattern: address) >> 47
        return top == 0 || top == -1
    }

    /// Where a register that holds an address is in a control block; nil for all others.
    public static func addressField(_ number: UInt32) -> UInt64? {
        let table = direct
        for index in table.indices where table[index].number == number && table[index].isAddress {
            return table[index].field
        }
        return nil
    }

    /// What reads of registers say that are always the same, and whether writes to them are ignored; others are refused.
    public static func constant(_ number: UInt32) -> (value: UInt64, ignoresWrites: Bool)? {
        let table: InlineArray<10, (UInt32, UInt64, Bool)> = [
            (0x8b, 0, true),  // microcode: none
            (0xfe, 0x508, false),  // MTRRs: 8 variable, fixed, write-combining
            (0x179, 0, false),  // machine check: no banks
            (0x17a, 0, true),
            (0x1d9, 0, true),  // DEBUGCTL
            (0xc001_0010, 0, true),  // SYSCFG
            (0xc001_0015, 0, true),  // HWCR
            (0xc001_001f, 0, true),  // NB_CFG
            (0xc001_0055, 0, true),  // C1E: off
            (0xc001_1029, 2, true),  // DE_CFG: LFENCE serialises
        ]
        for index in table.indices where table[index].0 == number { return (table[index].1, table[index].2) }
        return nil
    }

    /// Whether a value of the page attribute table is one: eight types of memory.
    public static func isPageAttributes(_ value: UInt64) -> Bool {
        for index in UInt64(0)..<8 {
            let type = value >> (index * 8) & 0xff
            if type > 7 || type == 2 || type == 3 { return false }
        }
        return true
    }
}

/// The memory type range registers, which a guest may set and which have no effect: nested paging knows the host's.
public enum MemoryTypeRegister {
    public static var count: Int { 28 }
    /// The guest's default: everything is write-back.
    public static var enabledWriteBack: UInt64 { 1 << 11 | 1 << 10 | 6 }
    public static var defaultType: Int { 0 }
    public static var firstFixed: Int { 17 }

    /// Where a register is kept; nil where `number` is none of them.
    public static func index(_ number: UInt32) -> Int? {
        switch number {
        case 0x2ff: 0
        case 0x200...0x20f: 1 + Int(number - 0x200)
        case 0x250: 17
        case 0x258, 0x259: 18 + Int(number - 0x258)
        case 0x268...0x26f: 20 + Int(number - 0x268)
        default: nil
        }
    }

    /// Whether the register kept at `index` takes `value` (AMD APM 2, 7.7.2): reserved bits and types, and addresses of at most
    /// `addressBits`.
    public static func allows(_ value: UInt64, at index: Int, addressBits: UInt64) -> Bool {
        if index == defaultType { return isType(value & 0xff) && value & ~0xcff == 0 }
        if index >= firstFixed {
            for byte in UInt64(0)..<8 where !isType(value >> (byte * 8) & 0xff) { return false }
            return true
        }
        // Bases and masks take turns.
        return value >> addressBits == 0 && (index & 1 != 0 ? isType(value & 0xfff) : value & 0x7ff == 0)
    }

    private static func isType(_ type: UInt64) -> Bool { type < 7 && type != 2 && type != 3 }
}

/// A map of model-specific registers that are intercepted: two bits each, for reads and writes, in 8 KiB (AMD APM 2, 15.11).
public enum MSRPermission {
    public static var frames: UInt64 { 2 }

    /// The byte of a register, and its two bits there, of which the lower is for reads; nil where it has none and is always intercepted.
    public static func place(of number: UInt32) -> (byte: UInt64, mask: UInt8)? {
        let bases: InlineArray<3, UInt32> = [0, 0xc000_0000, 0xc001_0000]
        for index in bases.indices where number &- bases[index] < 0x2000 {
            let bit = UInt64(number - bases[index]) * 2
            return (UInt64(index) * 0x800 + bit / 8, UInt8(3) << UInt8(truncatingIfNeeded: bit & 7))
        }
        return nil
    }
}
