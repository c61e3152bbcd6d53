// SPDX-License-Identifier: Apache-2.0

public import Base
public import P2M

/// AMD's nested page tables: the host's own format, walked as if by a user (AMD APM 2, 15.25.5). The caching of a leaf joins
/// the guest's own: write-back RAM leaves the choice to the guest, an uncached device does not.
public struct NestedFormat: FourLevelFormat {
    /// Whether the processor has 1 GiB pages.
    public let hasHugePages: Bool

    public init(hasHugePages: Bool) { self.hasHugePages = hasHugePages }

    private static var present: UInt64 { 1 << 0 }
    private static var writable: UInt64 { 1 << 1 }
    private static var user: UInt64 { 1 << 2 }
    /// PWT and PCD: attribute 3 of the host's PAT.
    private static var uncached: UInt64 { 1 << 3 | 1 << 4 }
    private static var accessed: UInt64 { 1 << 5 }
    private static var dirty: UInt64 { 1 << 6 }
    private static var noExecute: UInt64 { 1 << 63 }

    public func table(_ table: MFN) -> UInt64 {
        table.address.rawValue | Self.present | Self.writable | Self.user | Self.accessed
    }

    public func leaf(_ frame: MFN, type: P2MType, level: Int) -> UInt64 {
        let rights: UInt64 =
            switch type {
            case .ramReadWrite: Self.present | Self.writable | Self.dirty
            case .ramReadOnly, .ramLogDirty: Self.present
            case .foreign, .grantReadWrite: Self.present | Self.writable | Self.dirty | Self.noExecute
            case .grantReadOnly, .foreignReadOnly: Self.present | Self.noExecute
            // Option ROMs are run where they are.
            case .deviceCached: Self.present | Self.writable | Self.dirty
            case .deviceDirect: Self.present | Self.writable | Self.dirty | Self.uncached
            case .invalid, .populateOnDemand, .hypervisorCode, .hypervisorReadOnly: 0
            }
        return FourLevelEntry.leaf(frame, type: type, level: level) | rights | Self.user
            | Self.accessed
    }

    public func decode(_ entry: UInt64, level: Int) -> Entry {
        guard entry & Self.present != 0 else { return FourLevelEntry.decodeAbsent(entry) }
        return FourLevelEntry.decode(entry, level: level)
    }
}
