// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import MMIO
public import Machine

/// A DMA remapping unit of Intel's (Intel VT-d specification 3.4). All devices are in one domain, whose second-stage page tables
/// are the P2M's own.
///
/// Not locked: invalidations are under the owner's lock.
public struct IntelIOMMU<Registers: Bus>: Sendable {
    private enum Register {
        static var capability: UInt64 { 0x08 }
        static var extendedCapability: UInt64 { 0x10 }
        static var command: UInt64 { 0x18 }
        static var status: UInt64 { 0x1c }
        static var rootTable: UInt64 { 0x20 }
        static var context: UInt64 { 0x28 }
        static var faultStatus: UInt64 { 0x34 }
    }
    /// Bits of the global command register, which the status register shows once they are done.
    private enum Command {
        static var translate: UInt32 { 1 << 31 }
        static var setRoot: UInt32 { 1 << 30 }
        static var flushWriteBuffer: UInt32 { 1 << 27 }
        /// What stays as it is from one command to the next (11.4.4.1).
        static var kept: UInt32 { 0x96ff_ffff }
    }

    let registers: Registers
    let capability: UInt64
    let extendedCapability: UInt64

    public init(_ registers: Registers) {
        self.registers = registers
        capability = registers.read64(Register.capability)
        extendedCapability = registers.read64(Register.extendedCapability)
    }

    /// Levels of page tables that it walks: four where it can, else three; nil for neither.
    public var levels: Int? {
        let widths = capability >> 8 & 0x1f
        return widths & 4 != 0 ? 4 : widths & 2 != 0 ? 3 : nil
    }
    /// Whether it walks entries of 2 MiB.
    public var hasLargePages: Bool { capability >> 34 & 1 != 0 }
    public var hasHugePages: Bool { capability >> 35 & 1 != 0 }
    /// Whether it sees what the processor's caches hold of page tables.
    public var isCoherent: Bool { extendedCapability & 1 != 0 }
    /// Whether it remembers also what is absent (caching mode).
    public var remembersAbsence: Bool { capability >> 7 & 1 != 0 }

    /// Gives every device the domain's page tables: a root table whose 256 entries lead to one context table of 256 (9.1, 9.3).
    public static func fill<Memory: FrameMemory>(
        _ rootTable: MachineAddress, contextTable: MachineAddress, root: MFN, levels: Int, in memory: Memory
    ) {
        for index in 0..<UInt64(256) {
            memory.store(contextTable.rawValue | 1, at: rootTable + index * 16)
            memory.store(root.address.rawValue | 1, at: contextTable + index * 16)
            // Domain 1 and the address width: 1 for three levels, 2 for four.
            memory.store(UInt64(1 << 8) | UInt64(truncatingIfNeeded: levels - 2), at: contextTable + index * 16 + 8)
        }
    }

    /// Translation starts. False where the unit does not answer.
    public func start(rootTable: MachineAddress) -> Bool {
        if registers.read32(Register.status) & Command.translate != 0, !command(Command.translate, isOn: false) {
            return false
        }
        registers.write64(Register.rootTable, rootTable.rawValue)
        guard command(Command.setRoot, isOn: true) else { return false }
        // All context entries: bits 61-62 say of what, bit 63 is done when it is clear.
        registers.write64(Register.context, 1 << 63 | 1 << 61)
        guard settles({ registers.read64(Register.context) >> 63 == 0 }), flush() else { return false }
        return command(Command.translate, isOn: true)
    }

    private func command(_ bit: UInt32, isOn: Bool) -> Bool {
        let status = registers.read32(Register.status) & Command.kept
        registers.write32(Register.command, isOn ? status | bit : status & ~bit)
        return settles { (registers.read32(Register.status) & bit != 0) == isOn }
    }

    /// No device uses a translation from before any more when this returns. False where the unit does not answer.
    public func flush() -> Bool {
        if capability >> 4 & 1 != 0 {
            let status = registers.read32(Register.status) & Command.kept
            registers.write32(Register.command, status | Command.flushWriteBuffer)
            guard settles({ registers.read32(Register.status) & Command.flushWriteBuffer == 0 }) else { return false }
        }
        // All entries, and reads and writes that are on their way are waited for where it can (bits 48, 49).
        let register = (extendedCapability >> 8 & 0x3ff) * 16 + 8
        registers.write64(register, 1 << 63 | 1 << 60 | (capability >> 54 & 3) << 48)
        return settles { registers.read64(register) >> 63 == 0 }
    }

    private func settles(_ isDone: () -> Bool) -> Bool {
        for _ in 0..<10_000_000 where isDone() { return true }
        return false
    }

    /// The next fault recorded, which then makes room for another; nil where there is none.
    public func nextFault() -> RemappingFault? {
        let first = (capability >> 24 & 0x3ff) * 16
        let count = (capability >> 40 & 0xff) + 1
        guard registers.read32(Register.faultStatus) & 3 != 0 else { return nil }
        for index in 0..<count {
            let place = first + index * 16
            let high = registers.read64(place + 8)
            guard high >> 63 != 0 else { continue }
            let address = registers.read64(place) & ~0xfff
            registers.write32(place + 12, 1 << 31)
            return RemappingFault(
                device: UInt16(truncatingIfNeeded: high), address: address, reason: UInt8(truncatingIfNeeded: high >> 32),
                isWrite: high >> 62 & 1 == 0)
        }
        // Some were lost.
        registers.write32(Register.faultStatus, 1)
        return nil
    }
}
