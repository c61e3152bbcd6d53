// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Drivers
import MMIO
import Machine
import Memory
import Sync
import Synchronization
import VirtualPCI
import X86Machine

/// Interrupt remapping: a device signals the vectors that it was given, and no others. Where the firmware does not say what the
/// I/O APIC signs with there is none. Calls about functions are under the lock of `HostPCI.functions`.
extension DMARemapping {
    private typealias AMD = AMDIOMMU<MappedBus, Frames>

    var remapsInterrupts: Bool { interruptTables.load(ordering: .relaxed) != 0 }

    /// Before translation starts: nobody signals anything but the I/O APIC, whose entries are the hypervisor's own. Those go by as
    /// they are: QEMU (7.2) makes edges of levels that it remaps.
    func refuseInterrupts(_ deviceTable: MachineAddress) {
        guard let ioAPICRequester else { return }
        AMD.refuseInterrupts(but: ioAPICRequester, deviceTable, in: Frames())
        interruptTables.store(deviceTable.rawValue, ordering: .relaxed)
    }

    /// The function has a table for its messages from now on.
    func begin(_ requester: UInt16, table: MachineAddress, count: Int) {
        guard remapsInterrupts, requester != ioAPICRequester else { return }
        let deviceTable = MachineAddress(interruptTables.load(ordering: .relaxed))
        AMD.setInterrupts(of: requester, deviceTable, table: (table, count), in: Frames())
        forget(requester)
    }

    func end(_ requester: UInt16) {
        guard remapsInterrupts, requester != ioAPICRequester else { return }
        let deviceTable = MachineAddress(interruptTables.load(ordering: .relaxed))
        AMD.setInterrupts(of: requester, deviceTable, table: nil, in: Frames())
        forget(requester)
    }

    /// What the function has to send for its message `index`; nil where messages go as they are.
    func admit(
        _ vector: HostVector, apicID: UInt8, from requester: UInt16, index: Int, table: MachineAddress
    ) -> DeviceMessage? {
        guard remapsInterrupts, requester != ioAPICRequester else { return nil }
        AMD.setInterrupt(index, in: table, vector: vector.vector, apicID: apicID, Frames())
        forget(requester)
        return DeviceMessage(address: 0xfee0_0000, data: UInt32(truncatingIfNeeded: index))
    }

    func dismiss(_ vector: HostVector, from requester: UInt16, index: Int, table: MachineAddress) {
        guard remapsInterrupts, requester != ioAPICRequester else { return }
        AMD.clearInterrupt(index, in: table, Frames())
        forget(requester)
    }

    private func forget(_ requester: UInt16) {
        let isDone = units.withLock { units in
            for index in 0..<units.count {
                guard case .amd(var unit)? = units.list[index] else { continue }
                let isDone = unit.forget(requester)
                units.list[index] = .amd(unit)
                if !isDone { return false }
            }
            return true
        }
        if !isDone { panic("an IOMMU does not answer") }
    }
}
