// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Firmware
import Sync
import XenABI

/// The loader's map by ascending addresses, for the hardware domain to ask for. Pages that it may not touch are reserved, where
/// the loader says nothing of them: the interrupt controllers'.
struct MachineMap: ~Copyable {
    private var entries = FixedTable<E820Entry, 192>(repeating: E820Entry(address: 0, length: 0, type: 0))
    private(set) var count = 0

    init(_ description: borrowing Description) {
        var start: UInt64 = 0
        while count < entries.indices.count, let entry = next(from: start, description) {
            entries[count] = entry
            count += 1
            start = entry.address &+ 1
            if start == 0 { return }
        }
    }

    func entry(_ index: Int) -> E820Entry? { index < count ? entries[index] : nil }
}

/// Keeps the map where it can be read without the description, whose tables are too large for the stack of a hypercall.
@inline(never) func keepMachineMap(_ description: borrowing Description) {
    root.state.machineMap.set(MachineMap(description))
}

/// The entry with the lowest address that is not below `start`.
private func next(from start: UInt64, _ description: borrowing Description) -> E820Entry? {
    var best: E820Entry?
    func offer(_ entry: E820Entry) {
        if entry.address >= start, entry.length > 0, entry.address < best?.address ?? .max { best = entry }
    }
    for index in 0..<description.mapCount {
        let entry = description.map[index]
        offer(E820Entry(address: entry.start, length: entry.size, type: UInt32(entry.kind.rawValue)))
    }
    for index in 0...description.ioAPICCount {
        let page = index < description.ioAPICCount ? UInt64(description.ioAPICs[index]) & ~(pageSize - 1) : 0xfee0_0000
        if !isTold(page, description) { offer(E820Entry(address: page, length: pageSize, type: E820Entry.reserved)) }
    }
    return best
}

private func isTold(_ address: UInt64, _ description: borrowing Description) -> Bool {
    for index in 0..<description.mapCount where address &- description.map[index].start < description.map[index].size {
        return true
    }
    return false
}
