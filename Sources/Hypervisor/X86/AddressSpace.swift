// SPDX-License-Identifier: Apache-2.0

import ArchX86
import Base
import Boot
import Containers
import Machine
import Memory
import P2M
import Sync
import X86
import X86Machine

/// Frames that are handed out one after the other and never come back.
struct FramePool {
    var left = MachineRange(start: MFN(0), count: 0)

    mutating func take() -> MFN? {
        guard left.count > 0 else { return nil }
        defer { left = MachineRange(start: left.start + 1, count: left.count - 1) }
        return left.start
    }
}

/// The pool as page tables want it.
struct PoolFrames: FrameSource {
    @unsafe func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        // SAFETY: the pool's frames are RAM below 4 GiB, which is mapped from the start.
        unsafe frames.pointer(to: address)
    }

    func allocate(order: Int, node: NUMANode?) -> MFN? {
        guard order == 0, let frame = root.state.tableFrames.withLock({ $0.take() }) else { return nil }
        frames.zero(frame.address, count: pageSize)
        return frame
    }

    func free(_ frame: MFN, order: Int) {}
}

/// What boot leaves for the hypervisor to run in.
struct FirstTables: ~Copyable {
    var space: HostAddressSpace<PoolFrames>
    /// Where the image is now.
    let image: MachineRange
    /// PML4 of a CPU on its way from real mode to the hypervisor's address space, below 4 GiB.
    let startTable: MachineAddress
}

/// Leaves the address space of boot/x86_64/entry.S for one in which the direct map holds RAM and nothing else, with the
/// image's code and constants read-only, and the image for the top of RAM below 4 GiB. Takes the frames for it out of
/// `description`'s memory.
@inline(never)
func makeAddressSpace(_ description: inout Description, image: MachineRange, format: HostFormat) -> FirstTables {
    let limit = MFN(DirectMap.bootSize >> pageShift)
    let place = ImagePlacement.place(
        for: image, in: description.memory, reserved: description.reserved, below: limit, alignment: imageAlignment)
    let image = MovingImage(from: image, to: place ?? image)
    description.reserved.insert(image.to)
    let pool = takeTableFrames(&description, image, below: limit)
    root.state.tableFrames.withLock { $0.left = pool }
    description.reserved.insert(pool)
    guard let table = PoolFrames().allocate(), let entry = image.mapped(format) else { panic("no frames for page tables") }
    frames.store(entry, at: table.address + image.entryOffset)
    guard let startTable = makeStartTable(image, entry, format) else { panic("no frames for page tables") }

    var space = HostAddressSpace(root: table.address, format: format, frames: PoolFrames())
    var isMapped = true
    for index in 0..<description.memory.count { isMapped = space.mapRAM(description.memory[index].range) && isMapped }
    let constants = MachineRange(start: image.to.start, count: (boot_rodata_end() - boot_image_start()) >> pageShift)
    isMapped = space.mapRAM(constants, readOnly: true) && isMapped
    guard isMapped else { panic("no page-table frames left to map memory") }
    image.move(into: table, description.memory)
    return FirstTables(space: space, image: image.to, startTable: startTable.address)
}

/// Frames: the image is mapped by 4 KiB pages, but loaders and entry.S want it on a boundary of 2 MiB.
private let imageAlignment: UInt64 = 512

/// The image on its way from where the loader put it.
private struct MovingImage {
    let from: MachineRange
    let to: MachineRange

    /// Bytes from the start of a PML4 to the entry that leads to the image.
    var entryOffset: UInt64 { (boot_image_start() >> 39) * 8 }

    /// The entry for a PML4, with new tables under it in which the image is at its new place. Nil without frames.
    func mapped(_ format: HostFormat) -> UInt64? {
        let old = from.start.address + (boot_host_table() - boot_image_start())
        return copy(frames.load(UInt64.self, at: old + entryOffset), format, level: 0)
    }

    /// What an entry of the old tables is in the new ones, with a copy of all that is below it.
    private func copy(_ entry: UInt64, _ format: HostFormat, level: Int) -> UInt64? {
        switch format.decode(entry, level: level) {
        case .none: return 0
        case .leaf: return entry &- from.start.address.rawValue &+ to.start.address.rawValue
        case .table(let old):
            guard let table = PoolFrames().allocate() else { return nil }
            for offset in stride(from: UInt64(0), to: pageSize, by: 8) {
                let below = frames.load(UInt64.self, at: old.address + offset)
                guard let entry = copy(below, format, level: level + 1) else { return nil }
                frames.store(entry, at: table.address + offset)
            }
            return format.table(table, level: level)
        }
    }

    /// Goes to `table`'s address space. What was at the old place is RAM like any other, without our secrets in it.
    func move(into table: MFN, _ memory: RangeList<MachineSpace>) {
        guard to.start != from.start else {
            log.notice("No room for Xen's image at the top of memory: it stays at 0x\(hex: from.start.address.rawValue)")
            return x86_write_cr3(table.address.rawValue)
        }
        log.notice("New Xen image base address: 0x\(hex: to.start.address.rawValue)")
        // What is written from here to the switch is written at the old place only, so one routine in registers does both.
        let base = UInt64(DirectMap.base)
        boot_move_image(
            base + to.start.address.rawValue, base + from.start.address.rawValue, from.count << pageShift,
            table.address.rawValue)
        for index in 0..<memory.count {
            let range = memory[index].range
            let first = max(range.start, from.start)
            guard first < min(range.end, from.end) else { continue }
            let count = min(range.end, from.end).rawValue - first.rawValue
            frames.zero(first.address, count: count << pageShift)
        }
    }
}

/// The image, and the lowest 2 MiB where they are, for the trampoline. Nil without frames.
private func makeStartTable(_ image: MovingImage, _ entry: UInt64, _ format: HostFormat) -> MFN? {
    guard let root = PoolFrames().allocate(), let second = PoolFrames().allocate(), let third = PoolFrames().allocate()
    else { return nil }
    frames.store(format.table(second, level: 0), at: root.address)
    frames.store(format.table(third, level: 1), at: second.address)
    frames.store(format.leaf(MFN(0), type: .hypervisorCode, level: 2), at: third.address)
    frames.store(entry, at: root.address + image.entryOffset)
    return root
}

/// Frames below 4 GiB: one for each GiB of RAM, two for each end of a range that no large page covers, and those of the image.
private func takeTableFrames(_ description: inout Description, _ image: MovingImage, below limit: MFN) -> MachineRange {
    let wanted = 72 + description.memory.frames >> 18 + UInt64(description.memory.count) * 4
    var low = description.memory
    for index in 0..<description.reserved.count { low.remove(description.reserved[index].range) }
    // It runs there still.
    low.remove(image.from)
    low.remove(MachineRange(start: MFN(0), count: 1 << 8))
    low.remove(MachineRange(start: limit, count: UInt64.max >> pageShift - limit.rawValue))
    guard let range = low.take(wanted) else { panic("no \(wanted << 2) KiB below 4 GiB for page tables") }
    return range
}
