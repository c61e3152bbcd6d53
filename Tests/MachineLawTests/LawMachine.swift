// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Foundation
import Machine
import Memory

/// RAM as an array on the host with the hypervisor's own heap and frame table over it, and a ledger of what the heap has handed
/// out. Nothing traps here: what no machine would do is noted in `fault`, so that the sequence that led there can be shrunk.
final class LawMachine: @unchecked Sendable {
    static let frames: UInt64 = 4096
    static let base = MFN(0x40000)
    /// The frame table's own frames, which are no RAM.
    private static let tableFrames: UInt64 = 32

    /// One more frame behind the last: where an access outside goes.
    fileprivate let bytes: UnsafeMutableRawPointer
    /// Whether each frame is handed out.
    let ledger: UnsafeMutablePointer<Bool>
    let table: UnsafeMutablePointer<FrameTable<LawMemory>>
    let heap: UnsafeMutablePointer<FrameHeap<LawMemory>>
    /// The first thing that no machine would do.
    var fault: String?
    /// The hypervisor's allocations until one fails; negative never fails.
    var failAfter = -1

    init() {
        let size = Int(Self.frames + 1) << 12
        bytes = .allocate(byteCount: size, alignment: 4096)
        bytes.initializeMemory(as: UInt8.self, repeating: 0xA5, count: size)
        ledger = .allocate(capacity: Int(Self.frames))
        ledger.initialize(repeating: false, count: Int(Self.frames))
        table = .allocate(capacity: 1)
        heap = .allocate(capacity: 1)
        let memory = LawMemory(machine: self)
        memory.zero(Self.base.address, count: Self.tableFrames << 12)
        let half = Self.frames / 2
        let banks = [
            MemoryBank(
                range: MachineRange(start: Self.base + Self.tableFrames, count: half - Self.tableFrames), node: NUMANode(0)),
            MemoryBank(range: MachineRange(start: Self.base + half, count: half), node: NUMANode(1)),
        ]
        table.initialize(to: FrameTable(memory: memory, base: Self.base.address, banks: banks.span))
        heap.initialize(to: FrameHeap(memory: memory, table: Ref(unsafe: table)))
        for bank in banks { heap.pointee.add(bank.range) }
    }

    deinit {
        heap.deinitialize(count: 1)
        heap.deallocate()
        table.deinitialize(count: 1)
        table.deallocate()
        ledger.deallocate()
        bytes.deallocate()
    }

    func note(_ text: @autoclosure () -> String) {
        if fault == nil { fault = text() }
    }

    /// Of a frame in the array.
    @inline(__always) static func offset(_ frame: MFN) -> Int? {
        let offset = frame.rawValue &- base.rawValue
        return offset < frames ? Int(offset) : nil
    }

    func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer { LawMemory(machine: self).pointer(to: address) }

    @inline(never) fileprivate func outside(_ address: MachineAddress) -> UnsafeMutableRawPointer {
        note("the hypervisor uses address \(String(address.rawValue, radix: 16)), which is no RAM")
        return bytes + Int(Self.frames << 12) + Int(address.rawValue & 2047)
    }

    // MARK: Frames

    func allocate(order: Int, node: NUMANode?) -> MFN? {
        if failAfter >= 0 {
            failAfter -= 1
            if failAfter < 0 { return nil }
        }
        guard let frame = heap.pointee.allocate(order: order, node: node) else { return nil }
        handOut(frame, order: order)
        return frame
    }

    func handOut(_ frame: MFN, order: Int) {
        for number in 0..<UInt64(1) << UInt64(order) {
            guard let offset = Self.offset(frame + number) else { return note("the heap hands out what is no RAM") }
            if ledger[offset] { note("frame \(Self.name(frame + number)) is handed out twice") }
            ledger[offset] = true
            lookWhetherClean(frame + number)
        }
    }

    /// All of it is zero: a few words speak for it, where they are cheap.
    func lookWhetherClean(_ frame: MFN) {
        let start = pointer(to: frame.address).assumingMemoryBound(to: UInt64.self)
        if start[0] | start[1] | start[300] | start[511] != 0 { note("frame \(Self.name(frame)) is not clean") }
    }

    func free(_ frame: MFN, order: Int) {
        for number in 0..<UInt64(1) << UInt64(order) {
            guard let offset = Self.offset(frame + number), ledger[offset] else {
                // The heap would end the hypervisor.
                return note("frame \(Self.name(frame + number)) is freed, and is free")
            }
            ledger[offset] = false
        }
        heap.pointee.free(frame, order: order)
    }

    static func name(_ frame: MFN) -> String { "0x" + String(frame.rawValue, radix: 16) }
}

/// The memory as the code under test sees it.
struct LawMemory: FrameMemory {
    unowned(unsafe) let machine: LawMachine
    /// Its first byte: the machine counts a reference each time that it is asked.
    nonisolated(unsafe) private let bytes: UnsafeMutableRawPointer

    init(machine: LawMachine) { (self.machine, bytes) = (machine, machine.bytes) }

    @inline(__always) func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        let offset = address.rawValue &- LawMachine.base.rawValue << 12
        return offset < LawMachine.frames << 12 ? bytes + Int(offset) : machine.outside(address)
    }
}

/// The heap as the code under test sees it.
struct LawFrames: FrameMemory, FrameAllocator {
    private let memory: LawMemory
    init(machine: LawMachine) { memory = LawMemory(machine: machine) }
    @inline(__always) func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer { memory.pointer(to: address) }
    func allocate(order: Int, node: NUMANode?) -> MFN? { memory.machine.allocate(order: order, node: node) }
    func free(_ frame: MFN, order: Int) { memory.machine.free(frame, order: order) }
}
