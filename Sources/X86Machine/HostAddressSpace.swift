// SPDX-License-Identifier: Apache-2.0

import ArchX86
public import Base
public import Machine
public import P2M
public import X86

/// The hypervisor's own translations, of which this CPU drops its old ones. Other CPUs start after the last of the changes
/// that take something away. The host's tables map pages of the hypervisor's address space, so a `GFN` is such a page here.
public struct HostTranslationCache: TranslationCache {
    public init() {}

    /// Walks see stores in order.
    public func entriesWritten() {}

    public func invalidate(_ frames: GuestRange) {
        if frames.count <= 64 {
            for offset in 0..<frames.count { x86_invalidate_page((frames.start + offset).address.rawValue) }
        } else {
            x86_write_cr3(x86_read_cr3())
        }
    }
}

/// The hypervisor's address space (docs/decisions/0001-address-space.md): grows by devices and stacks, never shrinks.
public struct HostAddressSpace<Frames: FrameSource>: ~Copyable {
    var table: PageTable<HostFormat, Frames>
    /// Next free page of the area for devices.
    var next = GFN(0x0000_0200_8000_0000 >> pageShift)

    /// The tables that boot/x86_64/entry.S made, at machine address `root`.
    public init(root: MachineAddress, format: HostFormat, frames: Frames) {
        table = PageTable(format: format, frames: frames, root: root.frame)
    }

    /// The same tables, with new ones from the heap.
    public init<Other: FrameSource>(continuing other: consuming HostAddressSpace<Other>, frames: Frames) {
        next = other.next
        table = PageTable(format: other.table.format, frames: frames, root: other.table.root)
    }

    private func direct(_ range: MachineRange) -> GuestRange {
        GuestRange(start: GFN(range.start.rawValue + UInt64(DirectMap.base) >> pageShift), count: range.count)
    }

    /// Maps memory into the direct map. False without frames for tables.
    public mutating func mapRAM(_ range: MachineRange, readOnly: Bool = false) -> Bool {
        table.map(
            direct(range), to: range.start, type: readOnly ? .hypervisorReadOnly : .ramReadWrite,
            cache: HostTranslationCache())
    }

    /// Takes what is not memory out of the direct map. False without frames for tables.
    public mutating func unmap(_ range: MachineRange) -> Bool { table.unmap(direct(range), cache: HostTranslationCache()) }

    /// Maps a device, uncached. Returns its address, or nil without frames for tables.
    public mutating func mapDevice(_ start: MachineAddress, size: UInt64) -> UInt? {
        let first = start.frame
        guard let end = alignedUp(start.rawValue &+ size, to: pageSize), end > start.rawValue else { return nil }
        let pages = GuestRange(start: next, count: end >> pageShift - first.rawValue)
        guard table.map(pages, to: first, type: .deviceDirect, cache: HostTranslationCache()) else { return nil }
        // A page that is never mapped between two devices.
        next = pages.end + 1
        return UInt(pages.start.address.rawValue + start.offset)
    }

    /// Maps the two parts of CPU `number`'s slot: its tables, one frame, and its stack, eight. False without frames for tables.
    public mutating func mapSlot(_ slot: ProcessorSlot, tables: MFN, stack: MFN) -> Bool {
        let tablesPage = GuestRange(start: GuestAddress(UInt64(slot.tables)).frame, count: 1)
        let stackPages = GuestRange(start: GuestAddress(UInt64(slot.stack)).frame, count: ProcessorSlot.stackFrames)
        return table.map(tablesPage, to: tables, type: .ramReadWrite, cache: HostTranslationCache())
            && table.map(stackPages, to: stack, type: .ramReadWrite, cache: HostTranslationCache())
    }
}
