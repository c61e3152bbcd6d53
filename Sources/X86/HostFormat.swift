// SPDX-License-Identifier: Apache-2.0

public import Base
public import P2M

/// The hypervisor's own page tables: four levels, no-execute on, caching by attribute 0 (write-back) or 3 (uncached) of the
/// PAT (Intel SDM 3A, 4.5 and 11.12.3; AMD APM 2, 5.3).
public struct HostFormat: FourLevelFormat {
    /// Whether the processor has 1 GiB pages (CPUID 0x80000001, EDX bit 26).
    public let hasHugePages: Bool

    public init(hasHugePages: Bool) { self.hasHugePages = hasHugePages }

    private static var present: UInt64 { 1 << 0 }
    private static var writable: UInt64 { 1 << 1 }
    /// PWT and PCD: attribute 3 of the PAT.
    private static var uncached: UInt64 { 1 << 3 | 1 << 4 }
    /// Set in advance, so that the processor never writes an entry.
    private static var accessedAndDirty: UInt64 { 1 << 5 | 1 << 6 }
    private static var noExecute: UInt64 { 1 << 63 }

    public func table(_ table: MFN, level: Int) -> UInt64 {
        table.address.rawValue | Self.present | Self.writable | Self.accessedAndDirty & ~(1 << 6)
    }

    public func leaf(_ frame: MFN, type: P2MType, level: Int) -> UInt64 {
        let attributes: UInt64 =
            switch type {
            case .hypervisorCode: 0
            case .hypervisorReadOnly: Self.noExecute
            case .deviceDirect: Self.noExecute | Self.writable | Self.uncached
            default: Self.noExecute | Self.writable
            }
        return FourLevelEntry.leaf(frame, type: type, level: level) | attributes
            | Self.present | Self.accessedAndDirty
    }

    public func decode(_ entry: UInt64, level: Int) -> Entry {
        guard entry & Self.present != 0 else { return .none }
        return FourLevelEntry.decode(entry, level: level)
    }
}
