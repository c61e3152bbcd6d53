// SPDX-License-Identifier: Apache-2.0

public import ARM
import ArchARM64
public import Base
import Boot
public import Machine
public import P2M

/// EL2's own translations. The host's tables map pages of the hypervisor's address space, so a `GFN` is such a page here.
public struct EL2TranslationCache: TranslationCache {
    public init() {}
    public func entriesWritten() {
        arm64_dsb_ishst()
        arm64_isb()
    }
    public func invalidate(_ frames: GuestRange) {
        arm64_tlbi_alle2is()
        arm64_dsb_ish()
        // Many of Arm's processors want it twice (`ProcessorErrata.earlyInvalidation`); it is seldom enough for all.
        arm64_tlbi_nothing()
        arm64_dsb_ish()
        arm64_isb()
    }
}

/// EL2's address space: grows by devices and stacks, never shrinks.
public struct HostAddressSpace<Frames: FrameSource>: ~Copyable {
    var table: PageTable<EL2Format, Frames>
    /// Next free page of the area for devices and stacks.
    var next = GFN(0x0000_0200_8000_0000 >> pageShift)

    /// The tables that boot/arm64/entry.S made, at machine address `root`.
    public init(root: MachineAddress, frames: Frames) {
        table = PageTable(format: EL2Format(), frames: frames, root: root.frame)
    }

    /// The same tables, with new ones from the heap.
    public init<Other: FrameSource>(continuing other: consuming HostAddressSpace<Other>, frames: Frames) {
        next = other.next
        table = PageTable(format: EL2Format(), frames: frames, root: other.table.root)
    }

    /// Maps RAM into the direct map. False without frames for tables.
    public mutating func mapRAM(_ range: MachineRange, readOnly: Bool = false) -> Bool {
        let pages = GuestRange(start: GFN(range.start.rawValue + UInt64(DirectMap.base) >> pageShift), count: range.count)
        return table.map(
            pages, to: range.start, type: readOnly ? .hypervisorReadOnly : .ramReadWrite, cache: EL2TranslationCache())
    }

    /// Maps a device, uncached. Returns its address, or nil without frames for tables.
    public mutating func mapDevice(_ start: MachineAddress, size: UInt64) -> UInt? {
        let first = start.frame
        guard let end = alignedUp(start.rawValue &+ size, to: pageSize), end > start.rawValue else { return nil }
        let pages = GuestRange(start: next, count: end >> pageShift - first.rawValue)
        guard table.map(pages, to: first, type: .deviceDirect, cache: EL2TranslationCache()) else { return nil }
        // A page that is never mapped between two devices.
        next = pages.end + 1
        return UInt(pages.start.address.rawValue + start.offset)
    }

    /// Maps a stack with an unmapped page on either side. Returns its top.
    public mutating func mapStack(_ frame: MFN, frames: UInt64) -> UInt? {
        next += 1
        let pages = GuestRange(start: next, count: frames)
        guard table.map(pages, to: frame, type: .ramReadWrite, cache: EL2TranslationCache()) else { return nil }
        next = pages.end + 1
        return UInt(pages.end.address.rawValue)
    }
}
