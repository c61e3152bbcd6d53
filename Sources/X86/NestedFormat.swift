// SPDX-License-Identifier: Apache-2.0

public import Base
public import P2M

/// AMD's nested page tables: the host's own format, walked as if by a user (AMD APM 2, 15.25.5). The caching of a leaf joins
/// the guest's own: write-back RAM leaves the choice to the guest, an uncached device does not.
///
/// IOMMUs walk the same tables. What the processor ignores in an entry says to AMD's which level comes next and what devices
/// may do (AMD 48882, 2.2.3); Intel's takes the two lowest bits for that, and wants the others empty (VT-d 9.8).
public struct NestedFormat: FourLevelFormat {
    /// Whether the processor has 1 GiB pages.
    public let hasHugePages: Bool

    /// The bits that AMD's IOMMU reads, or none.
    private let deviceBits: UInt64

    /// - Parameter servesAMD: entries are for AMD's IOMMU too.
    public init(hasHugePages: Bool, servesAMD: Bool = false) {
        self.hasHugePages = hasHugePages
        deviceBits = servesAMD ? Self.devices | 7 << Self.nextLevelShift : 0
    }

    private static var present: UInt64 { 1 << 0 }
    private static var writable: UInt64 { 1 << 1 }
    private static var user: UInt64 { 1 << 2 }
    /// PWT and PCD: attribute 3 of the host's PAT.
    private static var uncached: UInt64 { 1 << 3 | 1 << 4 }
    private static var accessed: UInt64 { 1 << 5 }
    private static var dirty: UInt64 { 1 << 6 }
    private static var noExecute: UInt64 { 1 << 63 }
    /// Bits 9-11: 0 for a leaf, else the level of the table, 1 being the last.
    private static var nextLevelShift: UInt64 { 9 }
    private static var deviceMayRead: UInt64 { 1 << 61 }
    private static var deviceMayWrite: UInt64 { 1 << 62 }

    private static var devices: UInt64 { deviceMayRead | deviceMayWrite }
    private static var readOnly: UInt64 { present | deviceMayRead }
    private static var readWrite: UInt64 { present | writable | dirty | deviceMayRead | deviceMayWrite }

    public func table(_ table: MFN, level: Int) -> UInt64 {
        let next = UInt64(truncatingIfNeeded: 3 - level) << Self.nextLevelShift
        return table.address.rawValue | Self.present | Self.writable | Self.user | Self.accessed
            | (Self.devices | next) & deviceBits
    }

    public func leaf(_ frame: MFN, type: P2MType, level: Int) -> UInt64 {
        let rights: UInt64 =
            switch type {
            case .ramReadWrite: Self.readWrite
            case .ramReadOnly, .ramLogDirty: Self.readOnly
            case .foreign, .grantReadWrite: Self.readWrite | Self.noExecute
            case .grantReadOnly, .foreignReadOnly: Self.readOnly | Self.noExecute
            // Option ROMs are run where they are.
            case .deviceCached: Self.readWrite
            case .deviceDirect: Self.readWrite | Self.uncached
            case .invalid, .populateOnDemand, .hypervisorCode, .hypervisorReadOnly: 0
            }
        return FourLevelEntry.leaf(frame, type: type, level: level) | rights & (deviceBits | ~Self.devices) | Self.user
            | Self.accessed
    }

    public func decode(_ entry: UInt64, level: Int) -> Entry {
        guard entry & Self.present != 0 else { return FourLevelEntry.decodeAbsent(entry) }
        return FourLevelEntry.decode(entry, level: level)
    }
}
