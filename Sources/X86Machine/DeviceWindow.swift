// SPDX-License-Identifier: Apache-2.0

import ArchX86
public import Base
import Containers
public import MMIO
public import Machine
import P2M
import X86

/// A page of the hypervisor's address space that shows one page of device memory after the other: for what a guest moves about.
///
/// Not locked: what it shows stays until its owner shows something else. Other processors may remember what they were shown, and
/// forget it before they look again.
public struct DeviceWindow: Sendable {
    let page: UInt64
    /// Of the page's entry in the hypervisor's tables.
    let entry: MachineAddress
    let format: HostFormat

    /// The page with `frame` in it.
    public func show(_ frame: MFN, in memory: some FrameMemory) -> MappedBus {
        memory.store(format.leaf(frame, type: .deviceDirect, level: 3), at: entry)
        x86_invalidate_page(page)
        // SAFETY: just mapped; the owner's lock keeps it.
        return unsafe MappedBus(mappedAt: UInt(page))
    }
}

extension HostAddressSpace {
    /// Nil without frames for tables.
    public mutating func makeWindow() -> DeviceWindow? {
        // Anything, so that there is an entry: nobody looks.
        guard let start = mapDevice(MachineAddress(0xfee0_0000), size: pageSize) else { return nil }
        let page = GuestAddress(UInt64(start)).frame
        guard let last = table.view.table(for: page, level: 3) else { return nil }
        return DeviceWindow(
            page: UInt64(start), entry: last.address + (page.rawValue & 511) * 8, format: table.format)
    }
}
