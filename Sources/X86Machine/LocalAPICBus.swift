// SPDX-License-Identifier: Apache-2.0

import ArchX86
public import MMIO

/// The local APIC's registers, wherever this machine has them. Decided once at boot.
public enum LocalAPICBus: Bus {
    case memory(MappedBus)
    case x2(X2APICBus)

    public func read8(_ offset: UInt64) -> UInt8 {
        switch self {
        case .memory(let bus): bus.read8(offset)
        case .x2(let bus): bus.read8(offset)
        }
    }

    public func read32(_ offset: UInt64) -> UInt32 {
        switch self {
        case .memory(let bus): bus.read32(offset)
        case .x2(let bus): bus.read32(offset)
        }
    }

    public func read64(_ offset: UInt64) -> UInt64 {
        switch self {
        case .memory(let bus): bus.read64(offset)
        case .x2(let bus): bus.read64(offset)
        }
    }

    public func write8(_ offset: UInt64, _ value: UInt8) {
        switch self {
        case .memory(let bus): bus.write8(offset, value)
        case .x2(let bus): bus.write8(offset, value)
        }
    }

    public func write32(_ offset: UInt64, _ value: UInt32) {
        switch self {
        case .memory(let bus): bus.write32(offset, value)
        case .x2(let bus): bus.write32(offset, value)
        }
    }

    public func write64(_ offset: UInt64, _ value: UInt64) {
        switch self {
        case .memory(let bus): bus.write64(offset, value)
        case .x2(let bus): bus.write64(offset, value)
        }
    }
}

/// IA32_APIC_BASE (Intel SDM 3A, 10.4.4 and 10.12.1).
public enum LocalAPICMode {
    private static var globalEnable: UInt64 { 1 << 11 }
    private static var x2: UInt64 { 1 << 10 }
    private static var addressMask: UInt64 { 0x000f_ffff_ffff_f000 }

    /// Whether the firmware has left this CPU's APIC in x2APIC mode.
    public static var isX2: Bool { x86_read_msr(MSR.apicBase) & x2 != 0 }

    /// Machine address of the registers in memory.
    public static var address: UInt64 { x86_read_msr(MSR.apicBase) & addressMask }

    /// Turns this CPU's APIC on. Once in x2APIC mode it does not go back.
    public static func enable(x2 wanted: Bool) {
        let base = x86_read_msr(MSR.apicBase)
        // From off the way to x2APIC mode leads through the other.
        x86_write_msr(MSR.apicBase, base | globalEnable)
        if wanted { x86_write_msr(MSR.apicBase, base | globalEnable | x2) }
    }
}
