// SPDX-License-Identifier: Apache-2.0

public import Base
public import P2M

/// Intel's extended page tables, with four levels (Intel SDM 3C, 29.3.2 and tables 29-1 to 29-7). A leaf names the memory type
/// that joins the guest's own: write-back for RAM, uncached for devices.
public struct ExtendedFormat: FourLevelFormat {
    /// Whether the processor has 1 GiB pages (IA32_VMX_EPT_VPID_CAP, bit 17).
    public let hasHugePages: Bool

    public init(hasHugePages: Bool) { self.hasHugePages = hasHugePages }

    private static var read: UInt64 { 1 << 0 }
    private static var write: UInt64 { 1 << 1 }
    private static var execute: UInt64 { 1 << 2 }
    private static var all: UInt64 { read | write | execute }
    /// Bits 3-5; uncached is 0.
    private static var writeBack: UInt64 { 6 << 3 }

    public func table(_ table: MFN, level: Int) -> UInt64 { table.address.rawValue | Self.all }

    public func leaf(_ frame: MFN, type: P2MType, level: Int) -> UInt64 {
        let rights: UInt64 =
            switch type {
            case .ramReadWrite: Self.all | Self.writeBack
            case .ramReadOnly, .ramLogDirty: Self.read | Self.execute | Self.writeBack
            case .foreign, .grantReadWrite: Self.read | Self.write | Self.writeBack
            case .grantReadOnly, .foreignReadOnly: Self.read | Self.writeBack
            // Option ROMs are run where they are.
            case .deviceCached: Self.all | Self.writeBack
            case .deviceDirect: Self.all
            case .invalid, .populateOnDemand, .hypervisorCode, .hypervisorReadOnly: 0
            }
        return FourLevelEntry.leaf(frame, type: type, level: level) | rights
    }

    public func decode(_ entry: UInt64, level: Int) -> Entry {
        guard entry & Self.all != 0 else { return FourLevelEntry.decodeAbsent(entry) }
        return FourLevelEntry.decode(entry, level: level)
    }
}
