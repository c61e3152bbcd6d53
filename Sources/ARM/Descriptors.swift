// SPDX-License-Identifier: Apache-2.0

public import Base
public import P2M

/// Bits that all LPAE descriptors share (ARM DDI 0487, D8.3).
enum Descriptor {
    static var valid: UInt64 { 1 }
    /// A table at levels 0-2, a page at level 3.
    static var tableOrPage: UInt64 { 2 }
    static var innerShareable: UInt64 { 3 << 8 }
    static var accessed: UInt64 { 1 << 10 }
    static var executeNever: UInt64 { 1 << 54 }
    static var addressMask: UInt64 { 0x0000_ffff_ffff_f000 }
    /// Bits 55-58 are the software's: the P2M type.
    static var typeShift: UInt64 { 55 }

    static func leaf(_ frame: MFN, type: P2MType, level: Int, attributes: UInt64) -> UInt64 {
        frame.address.rawValue & addressMask | attributes | accessed | UInt64(type.rawValue) << typeShift
            | (type == .populateOnDemand ? 0 : level == 3 ? valid | tableOrPage : valid)
    }

    @inline(__always) static func decode(_ entry: UInt64, level: Int) -> Entry {
        guard entry & valid != 0 else {
            return entry >> typeShift & 0xf == UInt64(P2MType.populateOnDemand.rawValue)
                ? .leaf(.invalid, .populateOnDemand) : .none
        }
        if level < 3, entry & tableOrPage != 0 { return .table(Address(entry & addressMask).frame) }
        let type = P2MType(rawValue: UInt8(truncatingIfNeeded: entry >> typeShift) & 0xf) ?? .invalid
        return .leaf(Address(entry & addressMask).frame, type)
    }
}

/// Stage 2 of ARMv8 and ARMv7-LPAE, 4 KiB granule (ARM DDI 0487, D8.3.2).
public struct Stage2Format: EntryFormat {
    public let rootLevel: Int
    public let rootOrder: Int
    /// Bits of guest physical address.
    public let addressBits: Int

    /// The shallowest table for `addressBits` bits of guest physical address: up to 16 root tables side by side save a level.
    public init(addressBits: Int) {
        self.addressBits = addressBits
        // A root at level 1 maps 39 bits with one table, 43 with sixteen.
        rootLevel = addressBits <= 43 ? 1 : 0
        rootOrder = max(0, addressBits - (rootLevel == 1 ? 39 : 48))
    }

    public func canMap(at level: Int) -> Bool { level > 0 }
    public var breaksBeforeMake: Bool { true }
    public func table(_ table: MFN, level: Int) -> UInt64 {
        table.address.rawValue | Descriptor.valid | Descriptor.tableOrPage
    }

    public func leaf(_ frame: MFN, type: P2MType, level: Int) -> UInt64 {
        Descriptor.leaf(frame, type: type, level: level, attributes: attributes(type))
    }

    @inline(__always) public func decode(_ entry: UInt64, level: Int) -> Entry { Descriptor.decode(entry, level: level) }

    /// MemAttr (bits 2-5), S2AP (6-7), SH (8-9), XN (54).
    private func attributes(_ type: P2MType) -> UInt64 {
        let normal: UInt64 = 0xf << 2 | Descriptor.innerShareable
        let read: UInt64 = 1 << 6
        let write: UInt64 = 2 << 6
        switch type {
        case .ramReadWrite: return normal | read | write
        case .ramReadOnly, .ramLogDirty: return normal | read
        case .foreign, .grantReadWrite, .deviceCached: return normal | read | write | Descriptor.executeNever
        case .grantReadOnly, .foreignReadOnly: return normal | read | Descriptor.executeNever
        // Device-nGnRE: the guest's own attributes can only make it stricter.
        case .deviceDirect: return 1 << 2 | read | write | Descriptor.executeNever
        case .invalid, .populateOnDemand, .hypervisorCode, .hypervisorReadOnly: return 0
        }
    }
}

/// Stage 1 of EL2 and of HYP mode, as boot/*/entry.S set MAIR: attribute 0 normal write-back, 1 device-nGnRE.
public struct EL2Format: EntryFormat {
    /// 0 for 48 bits of address; 1 for the 32 bits of ARMv7, whose root has four entries.
    public let rootLevel: Int
    public init(rootLevel: Int = 0) { self.rootLevel = rootLevel }
    public var rootOrder: Int { 0 }
    public func canMap(at level: Int) -> Bool { level > 0 }
    public var breaksBeforeMake: Bool { true }
    public func table(_ table: MFN, level: Int) -> UInt64 {
        table.address.rawValue | Descriptor.valid | Descriptor.tableOrPage
    }
    @inline(__always) public func decode(_ entry: UInt64, level: Int) -> Entry { Descriptor.decode(entry, level: level) }

    public func leaf(_ frame: MFN, type: P2MType, level: Int) -> UInt64 {
        // AP[1] (bit 6) is RES1 in a regime with one privilege level; AP[2] (bit 7) is read-only.
        let base: UInt64 = 1 << 6 | Descriptor.innerShareable
        let attributes: UInt64 =
            switch type {
            case .hypervisorCode: base | 1 << 7
            case .hypervisorReadOnly: base | 1 << 7 | Descriptor.executeNever
            case .deviceDirect: base | 1 << 2 | Descriptor.executeNever
            default: base | Descriptor.executeNever
            }
        return Descriptor.leaf(frame, type: type, level: level, attributes: attributes)
    }
}
