// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Firmware
import Sync
import XenABI

/// Entry `index` of the loader's map by ascending addresses. Pages that the hardware domain may not touch are reserved, where
/// the loader says nothing of them: the interrupt controllers'.
func machineMap(entry index: Int) -> E820Entry? {
    root.state.description.withLock { description in
        var found = next(from: 0, description)
        for _ in 0..<index {
            guard let entry = found else { return nil }
            found = next(from: entry.address + 1, description)
        }
        return found
    }
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
