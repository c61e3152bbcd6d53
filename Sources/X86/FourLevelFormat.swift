// SPDX-License-Identifier: Apache-2.0

import Base
public import P2M

/// What the host's, AMD's nested and Intel's extended page tables have in common: four levels, 2 MiB and perhaps 1 GiB leaves,
/// the same places for address, size and our own bits.
public protocol FourLevelFormat: EntryFormat {
    /// Whether the processor has 1 GiB pages there.
    var hasHugePages: Bool { get }
}

extension FourLevelFormat {
    public var rootLevel: Int { 0 }
    public var rootOrder: Int { 0 }
    /// Intel SDM 3A, 4.10.2.3; AMD APM 2, 7.16.1: both may be cached, and mean the same.
    public var breaksBeforeMake: Bool { false }
    public func canMap(at level: Int) -> Bool { level == 3 || level == 2 || (level == 1 && hasHugePages) }
}

enum FourLevelEntry {
    /// An entry of level 1 or 2 that maps memory and is no table.
    private static var large: UInt64 { 1 << 7 }
    private static var addressMask: UInt64 { 0x000f_ffff_ffff_f000 }
    /// Bits 52-55 are the software's: the P2M type.
    private static var typeShift: UInt64 { 52 }

    /// What an entry that the processor takes to be absent says.
    static func decodeAbsent(_ entry: UInt64) -> Entry {
        entry >> typeShift & 0xf == UInt64(P2MType.populateOnDemand.rawValue) ? .leaf(.invalid, .populateOnDemand) : .none
    }

    /// A leaf without any rights.
    static func leaf(_ frame: MFN, type: P2MType, level: Int) -> UInt64 {
        frame.address.rawValue & addressMask | UInt64(type.rawValue) << typeShift | (level < 3 ? large : 0)
    }

    /// What an entry that is there says.
    static func decode(_ entry: UInt64, level: Int) -> Entry {
        let frame = Address<MachineSpace>(entry & addressMask).frame
        if level < 3, entry & large == 0 { return .table(frame) }
        return .leaf(frame, P2MType(rawValue: UInt8(truncatingIfNeeded: entry >> typeShift) & 0xf) ?? .invalid)
    }
}
