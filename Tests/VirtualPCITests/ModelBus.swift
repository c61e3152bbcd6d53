// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support

@testable import VirtualPCI

/// A PCI function as hardware has it: registers with the bits that can be written, memory behind the base addresses.
final class ModelFunction {
    var registers = [UInt8](repeating: 0, count: 4096)
    var writable = [UInt8](repeating: 0, count: 4096)
    let size: [UInt64]

    /// - Parameters:
    ///   - bases: bytes and whether it is a 64-bit one, by register; 0 for none.
    ///   - msi: control word of capability 5, if any.
    ///   - table: entries of capability 17, if any: in base address 0, the table from its start, pending bits behind 0x800.
    init(bases: [(size: UInt64, isWide: Bool)] = [], rom: UInt32 = 0, msi: UInt16? = nil, table: UInt16? = nil) {
        size = bases.map(\.size)
        put(0, 0x1234_8086, 4)
        put(4, 0x0010_0000, 4)
        writable[4] = 7
        var register = 0x10
        for base in bases {
            put(register, base.isWide ? 4 : 0, 4)
            let mask = 0 &- base.size & ~0xf
            if base.size > 0 { allow(register, UInt32(truncatingIfNeeded: mask)) }
            if base.isWide { allow(register + 4, UInt32(truncatingIfNeeded: mask >> 32)) }
            register += base.isWide ? 8 : 4
        }
        if rom > 0 { allow(0x30, 0 &- rom | 1) }
        put(0x34, 0x40, 1)
        put(0x40, msi != nil ? 0x5005 : 0x5009, 2)
        if let msi { addMessages(msi) }
        put(0x70, 0x0009, 2)
        put(0x50, 0x7009, 2)
        guard let table else { return }
        put(0x70, 0x0011, 2)
        put(0x72, UInt32(table - 1), 2)
        allow(0x70, 0xc000_0000)
        put(0x74, 0, 4)
        put(0x78, 0x800, 4)
    }

    private func addMessages(_ control: UInt16) {
        put(0x42, UInt32(control), 2)
        allow(0x40, 0x0071_0000)
        allow(0x44, ~3)
        let is64 = control >> 7 & 1 != 0
        if is64 { allow(0x48, .max) }
        allow(is64 ? 0x4c : 0x48, 0xffff)
        // The mask would be behind 0x50: those with one have it where the next capability does not matter.
    }

    func put(_ offset: Int, _ value: UInt32, _ width: Int) {
        for index in 0..<width { registers[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(index * 8)) }
    }
    func allow(_ offset: Int, _ mask: UInt32) {
        for index in 0..<4 { writable[offset + index] |= UInt8(truncatingIfNeeded: mask >> UInt32(index * 8)) }
    }
    func peek(_ offset: Int, _ width: Int) -> UInt32 {
        (0..<width).reduce(0) { $0 | UInt32(registers[offset + $1]) << UInt32($1 * 8) }
    }
    func write(_ offset: Int, _ value: UInt32, _ width: Int) {
        for index in 0..<width {
            let mask = writable[offset + index]
            let byte = UInt8(truncatingIfNeeded: value >> UInt32(index * 8))
            registers[offset + index] = registers[offset + index] & ~mask | byte & mask
        }
    }

    var decodes: Bool { peek(4, 2) & 2 != 0 }
    var message: DeviceMessage {
        let is64 = peek(0x42, 2) >> 7 & 1 != 0
        let high = is64 ? UInt64(peek(0x48, 4)) << 32 : 0
        return DeviceMessage(address: high | UInt64(peek(0x44, 4)), data: peek(is64 ? 0x4c : 0x48, 2))
    }
}

/// The machine around it.
final class ModelMachine: @unchecked Sendable {
    let memory = FakeMachine(frames: 64)
    let vectors: MessageVectors<FakeFrames>
    var functions: [PCIFunction: ModelFunction] = [:]
    /// Device memory, by byte.
    var bytes: [UInt64: UInt8] = [:]
    var mapped: Set<UInt64> = []
    /// Frames where the guest has something else, and where RAM is.
    var occupied: Set<UInt64> = []
    var claimed: Range<UInt64> = 0x100..<0x200
    var complaints: [String] = []
    var records: [PCIFunction: MachineAddress] = [:]
    /// Widths of accesses that no bus has.
    var odd = 0

    init(processors: Int = 4) {
        let order = MessageVectors<FakeFrames>.order(processors: processors)
        let words = memory.source.allocate(order: order, node: nil)!
        vectors = MessageVectors(memory.source, words: words.address, processors: processors)
    }

    var taken: Int { (0..<vectors.processors).reduce(0) { $0 + vectors.taken(at: $1) } }
    /// What the guest gets when a device sends this.
    func delivered(_ message: DeviceMessage) -> GuestMessage {
        vectors.message(HostVector(processor: Int(message.address >> 12 & 0xff), vector: UInt8(message.data & 0xff)))
    }
    func word(_ address: UInt64) -> UInt64 {
        (0..<4).reduce(0) { $0 | UInt64(bytes[address + $1] ?? 0) << ($1 * 8) }
    }
}

struct ModelHost: PCIHost {
    let machine: ModelMachine
    var frames: FakeFrames { machine.memory.source }

    private func check(_ offset: UInt64, _ width: Int) {
        if ![1, 2, 4, 8].contains(width) || offset % UInt64(width) != 0 { machine.odd += 1 }
    }
    func readConfiguration(_ function: PCIFunction, _ offset: UInt32, width: Int) -> UInt32 {
        check(UInt64(offset), width)
        return machine.functions[function]?.peek(Int(offset), width) ?? .max
    }
    func writeConfiguration(_ function: PCIFunction, _ offset: UInt32, _ value: UInt32, width: Int) {
        check(UInt64(offset), width)
        machine.functions[function]?.write(Int(offset), value, width)
    }
    func readMemory(_ address: MachineAddress, width: Int) -> UInt64 {
        check(address.rawValue, width)
        return (0..<UInt64(width)).reduce(0) { $0 | UInt64(machine.bytes[address.rawValue + $1] ?? 0) << ($1 * 8) }
    }
    func writeMemory(_ address: MachineAddress, _ value: UInt64, width: Int) {
        check(address.rawValue, width)
        for index in 0..<UInt64(width) {
            machine.bytes[address.rawValue + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
        }
    }
    private func frames(_ range: MachineRange) -> Range<UInt64> { range.start.rawValue..<range.end.rawValue }
    func isHole(_ range: MachineRange) -> Bool { !frames(range).overlaps(machine.claimed) }
    func map(_ range: MachineRange) -> Bool {
        guard machine.occupied.isDisjoint(with: frames(range)) else { return false }
        machine.mapped.formUnion(frames(range))
        return true
    }
    func unmap(_ range: MachineRange) -> Bool {
        guard machine.occupied.isDisjoint(with: frames(range)) else { return false }
        machine.mapped.subtract(frames(range))
        return true
    }
    private func processor(_ message: GuestMessage) -> Int { Int(message.destination) % machine.vectors.processors }
    func takeVectors(_ count: Int, for message: GuestMessage) -> HostVector? {
        machine.vectors.take(count, at: processor(message))
    }
    func takeNearer(_ vector: HostVector, for message: GuestMessage) -> HostVector? {
        processor(message) == vector.processor ? nil : machine.vectors.take(onlyAt: processor(message))
    }
    func direct(_ vector: HostVector, to message: GuestMessage) { machine.vectors.direct(vector, to: message) }
    func release(_ vector: HostVector, rest: GuestMessage) { machine.vectors.release(vector, rest: rest) }
    func admit(_ vector: HostVector, from function: PCIFunction, index: Int, records: MachineAddress) -> DeviceMessage {
        precondition(machine.records[function] == records)
        frames.store(UInt32(vector.rawValue), at: records + UInt64(index) * 4)
        return DeviceMessage(vector: vector.vector, apicID: UInt8(vector.processor))
    }
    /// A word for each message that the function may send.
    func begin(_ function: PCIFunction, records: MachineAddress, count: Int) {
        machine.records[function] = records
        precondition(records.rawValue % 128 == 0)
        for index in 0..<UInt64(count) { frames.store(0 as UInt32, at: records + index * 4) }
    }
    func end(_ function: PCIFunction) { machine.records[function] = nil }
    func dismiss(_ vector: HostVector, from function: PCIFunction, index: Int, records: MachineAddress) {
        precondition(machine.records[function] == records)
        frames.store(0 as UInt32, at: records + UInt64(index) * 4)
    }
    func complain(_ line: LogLine) {
        machine.complaints.append(String(decoding: (0..<line.count).map { line.bytes[$0] }, as: UTF8.self))
    }
}
