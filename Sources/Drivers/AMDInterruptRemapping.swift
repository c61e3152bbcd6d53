// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine

/// Interrupt remapping (AMD 48882, 2.2.5): each device has a table of what its messages are, by the lower bits of their data. A
/// device without one sends none.
extension AMDIOMMU {
    /// In the third of a device table entry's four words.
    private enum Interrupts {
        static var areRemapped: UInt64 { 1 << 0 }
        static var byTable: UInt64 { 2 << 60 }
        static var address: UInt64 { 0x000f_ffff_ffff_ffc0 }
    }

    /// Bytes of an entry of such a table. A table lies at a multiple of 128.
    public static var interruptBytes: UInt64 { 4 }

    private static func word(_ device: UInt16, _ deviceTable: MachineAddress) -> MachineAddress {
        deviceTable + UInt64(device) * 32 + 16
    }

    /// Every device's messages end here, but for one's, which go by as they are. Before translation starts.
    public static func refuseInterrupts(but trusted: UInt16, _ deviceTable: MachineAddress, in memory: Memory) {
        for device in 0...UInt16.max where device != trusted {
            memory.store(Interrupts.areRemapped, at: word(device, deviceTable))
        }
    }

    /// Gives a device a table of `count` entries, a power of two up to 2048; nil: takes it away. `forget` follows.
    public static func setInterrupts(
        of device: UInt16, _ deviceTable: MachineAddress, table: (address: MachineAddress, count: Int)?, in memory: Memory
    ) {
        var entry = Interrupts.areRemapped
        if let table {
            entry |=
                Interrupts.byTable | table.address.rawValue & Interrupts.address
                | UInt64(truncatingIfNeeded: table.count.trailingZeroBitCount) << 1
        }
        memory.store(entry, at: word(device, deviceTable))
    }

    /// An entry: fixed, edge-triggered, to one processor. `forget` follows.
    public static func setInterrupt(
        _ index: Int, in table: MachineAddress, vector: UInt8, apicID: UInt8, _ memory: Memory
    ) {
        memory.store(1 | UInt32(apicID) << 8 | UInt32(vector) << 16, at: table + UInt64(index) * interruptBytes)
    }

    public static func clearInterrupt(_ index: Int, in table: MachineAddress, _ memory: Memory) {
        memory.store(0 as UInt32, at: table + UInt64(index) * interruptBytes)
    }

    /// What was remembered of a device's entry and of its messages is forgotten when this returns. False where the IOMMU does not
    /// answer.
    public mutating func forget(_ device: UInt16) -> Bool {
        queue(Command.dropDevice | UInt64(device), 0)
        queue(Command.dropInterrupts | UInt64(device), 0)
        return wait()
    }
}
