// SPDX-License-Identifier: Apache-2.0

import Base
import BootCommon
import Containers
import Machine
import Memory
import Sync

func printBanner() {
    log.notice("Xen version 4.17 (swift-xen)")
}

/// Makes the frame table and the heap from `memory` without `reserved`, and prints what there is on each node.
@inline(never) func startHeap(memory: RangeList<MachineSpace>, reserved: RangeList<MachineSpace>, nodes: Int) {
    var banks = InlineArray<64, MemoryBank>(
        repeating: MemoryBank(range: MachineRange(start: MFN(0), count: 0), node: NUMANode(0)))
    let count = min(memory.count, maximumBanks)
    for index in 0..<count { banks[index] = MemoryBank(range: memory[index].range, node: NUMANode(memory[index].tag)) }
    if memory.count > count { log.warning("memory map: \(memory.count - count) ranges are not used") }
    var free = memory
    for index in 0..<reserved.count { free.remove(reserved[index].range) }
    let bytes = FrameTable<Frames>.size(of: banks.span.extracting(..<count))
    guard let place = free.take((bytes + pageSize - 1) >> pageShift) else {
        panic("no room for the frame table: \(bytes >> 10) KiB in one piece")
    }
    frames.zero(place.start.address, count: place.count << pageShift)
    root.frameTable.set(FrameTable(memory: frames, base: place.start.address, banks: banks.span.extracting(..<count)))
    root.heap.set(FrameHeap(memory: frames, table: root.frameTable.reference))
    for index in 0..<free.count { root.heap.value.add(free[index].range) }
    describe(memory, nodes: nodes)
}

private func describe(_ memory: RangeList<MachineSpace>, nodes: Int) {
    for index in 0..<memory.count {
        let range = memory[index].range
        log.notice(
            "NUMA node \(memory[index].tag): 0x\(hex: range.start.address.rawValue, digits: 10) - 0x\(hex: range.end.address.rawValue, digits: 10), \(range.count >> 8) MiB"
        )
    }
    for node in 0..<nodes {
        log.notice("NUMA node \(node): \(root.heap.value.freeFrames(on: NUMANode(UInt8(node))) >> 8) MiB free")
    }
}

/// The image's identity, from the note that the linker made.
func imageBuildID() -> InlineArray<20, UInt8> {
    // SAFETY: the linker put 20 bytes there.
    unsafe UnsafeRawPointer(boot_build_id()).loadUnaligned(as: InlineArray<20, UInt8>.self)
}
