// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Synchronization
import Testing

@testable import Memory

/// The fake's memory, which counts how often the frame table is looked at, and says when a block is zeroed.
private final class Watched: @unchecked Sendable {
    let machine = FakeMachine(frames: 0x1700)
    var accesses = 0
    /// Called while a block is being zeroed: what other pCPUs do meanwhile.
    var whileZeroing: (() -> Void)?
}

private struct WatchedFrames: FrameMemory {
    let watched: Watched

    func pointer(to address: MachineAddress) -> UnsafeMutableRawPointer {
        if address.frame.rawValue < watched.machine.base.rawValue + CleaningWorld.tableFrames {
            watched.accesses += 1
        } else if let body = watched.whileZeroing {
            watched.whileZeroing = nil
            body()
            watched.whileZeroing = body
        }
        return watched.machine.source.pointer(to: address)
    }
    var processorHint: Int { watched.machine.processor }
}

/// Free memory of `nodes` nodes, 0x700 frames each, all dirty.
private final class CleaningWorld {
    static let tableFrames: UInt64 = 0x100
    let watched = Watched()
    let table: UnsafeMutablePointer<FrameTable<WatchedFrames>>
    let heap: FrameHeap<WatchedFrames>

    init(nodes: Int = 1) {
        let base = watched.machine.base.rawValue
        let banks = (0..<nodes).map {
            MemoryBank(
                range: MachineRange(start: MFN(base + Self.tableFrames + UInt64($0) * 0x700), count: 0x700), node: NUMANode(UInt8($0)))
        }
        let memory = WatchedFrames(watched: watched)
        memory.pointer(to: MFN(base).address).initializeMemory(as: UInt8.self, repeating: 0, count: Int(Self.tableFrames) << 12)
        table = .allocate(capacity: 1)
        table.initialize(to: FrameTable(memory: memory, base: MFN(base).address, banks: banks.span))
        heap = FrameHeap(memory: memory, table: unsafe Ref(unsafe: table))
        for bank in banks { heap.add(bank.range) }
    }

    deinit {
        table.deinitialize(count: 1)
        table.deallocate()
    }

    func scrub(on processor: Int, node: Int = 0, order: Int = 6) -> Bool {
        watched.machine.processor = processor
        return heap.scrub(order: order, node: NUMANode(UInt8(node)))
    }
}

/// Cleaning is in nobody's way: 40 pCPUs once queued for the heap's lock, frame by frame, and none got on.
@Suite struct CleaningTests {
    /// Whoever has nothing to run while another cleans his node is told to sleep, without touching the heap.
    @Test func aNodeHasOneCleaner() {
        let world = CleaningWorld()
        var (others, cost) = ([Bool](), 0)
        world.watched.whileZeroing = {
            let before = world.watched.accesses
            others = (1..<40).map { world.scrub(on: $0) }
            cost = world.watched.accesses - before
        }
        #expect(world.scrub(on: 0))
        #expect(others == [Bool](repeating: false, count: 39) && cost == 0)
        // He who comes later goes on.
        world.watched.whileZeroing = nil
        #expect(world.scrub(on: 7))
    }

    /// Two nodes are cleaned at the same time, each by its own pCPUs first.
    @Test func nodesAreCleanedSideBySide() {
        let world = CleaningWorld(nodes: 3)
        var second: [Bool] = []
        world.watched.whileZeroing = {
            second.append(world.scrub(on: 1, node: second.count == 0 ? 1 : 2))
        }
        #expect(world.scrub(on: 0))
        #expect(second.first == true)
        world.watched.whileZeroing = nil
        var steps = 0
        while world.scrub(on: 0, node: 2) { steps += 1 }
        #expect(steps >= 3 * 0x700 / 64 - 4)
        #expect(world.heap.freeFrames == 3 * 0x700)
    }

    /// Every second frame is given back, all are cleaned: each step looks at few frames, however many are clean and free.
    /// (Issue: the walk over clean blocks to the next dirty one was quadratic, with the heap's lock held.)
    @Test(arguments: [true, false]) func aStepLooksAtFewFrames(everySecond: Bool) {
        let world = CleaningWorld()
        while world.scrub(on: 0) {}
        var taken: [MFN] = []
        while let frame = world.heap.allocateUncleared(order: 0, node: nil) { taken.append(frame) }
        #expect(taken.count == 0x700)
        var most = 0
        func measured(_ body: () -> Void) {
            let before = world.watched.accesses
            body()
            most = max(most, world.watched.accesses - before)
        }
        for round in 0..<2 {
            for frame in taken where !everySecond || frame.rawValue & 1 == UInt64(round) {
                measured { world.heap.free(frame, order: 0) }
                if everySecond { measured { _ = world.scrub(on: 0) } }
            }
            if !everySecond { break }
        }
        var isLeft = true
        while isLeft { measured { isLeft = world.scrub(on: 0) } }
        // A list of 16 frames goes back to the heap at once, each merging or cut at most 18 times.
        #expect(most <= 16 * 19 * 6, "\(most) accesses")
        #expect(world.heap.freeFrames == 0x700)
    }

    /// A large block is cleaned in pieces before it is handed out, and comes clean then.
    /// (Seen: 300,000 instructions for 2 MiB without a look for interrupts.)
    @Test(arguments: [7, 8, 9]) func aLargeBlockIsCleanedInPieces(order: Int) {
        let world = CleaningWorld()
        var (zeroed, steps) = (0, 0)
        world.watched.whileZeroing = { zeroed += 1 }
        while !world.heap.isReady(order: order, on: .anywhere) {
            #expect(zeroed == 1)
            (zeroed, steps) = (0, steps + 1)
        }
        #expect(zeroed == 0 && steps >= 1 << (order - 6))
        #expect(world.heap.allocateForGuest(order: order, on: .anywhere, claimed: 0) != nil)
        #expect(zeroed == 0)
        // What is small is zeroed at once, and for what there is not nobody cleans.
        #expect(world.heap.isReady(order: 6, on: .anywhere) && world.heap.isReady(order: 17, on: .anywhere))
        #expect(zeroed == 0)
    }
}
