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

/// Leaves the address space of boot/x86_64/entry.S for one in which the direct map holds RAM and nothing else, with the
/// image's code and constants read-only. Takes the frames for it out of `description`'s memory.
@inline(never)
func makeAddressSpace(_ description: inout Description, image: MachineRange, format: HostFormat) -> HostAddressSpace<
    PoolFrames
> {
    let pool = takeTableFrames(&description)
    root.state.tableFrames.withLock { $0.left = pool }
    description.reserved.insert(pool)
    guard let table = PoolFrames().allocate() else { panic("no frames for page tables") }
    // The image's entry is the one that is kept.
    let old = image.start.address + (boot_host_table() - boot_image_start())
    let entry = (boot_image_start() >> 39) * 8
    frames.store(frames.load(UInt64.self, at: old + entry), at: table.address + entry)

    var space = HostAddressSpace(root: table.address, format: format, frames: PoolFrames())
    var isMapped = true
    for index in 0..<description.memory.count { isMapped = space.mapRAM(description.memory[index].range) && isMapped }
    let constants = MachineRange(start: image.start, count: (boot_rodata_end() - boot_image_start()) >> pageShift)
    isMapped = space.mapRAM(constants, readOnly: true) && isMapped
    guard isMapped else { panic("no page-table frames left to map memory") }
    x86_write_cr3(table.address.rawValue)
    return space
}

/// Frames below 4 GiB: one for each GiB of RAM, and two for each end of a range that no large page covers.
private func takeTableFrames(_ description: inout Description) -> MachineRange {
    let wanted = 64 + description.memory.frames >> 18 + UInt64(description.memory.count) * 4
    var low = description.memory
    for index in 0..<description.reserved.count { low.remove(description.reserved[index].range) }
    low.remove(MachineRange(start: MFN(0), count: 1 << 8))
    let limit = DirectMap.bootSize >> pageShift
    low.remove(MachineRange(start: MFN(limit), count: UInt64.max >> pageShift - limit))
    guard let range = low.take(wanted) else { panic("no \(wanted << 2) KiB below 4 GiB for page tables") }
    return range
}
