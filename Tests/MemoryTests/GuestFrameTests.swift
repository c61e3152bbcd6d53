// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Testing

@testable import Memory

/// Memory behind a cache that never writes back by itself: loads and stores go to the cache, a guest may read what is behind it.
private final class CachedMemory: @unchecked Sendable {
    let cache = FakeMachine(frames: 0x900)
    let memory = FakeMachine(frames: 0x900)

    /// What a mapping that goes past the caches shows of a frame.
    func behind(_ frame: MFN, _ offset: UInt64) -> UInt64 {
        let index = frame.rawValue - cache.base.rawValue + memory.base.rawValue
        return memory.source.pointer(to: MFN(index).address + offset).load(as: UInt64.self)
    }
}

private struct CachedFrames: FrameMemory {
    let machine: CachedMemory
    func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer { machine.cache.source.pointer(to: address) }
    func cleanToMemory(_ address: MachineAddress, count: UInt64) {
        let index = address.rawValue - machine.cache.base.address.rawValue + machine.memory.base.address.rawValue
        machine.memory.source.pointer(to: MachineAddress(index))
            .copyMemory(from: machine.cache.source.pointer(to: address), byteCount: Int(count))
    }
}

@Suite struct GuestFrameTests {
    /// Whoever had a frame before, a guest that reads past the caches finds zeros in it; also where it was cleaned in the background.
    @Test(arguments: [0, 3], [false, true]) func nothingIsLeftBehindTheCache(order: Int, isScrubbed: Bool) {
        let machine = CachedMemory()
        let base = machine.cache.base
        let memory = CachedFrames(machine: machine)
        memory.pointer(to: base.address).initializeMemory(as: UInt8.self, repeating: 0, count: 0x100 << 12)
        let bank = MemoryBank(range: MachineRange(start: MFN(base.rawValue + 0x100), count: 0x800), node: NUMANode(0))
        let banks = [bank]
        let table = UnsafeMutablePointer<FrameTable<CachedFrames>>.allocate(capacity: 1)
        table.initialize(to: FrameTable(memory: memory, base: base.address, banks: banks.span))
        defer { table.deallocate() }
        let heap = FrameHeap(memory: memory, table: unsafe Ref(unsafe: table))
        heap.add(bank.range)
        let count: UInt64 = 1 << UInt64(order)
        // Everything has been somebody's, whose secrets have reached memory.
        var taken: [MFN] = []
        while let frame = heap.allocate(order: order, node: nil) {
            memory.pointer(to: frame.address).initializeMemory(as: UInt8.self, repeating: 0x5a, count: Int(count) << 12)
            memory.cleanToMemory(frame.address, count: count << 12)
            taken.append(frame)
        }
        #expect(!taken.isEmpty)
        for frame in taken { heap.free(frame, order: order) }
        if isScrubbed { while heap.scrub() {} }
        let frame = heap.allocateForGuest(order: order, on: .anywhere, claimed: 0)!
        for page in 0..<count {
            for offset in stride(from: UInt64(0), to: pageSize, by: 8) {
                guard machine.behind(frame + page, offset) == 0 else {
                    Issue.record("what the owner before had is at \(offset) of page \(page)")
                    return
                }
            }
        }
        // A frame of ours, with what is in it.
        let shared = heap.allocate(order: 0, node: nil)!
        memory.pointer(to: shared.address).storeBytes(of: 0x1234, as: UInt64.self)
        heap.willShow(shared)
        #expect(machine.behind(shared, 0) == 0x1234 && machine.behind(shared, 8) == 0)
    }
}
