// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import MMIO
public import Machine
import Synchronization

/// An I/O memory management unit of AMD's (AMD 48882 revision 3.07). All devices are in one domain, whose page tables have four
/// levels and are the P2M's own.
///
/// Not locked: commands are queued under the owner's lock.
public struct AMDIOMMU<Registers: Bus, Memory: FrameMemory>: Sendable {
    private enum Register {
        static var deviceTable: UInt64 { 0x00 }
        static var commands: UInt64 { 0x08 }
        static var events: UInt64 { 0x10 }
        static var control: UInt64 { 0x18 }
        static var features: UInt64 { 0x30 }
        static var commandHead: UInt64 { 0x2000 }
        static var commandTail: UInt64 { 0x2008 }
        static var eventHead: UInt64 { 0x2010 }
        static var eventTail: UInt64 { 0x2018 }
    }
    /// Bits of the control register.
    private enum Control {
        static var translates: UInt64 { 1 << 0 }
        static var logsEvents: UInt64 { 1 << 2 }
        static var isCoherent: UInt64 { 1 << 10 }
        static var takesCommands: UInt64 { 1 << 12 }
    }
    enum Command {
        static var wait: UInt64 { 1 << 60 }
        static var dropDevice: UInt64 { 2 << 60 }
        static var dropPages: UInt64 { 3 << 60 }
        static var dropInterrupts: UInt64 { 5 << 60 }
        static var dropAll: UInt64 { 8 << 60 }
        /// All pages, those of tables too.
        static var everything: UInt64 { 0x7fff_ffff_ffff_f003 }
    }
    /// The one domain's number; 0 is reserved where an IOMMU says so.
    private static var domain: UInt64 { 1 }
    /// A ring is one frame, of 16 bytes an entry.
    private static var ringBytes: UInt64 { pageSize }
    /// log2 of a ring's entries, in bits 56-59.
    private static var ringLength: UInt64 { 8 << 56 }

    let registers: Registers
    let memory: Memory
    /// Frames in a row: commands, events, the word that a wait writes.
    let rings: MachineAddress
    private var tail: UInt64 = 0
    private var waits: UInt64 = 0

    /// - Parameter rings: four zeroed frames in a row, which stay the IOMMU's.
    public init(_ registers: Registers, memory: Memory, rings: MachineAddress) {
        self.registers = registers
        self.memory = memory
        self.rings = rings
    }

    /// log2 of the frames that the device table takes: 32 bytes for each of the 65536 devices of a segment.
    public static var deviceTableOrder: Int { 9 }
    /// log2 of the frames behind `rings`.
    public static var ringOrder: Int { 2 }

    /// Gives every device of `table` the domain's page tables (48882, 2.2.2.1). Interrupts go by as they are, until `refuseInterrupts`.
    public static func fill(_ table: MachineAddress, root: MFN, in memory: Memory) {
        // Valid, with a translation of four levels, reads and writes.
        let first = root.address.rawValue | 3 | 4 << 9 | 3 << 61
        for device in 0..<UInt64(65536) {
            memory.store(first, at: table + device * 32)
            memory.store(domain, at: table + device * 32 + 8)
        }
    }

    /// Translation starts. False where the IOMMU does not answer.
    public mutating func start(deviceTable: MachineAddress) -> Bool {
        registers.write64(Register.control, 0)
        registers.write64(Register.deviceTable, deviceTable.rawValue | 511)
        registers.write64(Register.commands, rings.rawValue | Self.ringLength)
        registers.write64(Register.events, (rings + Self.ringBytes).rawValue | Self.ringLength)
        let positions: InlineArray<4, UInt64> = [
            Register.commandHead, Register.commandTail, Register.eventHead, Register.eventTail,
        ]
        for index in positions.indices { registers.write64(positions[index], 0) }
        registers.write64(
            Register.control, Control.translates | Control.logsEvents | Control.isCoherent | Control.takesCommands)
        if registers.read64(Register.features) >> 6 & 1 != 0 { queue(Command.dropAll, 0) }
        return flush()
    }

    /// No device uses a translation from before any more when this returns. False where the IOMMU does not answer.
    public mutating func flush() -> Bool {
        queue(Command.dropPages | Self.domain << 32, Command.everything)
        return wait()
    }

    /// Until all that is queued has been done.
    mutating func wait() -> Bool {
        let done = rings + 2 * Self.ringBytes
        waits &+= 1
        queue(Command.wait | done.rawValue | 1, waits)
        registers.write64(Register.commandTail, tail)
        for _ in 0..<100_000_000 {
            if memory.atomic(UInt64.self, at: done).pointee.load(ordering: .acquiring) == waits { return true }
        }
        return false
    }

    /// There is always room: whoever queues waits for the end of what is queued.
    mutating func queue(_ low: UInt64, _ high: UInt64) {
        memory.store(low, at: rings + tail)
        memory.store(high, at: rings + tail + 8)
        tail = (tail + 16) % Self.ringBytes
    }

    /// The next event of the log; nil where there is none.
    public func nextEvent() -> RemappingFault? {
        let head = registers.read64(Register.eventHead) % Self.ringBytes
        guard head != registers.read64(Register.eventTail) % Self.ringBytes else { return nil }
        let place = rings + Self.ringBytes + head
        let low = memory.load(UInt64.self, at: place)
        let address = memory.load(UInt64.self, at: place + 8)
        registers.write64(Register.eventHead, (head + 16) % Self.ringBytes)
        return RemappingFault(
            device: UInt16(truncatingIfNeeded: low), address: address, reason: UInt8(truncatingIfNeeded: low >> 60),
            isWrite: low >> 53 & 1 != 0)
    }
}

/// What a device did that it may not do.
public struct RemappingFault: Hashable, Sendable, BitwiseCopyable {
    /// Bus in bits 8-15, device in 3-7, function in 0-2.
    public let device: UInt16
    /// As the device said it.
    public let address: UInt64
    /// AMD: the event's code (48882, table 44); Intel: the fault reason (VT-d, table 25).
    public let reason: UInt8
    public let isWrite: Bool

    public init(device: UInt16, address: UInt64, reason: UInt8, isWrite: Bool) {
        self.device = device
        self.address = address
        self.reason = reason
        self.isWrite = isWrite
    }
}
