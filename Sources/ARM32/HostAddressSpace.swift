// SPDX-License-Identifier: Apache-2.0

public import ARM
import ArchARM32
public import Base
import Boot
public import Machine
public import P2M

/// HYP mode's own translations. The host's tables map pages of the hypervisor's address space, so a `GFN` is such a
/// page here.
public struct HypTranslationCache: TranslationCache {
    public init() {}
    public func entriesWritten() {
        arm32_dsb_ishst()
        arm32_isb()
    }
    public func invalidate(_ frames: GuestRange) {
        arm32_tlbi_hyp()
        arm32_dsb_ish()
        arm32_isb()
    }
}

/// HYP mode's address space: grows by devices and stacks, never shrinks.
public struct HostAddressSpace<Frames: FrameSource>: ~Copyable {
    var table: PageTable<EL2Format, Frames>
    /// Next free page of the area for devices and stacks, which ends where the direct map starts.
    var next = GFN(0x0100_0000 >> pageShift)

    /// The tables that boot/arm32/entry.S made, at machine address `root`.
    public init(root: MachineAddress, frames: Frames) {
        table = PageTable(format: EL2Format(rootLevel: 1), frames: frames, root: root.frame)
    }

    /// The same tables, with new ones from the heap.
    public init<Other: FrameSource>(continuing other: consuming HostAddressSpace<Other>, frames: Frames) {
        next = other.next
        table = PageTable(format: EL2Format(rootLevel: 1), frames: frames, root: other.table.root)
    }

    /// Maps RAM of `DirectMap.range` into the direct map. False without frames for tables.
    public mutating func mapRAM(_ range: MachineRange, readOnly: Bool = false) -> Bool {
        let pages = GuestRange(start: GFN(range.start.rawValue), count: range.count)
        return table.map(
            pages, to: range.start, type: readOnly ? .hypervisorReadOnly : .ramReadWrite, cache: HypTranslationCache())
    }

    /// The next `count` free pages, with one before them that is never mapped. Nil where the area is full.
    private mutating func takePages(_ count: UInt64) -> GuestRange? {
        let end = DirectMap.range.start.rawValue
        guard count < end, next.rawValue + 1 < end - count else { return nil }
        let pages = GuestRange(start: next + 1, count: count)
        next = pages.end
        return pages
    }

    /// Maps a device, uncached. Returns its address, or nil without room or frames for tables.
    public mutating func mapDevice(_ start: MachineAddress, size: UInt64) -> UInt? {
        let first = start.frame
        guard let end = alignedUp(start.rawValue &+ size, to: pageSize), end > start.rawValue,
            let pages = takePages(end >> pageShift - first.rawValue),
            table.map(pages, to: first, type: .deviceDirect, cache: HypTranslationCache())
        else { return nil }
        return UInt(truncatingIfNeeded: pages.start.address.rawValue + start.offset)
    }

    /// Maps a stack; the page below it stays unmapped. Returns its top.
    public mutating func mapStack(_ frame: MFN, frames: UInt64) -> UInt? {
        guard let pages = takePages(frames),
            table.map(pages, to: frame, type: .ramReadWrite, cache: HypTranslationCache())
        else { return nil }
        // And the page above.
        next += 1
        return UInt(truncatingIfNeeded: pages.end.address.rawValue)
    }
}
