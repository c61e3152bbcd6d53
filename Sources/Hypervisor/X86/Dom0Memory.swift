// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import DomainBuilder
import Domains
import Firmware
import Machine
import Memory
import P2M
import Sync
import X86Machine
import XenABI

/// dom0's RAM is set aside before there is a heap: machine frames are guest frames at first, and remain so where devices do DMA
/// without an IOMMU. It is the lowest there is, for that is where kernels are linked to be, and in it lie the loader's modules.
func setAsideDom0Memory(_ description: inout Description, image: MachineRange) {
    guard description.moduleCount > 0, root.state.canRunDom0(description) else { return }
    var free = description.memory
    var kept = description.reserved
    // All below 640 KiB is dom0's too, the trampoline's page as well: it is not needed any more when dom0 starts.
    kept.remove(MachineRange(start: MFN(0), count: 0x100))
    kept.remove(description.information)
    for index in 0..<description.moduleCount {
        kept.remove(covering(description.modules[index].start.rawValue, description.modules[index].size))
    }
    kept.insert(image)
    for index in 0..<kept.count { free.remove(kept[index].range) }
    let wanted = dom0Frames(free: free.frames)
    var chosen = RangeList<MachineSpace>()
    for index in 0..<free.count where chosen.frames < wanted {
        let range = free[index].range
        chosen.insert(MachineRange(start: range.start, count: min(range.count, wanted - chosen.frames)))
    }
    for index in 0..<chosen.count { description.reserved.insert(chosen[index].range) }
    root.state.dom0Memory.withLock { $0 = chosen }
}

private func dom0Frames(free: UInt64) -> UInt64 {
    let bytes = free << pageShift
    // The frame table, page tables, room to unpack the kernel.
    let own = (192 << 20) + bytes / 32
    let available = bytes > own ? bytes - own : 0
    let option = root.options.value.words.dom0Memory
    let wanted = option?.bytes(available: available) ?? available
    if let size = option?.size, size.percent == 0, !size.isNegative, size.bytes > available {
        panic("dom0_mem asks for \(size.bytes >> 20) MB, but only \(available >> 20) MB are available")
    }
    return wanted >> pageShift
}

extension MachineState {
    /// Whether there is a processor to run a guest, and an I/O APIC to hand on.
    func canRunDom0(_ description: borrowing Description) -> Bool {
        if !description.canVirtualise { return false }
        return description.ioAPICCount > 0
    }
}

/// Takes the highest frame below 4 GiB that is dom0's.
func takeTablesFrame(_ memory: inout RangeList<MachineSpace>) -> MFN {
    let limit = MFN(DirectMap.bootSize >> pageShift)
    var low = memory
    low.remove(MachineRange(start: limit, count: UInt64.max >> pageShift - limit.rawValue))
    guard let frame = low.take(1) else { panic("dom0 has no memory below 4 GiB for ACPI's tables") }
    memory.remove(frame)
    return frame.start
}

// MARK: What dom0 is told

/// The map that stands in dom0's start info is what it gets by hypercall too.
func tellMemoryMap(_ domain: MetalDomain, _ info: MachineAddress) {
    let metal = Metal(pcpu: PCPU(0))
    let start = frames.load(PVH.StartInfo.self, at: info)
    guard let map = GuestMemoryMap(count: Int(start.memoryMapEntries), metal.frames) else {
        panic("no memory for dom0's memory map")
    }
    for index in 0..<Int(start.memoryMapEntries) {
        let entry = MachineAddress(start.memoryMap) + UInt64(index) * 24
        map.set(index, frames.load(E820Entry.self, at: entry), metal.frames)
    }
    domain.pointee.setMemoryMap(map, metal)
}

/// dom0's memory map: the host's, with RAM that is not dom0's own called unusable.
func writeMemoryMap(
    _ description: borrowing Description, _ memory: RangeList<MachineSpace>, tables: MFN, at address: MachineAddress
) -> UInt32 {
    var count: UInt32 = 0
    func put(_ start: UInt64, _ size: UInt64, _ type: UInt32) {
        let entry = address + UInt64(count) * 24
        guard size > 0, count < 140 else { return }
        frames.store(start, at: entry)
        frames.store(size, at: entry + 8)
        frames.store(type, at: entry + 16)
        frames.store(0 as UInt32, at: entry + 20)
        count += 1
    }
    for index in 0..<description.mapCount {
        let entry = description.map[index]
        guard entry.kind == .usable else {
            put(entry.start, entry.size, UInt32(entry.kind.rawValue))
            continue
        }
        var position = entry.start
        let end = entry.start + entry.size
        for piece in 0..<memory.count {
            let range = memory[piece].range
            let start = max(range.start.address.rawValue, position)
            let stop = min(range.end.address.rawValue, end)
            guard start < stop else { continue }
            put(position, start - position, 5)
            let table = tables.address.rawValue
            if start <= table, table < stop {
                put(start, table - start, 1)
                put(table, pageSize, 3)
                put(table + pageSize, stop - table - pageSize, 1)
            } else {
                put(start, stop - start, 1)
            }
            position = stop
        }
        put(position, end - position, 5)
    }
    return count
}
