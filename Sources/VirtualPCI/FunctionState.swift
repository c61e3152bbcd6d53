// SPDX-License-Identifier: Apache-2.0

import Base
import Machine

/// Offsets in configuration space (PCI Local Bus 3.0, 6.1).
enum ConfigurationOffset {
    static var command: UInt32 { 0x04 }
    static var status: UInt32 { 0x06 }
    static var headerType: UInt32 { 0x0e }
    static var firstBAR: UInt32 { 0x10 }
    static var capabilities: UInt32 { 0x34 }
}

/// Bits of the command register.
enum Command {
    static var memory: UInt16 { 1 << 1 }
}

/// A base address register.
struct BaseAddress: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        case empty, io, memory32, memory64
        /// The upper half of the one before.
        case high
        case rom
    }
    var kind = Kind.empty
    var isPrefetchable = false
    /// The guest has it in its memory.
    var isEnabled = false
    var address: UInt64 = 0
    /// In bytes.
    var size: UInt64 = 0

    /// Whether there is memory behind it.
    var isMemory: Bool { (kind == .memory32 || kind == .memory64 || kind == .rom) && size > 0 }
    /// The frames that it touches; none where it runs past the end of all addresses.
    var frames: MachineRange {
        let sum = address.addingReportingOverflow(size)
        guard size > 0, !sum.overflow, let end = alignedUp(sum.partialValue, to: pageSize) else {
            return MachineRange(start: MFN(0), count: 0)
        }
        let first = MachineAddress(address).frame
        return MachineRange(start: first, count: end >> pageShift - first.rawValue)
    }
    /// The bits of an address.
    var mask: UInt64 { 0 &- size & ~0xf }
    /// What of the lower register says what kind it is.
    var flags: UInt32 { (kind == .memory64 ? 4 : 0) | (isPrefetchable ? 8 : 0) }
}

/// Capability 5 (PCI Local Bus 3.0, 6.8.1).
struct MessageCapability: BitwiseCopyable {
    /// 0 for none.
    var offset: UInt32 = 0
    var is64Bit = false
    var hasMask = false
    var isEnabled = false
    /// Messages that the device may have, and that the guest has given it: powers of two up to 32.
    var maximum = 1
    var count = 1
    var address: UInt64 = 0
    var data: UInt16 = 0
    var mask: UInt32 = 0
    /// While it is enabled: the vector of its first message.
    var vector = HostVector.none
    var taken = 0

    var dataOffset: UInt32 { offset + (is64Bit ? 12 : 8) }
    var maskOffset: UInt32 { offset + (is64Bit ? 16 : 12) }
    var control: UInt16 {
        UInt16(truncatingIfNeeded: maximum.trailingZeroBitCount << 1 | count.trailingZeroBitCount << 4)
            | (isEnabled ? 1 : 0) | (is64Bit ? 1 << 7 : 0) | (hasMask ? 1 << 8 : 0)
    }
    var message: GuestMessage { GuestMessage(address: address, data: UInt32(data)) }
}

/// Capability 17 (PCI Local Bus 3.0, 6.8.2).
struct MessageTable: BitwiseCopyable {
    /// 0 for none.
    var offset: UInt32 = 0
    var isEnabled = false
    /// All entries at once.
    var isMasked = false
    /// 1 to 2048; 0 where there is no table.
    var count = 0
    /// Where the table and the pending bits are: base address register in bits 0-2, the rest an offset.
    var table: UInt32 = 0
    var pending: UInt32 = 0

    var control: UInt16 {
        UInt16(truncatingIfNeeded: count - 1) | (isMasked ? 1 << 14 : 0) | (isEnabled ? 1 << 15 : 0)
    }
    var tableBytes: UInt64 { UInt64(count) * 16 }
    /// A bit for each entry, in words of 64.
    var pendingBytes: UInt64 { (UInt64(count) + 63) / 64 * 8 }
}

/// What is kept of an entry of such a table.
struct MessageEntry: BitwiseCopyable {
    var address: UInt64 = 0
    var data: UInt32 = 0
    var vector = HostVector.none
    var isMasked = true
    /// Has been written since the device was told.
    var isChanged = false

    static var size: UInt64 { UInt64(MemoryLayout<MessageEntry>.stride) }
    static func place(_ index: UInt64, in block: MachineAddress) -> MachineAddress {
        block + FunctionState.size + index * size
    }
    var message: GuestMessage { GuestMessage(address: address, data: data) }
}

/// What is kept of a function.
struct FunctionState: BitwiseCopyable {
    let function: PCIFunction
    /// As it was found.
    let command: UInt16
    /// Base addresses besides the ROM's: 6, 2 for a bridge; 0 where they are left alone.
    private(set) var baseCount = 0
    /// Of the ROM's register.
    private(set) var romOffset: UInt32 = 0
    /// The last is the ROM's.
    var bases = InlineArray<7, BaseAddress>(repeating: BaseAddress())
    var isDecoded = false
    var romIsEnabled = false
    var messages = MessageCapability()
    var messageTable = MessageTable()

    /// Bytes before the entries.
    static var size: UInt64 { 512 }
    static var rom: Int { 6 }

    /// Reads what there is; sizes the base addresses, with decoding off meanwhile.
    init<Host: PCIHost>(probing function: PCIFunction, _ host: Host) throws(PCIError) {
        self.function = function
        command = UInt16(truncatingIfNeeded: host.readConfiguration(function, ConfigurationOffset.command, width: 2))
        switch host.readConfiguration(function, ConfigurationOffset.headerType, width: 1) & 0x7f {
        case 0: (baseCount, romOffset) = (6, 0x30)
        case 1: (baseCount, romOffset) = (2, 0x38)
        default: throw .unsupported
        }
        let decodes = command & Command.memory != 0
        if decodes {
            host.writeConfiguration(function, ConfigurationOffset.command, UInt32(command & ~Command.memory), width: 2)
        }
        var index = 0
        while index < baseCount { index += probeBase(index, host) }
        probeROM(host)
        if decodes { host.writeConfiguration(function, ConfigurationOffset.command, UInt32(command), width: 2) }
        probeCapabilities(host)
    }

    /// Records of the host's: of 32 messages, the most without a table, or as many as that has, rounded up to a power of two.
    var recordCount: Int {
        let count = max(32, messageTable.count)
        return 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount)
    }
    /// Bytes before them.
    var recordOffset: UInt64 {
        (Self.size + UInt64(messageTable.count) * MessageEntry.size + 127) & ~127
    }
    func records(in block: MachineAddress) -> MachineAddress { block + recordOffset }

    func offset(ofBase index: Int) -> UInt32 {
        index == Self.rom ? romOffset : ConfigurationOffset.firstBAR + UInt32(index) * 4
    }

    /// Returns how many registers it takes.
    private mutating func probeBase<Host: PCIHost>(_ index: Int, _ host: Host) -> Int {
        let offset = offset(ofBase: index)
        let low = host.readConfiguration(function, offset, width: 4)
        if low & 1 != 0 {
            bases[index].kind = .io
            return 1
        }
        let isWide = low >> 1 & 3 == 2
        // A lower half without an upper one is nothing.
        if isWide, index + 1 == baseCount { return 1 }
        let high = isWide ? host.readConfiguration(function, offset + 4, width: 4) : 0
        host.writeConfiguration(function, offset, .max, width: 4)
        if isWide { host.writeConfiguration(function, offset + 4, .max, width: 4) }
        var mask = UInt64(host.readConfiguration(function, offset, width: 4) & ~0xf)
        if isWide {
            mask |= UInt64(host.readConfiguration(function, offset + 4, width: 4)) << 32
            host.writeConfiguration(function, offset + 4, high, width: 4)
        } else if mask != 0 {
            mask |= 0xffff_ffff << 32
        }
        host.writeConfiguration(function, offset, low, width: 4)
        guard mask != 0 else { return isWide ? 2 : 1 }
        bases[index].kind = isWide ? .memory64 : .memory32
        bases[index].isPrefetchable = low & 8 != 0
        bases[index].address = UInt64(high) << 32 | UInt64(low & ~0xf)
        bases[index].size = 0 &- mask
        if isWide { bases[index + 1].kind = .high }
        return isWide ? 2 : 1
    }

    private mutating func probeROM<Host: PCIHost>(_ host: Host) {
        let old = host.readConfiguration(function, romOffset, width: 4)
        host.writeConfiguration(function, romOffset, ~0x7ff, width: 4)
        let mask = host.readConfiguration(function, romOffset, width: 4) & ~0x7ff
        host.writeConfiguration(function, romOffset, old, width: 4)
        guard mask != 0 else { return }
        romIsEnabled = old & 1 != 0
        bases[Self.rom].kind = .rom
        bases[Self.rom].address = UInt64(old & ~0x7ff)
        bases[Self.rom].size = UInt64(0 &- mask)
    }

    private mutating func probeCapabilities<Host: PCIHost>(_ host: Host) {
        guard host.readConfiguration(function, ConfigurationOffset.status, width: 2) >> 4 & 1 != 0 else { return }
        var offset = host.readConfiguration(function, ConfigurationOffset.capabilities, width: 1) & ~3
        // No more fit behind the header, so a list that goes in circles ends.
        for _ in 0..<48 {
            guard offset >= 0x40 else { return }
            let word = host.readConfiguration(function, offset, width: 4)
            let control = word >> 16
            switch word & 0xff {
            case 0x05 where messages.offset == 0 && offset <= 0xe4: probeMessages(offset, control)
            case 0x11 where messageTable.offset == 0 && offset <= 0xf4: probeTable(offset, control, host)
            default: break
            }
            offset = word >> 8 & 0xfc
        }
    }

    private mutating func probeMessages(_ offset: UInt32, _ control: UInt32) {
        messages.offset = offset
        messages.is64Bit = control >> 7 & 1 != 0
        messages.hasMask = control >> 8 & 1 != 0
        messages.maximum = 1 << Int(min(5, control >> 1 & 7))
    }

    private mutating func probeTable<Host: PCIHost>(_ offset: UInt32, _ control: UInt32, _ host: Host) {
        let table = host.readConfiguration(function, offset + 4, width: 4)
        let pending = host.readConfiguration(function, offset + 8, width: 4)
        // Where no register is there is no table that anybody could reach.
        guard table & 7 < 6, pending & 7 < 6 else { return }
        messageTable.offset = offset
        messageTable.count = Int(control & 0x7ff) + 1
        messageTable.table = table
        messageTable.pending = pending
    }
}
