// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
public import Machine

/// The PCI functions of the hardware domain as it sees them (Xen: vPCI).
///
/// Its accesses to configuration space go to the hardware, but for what would reach other memory or interrupt others: memory
/// decoding and base addresses (mapped one to one while they are decoded), and the capabilities MSI and MSI-X, whose messages
/// are the hypervisor's own. The guest reads back what it wrote.
///
/// A function's state lies in frames of its own, with its MSI-X entries behind it. Not locked: its owner's lock.
/// Refuses to know: how configuration space is reached, page tables, interrupt controllers (`PCIHost`).
public struct VirtualPCI<Host: PCIHost>: ~Copyable {
    /// One function's place.
    struct Slot: BitwiseCopyable {
        var function = PCIFunction(rawValue: .max)
        var order: UInt32 = 0
        /// 0 for none.
        var block = MachineAddress(0)
    }

    /// 16 bytes for each function: a frame.
    private let slots: MachineAddress
    /// Slots that have been used.
    private(set) var count: UInt64 = 0
    var regions = FixedTable<ConfigurationRegion, 8>(repeating: ConfigurationRegion())
    var regionCount = 0
    /// What the guest has written to port 0xcf8.
    public var portAddress: UInt32 = 0

    /// The most functions that there is room for.
    public static var capacity: UInt64 { pageSize / 16 }

    /// Nil where there is no frame.
    public init?(_ frames: Host.Frames) {
        guard let frame = frames.allocate() else { return nil }
        slots = frame.address
    }

    // MARK: Functions

    func slot(_ index: UInt64, _ host: Host) -> Slot { host.frames.load(Slot.self, at: slots + index * 16) }

    private func setSlot(_ index: UInt64, _ slot: Slot, _ host: Host) { host.frames.store(slot, at: slots + index * 16) }

    private func index(of function: PCIFunction, _ host: Host) -> UInt64? {
        for index in 0..<count {
            let slot = slot(index, host)
            if slot.function == function, slot.block.rawValue != 0 { return index }
        }
        return nil
    }

    /// Where a function's state is; nil where it is not known.
    func block(of function: PCIFunction, _ host: Host) -> MachineAddress? {
        index(of: function, host).map { slot($0, host).block }
    }

    func state(at block: MachineAddress, _ host: Host) -> FunctionState { host.frames.load(FunctionState.self, at: block) }

    func setState(_ state: FunctionState, at block: MachineAddress, _ host: Host) { host.frames.store(state, at: block) }

    /// From now on the function's registers are watched; what it decodes is mapped. A function that is known stays as it is.
    /// Throws `.unsupported` where its header is of another kind (CardBus), and `.noMemory`.
    public mutating func add(_ function: PCIFunction, _ host: Host) throws(PCIError) {
        guard block(of: function, host) == nil else { return }
        var state = try FunctionState(probing: function, host)
        let bytes = state.recordOffset + UInt64(state.recordCount) * 4
        let frameCount = (bytes + pageSize - 1) >> pageShift
        let order = frameCount <= 1 ? 0 : 64 - (frameCount - 1).leadingZeroBitCount
        guard let index = freeSlot(host), let frame = host.frames.allocate(order: order, node: nil) else { throw .noMemory }
        let slot = Slot(function: function, order: UInt32(truncatingIfNeeded: order), block: frame.address)
        for entry in 0..<UInt64(state.messageTable.count) {
            host.frames.store(MessageEntry(), at: MessageEntry.place(entry, in: slot.block))
        }
        setSlot(index, slot, host)
        setState(state, at: slot.block, host)
        host.begin(function, records: state.records(in: slot.block), count: state.recordCount)
        if state.command & Command.memory != 0 { decode(&state, at: slot.block, command: state.command, host) }
        setState(state, at: slot.block, host)
    }

    private mutating func freeSlot(_ host: Host) -> UInt64? {
        for index in 0..<count where slot(index, host).block.rawValue == 0 { return index }
        guard count < Self.capacity else { return nil }
        count += 1
        return count - 1
    }

    /// The function is gone: its messages end. What it decoded stays mapped until the hardware domain maps something else
    /// there. Throws `.noDevice` where it is not known.
    public mutating func remove(_ function: PCIFunction, _ host: Host) throws(PCIError) {
        guard let index = index(of: function, host) else { throw .noDevice }
        let slot = slot(index, host)
        var state = state(at: slot.block, host)
        disableMessages(&state, at: slot.block, host)
        disableTable(&state, at: slot.block, host)
        host.end(function)
        setSlot(index, Slot(), host)
        host.frames.free(slot.block.frame, order: Int(slot.order))
    }
}

/// Why a function is not taken.
public enum PCIError: Error, Equatable {
    case noDevice, noMemory, unsupported
    /// Other memory-mapped configuration space is there already.
    case exists
    case invalid
}

/// A function of a device: segment in bits 16-31, bus in 8-15, device in 3-7, function in 0-2.
public struct PCIFunction: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init(segment: UInt16 = 0, bus: UInt8, devfn: UInt8) {
        rawValue = UInt32(segment) << 16 | UInt32(bus) << 8 | UInt32(devfn)
    }

    public var segment: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 16) }
    /// Bus, device and function: what the device signs its requests with.
    public var requester: UInt16 { UInt16(truncatingIfNeeded: rawValue) }

    /// As Xen writes it.
    public var name: LogLine {
        let number = UInt64(rawValue)
        return
            "\(hex: number >> 16, digits: 4):\(hex: number >> 8 & 0xff, digits: 2):\(hex: number >> 3 & 0x1f, digits: 2).\(hex: number & 7)"
    }
}

/// What the functions of a hardware domain need of the machine.
public protocol PCIHost {
    associatedtype Frames: FrameSource
    var frames: Frames { get }

    /// 1, 2 or 4 bytes at an offset that is a multiple of the width. Absent functions read as ones.
    func readConfiguration(_ function: PCIFunction, _ offset: UInt32, width: Int) -> UInt32
    func writeConfiguration(_ function: PCIFunction, _ offset: UInt32, _ value: UInt32, width: Int)

    /// Device memory: 1, 2, 4 or 8 bytes.
    func readMemory(_ address: MachineAddress, width: Int) -> UInt64
    func writeMemory(_ address: MachineAddress, _ value: UInt64, width: Int)

    /// Whether there is nothing but devices of the hardware domain's, or nothing.
    func isHole(_ range: MachineRange) -> Bool
    /// Maps device memory one to one. False where the guest has something else there, or without memory for tables.
    func map(_ range: MachineRange) -> Bool
    /// Removes such a mapping, whole or in parts. False where something else is there.
    func unmap(_ range: MachineRange) -> Bool

    /// Vectors in a row for `count` messages, a power of two, that nobody else has, at best where `message` goes. Nil where
    /// there are none.
    func takeVectors(_ count: Int, for message: GuestMessage) -> HostVector?
    /// Another vector nearer to where `message` goes, if there is one. The old one stays the caller's.
    func takeNearer(_ vector: HostVector, for message: GuestMessage) -> HostVector?
    /// What comes by the vector goes to the guest as this.
    func direct(_ vector: HostVector, to message: GuestMessage)
    /// The vector goes back. What is still on its way comes to the guest as `rest`.
    func release(_ vector: HostVector, rest: GuestMessage)
    /// The function is watched from now on: it sends no messages but those that it is let. The host has 4 bytes for each, a power
    /// of two in number, from `records` on, a multiple of 128, until `end`.
    func begin(_ function: PCIFunction, records: MachineAddress, count: Int)
    func end(_ function: PCIFunction)
    /// Lets the function send its message `index` to the vector, and says what it has to send.
    func admit(_ vector: HostVector, from function: PCIFunction, index: Int, records: MachineAddress) -> DeviceMessage
    /// The function may not send that any more.
    func dismiss(_ vector: HostVector, from function: PCIFunction, index: Int, records: MachineAddress)

    /// Something that the guest did wrong, and how often it does that is its own matter.
    func complain(_ line: LogLine)
}
