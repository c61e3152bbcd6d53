// SPDX-License-Identifier: Apache-2.0

import ArchX86
public import MMIO

/// The local APIC's registers in x2APIC mode: 16 bytes of memory become one model-specific register (Intel SDM 3A, 10.12.1.2).
public struct X2APICBus: Bus {
    public init() {}

    private func number(_ offset: UInt64) -> UInt32 { 0x800 + UInt32(truncatingIfNeeded: offset >> 4) }

    public func read8(_ offset: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: read64(offset)) }
    public func read32(_ offset: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: read64(offset)) }
    public func read64(_ offset: UInt64) -> UInt64 { x86_read_msr(number(offset)) }
    public func write8(_ offset: UInt64, _ value: UInt8) { write32(offset, UInt32(value)) }
    public func write32(_ offset: UInt64, _ value: UInt32) { x86_write_msr(number(offset), UInt64(value)) }

    /// A command. The write does not wait for earlier stores, so the interrupt could overtake what it announces (10.12.3).
    public func write64(_ offset: UInt64, _ value: UInt64) {
        x86_fence()
        x86_write_msr(number(offset), value)
    }
}

/// Numbers of model-specific registers (Intel SDM 4, table 2-2; AMD APM 2, appendix A).
public enum MSR {
    public static var apicBase: UInt32 { 0x1b }
    public static var attributes: UInt32 { 0x277 }
    public static var extendedFeatures: UInt32 { 0xc000_0080 }
    /// Machine address of the page in which VMRUN saves the host (AMD APM 2, 15.30.4).
    public static var hostSave: UInt32 { 0xc001_0117 }
    /// VM_CR: bit 4 means that the firmware has turned SVM off.
    public static var virtualisation: UInt32 { 0xc001_0114 }
    public static var tscDeadline: UInt32 { 0x6e0 }
    /// Revision of the microcode, in the lower half (AMD).
    public static var microcode: UInt32 { 0x8b }
    /// PRED_CMD, written only: bit 0 is IBPB.
    public static var predictionCommand: UInt32 { 0x49 }
}
