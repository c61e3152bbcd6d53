// SPDX-License-Identifier: Apache-2.0

public import Base

/// What a guest frame is (Xen: p2m_type_t). Stored in the software bits of an entry.
public enum P2MType: UInt8, Sendable {
    case invalid
    /// Guest RAM, read and write.
    case ramReadWrite
    /// Guest RAM that the guest may not write.
    case ramReadOnly
    /// A device, uncached.
    case deviceDirect
    /// A device or firmware table, cached.
    case deviceCached
    /// Another domain's frame, to which the entry holds a reference.
    case foreign
    /// A mapped grant.
    case grantReadWrite
    case grantReadOnly
    /// The hypervisor's own mapping: code.
    case hypervisorCode
    /// The hypervisor's own mapping: read-only data.
    case hypervisorReadOnly
    /// As `foreign`, but the guest may not write it.
    case foreignReadOnly
    /// Guest RAM whose next write is to be noted: the guest may not write it until then.
    case ramLogDirty
    /// Guest RAM that gets its frame when it is touched first. No frame, no rights.
    case populateOnDemand

    /// Whether the guest has a frame of RAM here.
    public var isRAM: Bool { self == .ramReadWrite || self == .ramReadOnly || self == .ramLogDirty }

    /// Whether another domain's grant is mapped here.
    public var isGrant: Bool { self == .grantReadWrite || self == .grantReadOnly }

    /// Whether 512 entries of this type may become one. A reference is held, and given back, for each single frame of others.
    var merges: Bool {
        switch self {
        case .ramReadWrite, .ramReadOnly, .ramLogDirty, .deviceDirect, .deviceCached, .populateOnDemand: true
        default: false
        }
    }
}

/// What an entry of a page table says.
public enum Entry: Sendable {
    case none
    case table(MFN)
    case leaf(MFN, P2MType)
}

/// The bits of one page-table format: EPT, NPT, LPAE stage 2, LPAE stage 1 of EL2. 9 bits a level, 4 KiB granule.
public protocol EntryFormat: Sendable {
    /// Level of the root: 0 with four levels, 1 with three.
    var rootLevel: Int { get }
    /// log2 of the frames that make the root (ARM: concatenated tables).
    var rootOrder: Int { get }
    /// Whether an entry of `level` may be a leaf (level 3 always may).
    func canMap(at level: Int) -> Bool
    /// The entry of `level` that leads to `table`, one level down.
    func table(_ table: MFN, level: Int) -> UInt64
    /// Whether a large entry and the table that says the same must not follow each other directly (Arm DDI 0487, D8.16.1).
    /// Where they may, a device's DMA goes on meanwhile.
    var breaksBeforeMake: Bool { get }
    /// Where guests have RAM on demand, an entry of that type is one that the processor takes to be absent, and `decode` tells
    /// it from none. Its frame is `.invalid`.
    func leaf(_ frame: MFN, type: P2MType, level: Int) -> UInt64
    func decode(_ entry: UInt64, level: Int) -> Entry
}

extension EntryFormat {
    /// log2 of the frames that an entry of `level`, 0 to 3, covers. Unchecked, like the shifts below: every walk is made of it.
    @inlinable @inline(__always) public func frameShift(_ level: Int) -> UInt64 {
        UInt64(truncatingIfNeeded: 3 &- level) &* 9
    }

    /// Frames that the whole table can map.
    @inlinable @inline(__always) public var capacity: UInt64 {
        512 &<< (frameShift(rootLevel) &+ UInt64(truncatingIfNeeded: rootOrder))
    }

    /// Index of `frame` in its table of `level`. The root may have several tables in a row.
    @inlinable @inline(__always) public func index(_ frame: UInt64, level: Int) -> UInt64 {
        let index = frame &>> frameShift(level)
        return level == rootLevel ? index : index & 511
    }
}

/// What has cached translations: told after an entry that was valid has gone or changed.
public protocol TranslationCache: Sendable {
    /// Entries written so far are visible to the walkers (a barrier where the ISA asks for one).
    func entriesWritten()
    /// No walker uses an old translation of any of these frames from now on. The hypervisor's own copies from and to
    /// guest memory are walkers too.
    func invalidate(_ frames: GuestRange)
    /// The same of frames here and there, at once.
    func invalidate(each frames: borrowing Span<GFN>)
}

extension TranslationCache {
    public func invalidate(each frames: borrowing Span<GFN>) {
        for index in frames.indices { invalidate(GuestRange(start: frames[index], count: 1)) }
    }
}
