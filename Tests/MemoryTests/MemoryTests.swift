// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Foundation
import Machine
import Memory
import Support
import Testing

/// Machine memory of two nodes with holes, and a heap over it. The frame table takes the fake's first frames.
final class MemoryWorld {
    static let base: UInt64 = 0x40000
    /// Start and frames of a bank, from `base` on, and its node. At 0x310 the nodes
    /// meet in the middle of an aligned block; the last two banks meet on one node.
    static let banks: [(start: UInt64, count: UInt64, node: UInt8)] = [
        (0x21, 0x1d7, 0), (0x203, 0x10d, 0), (0x310, 0x170, 1), (0x500, 0x40, 1), (0x540, 0x1c0, 1),
    ]

    let machine = FakeMachine(frames: 0x700, base: MFN(base))
    let storage: UnsafeMutablePointer<FrameTable<FakeFrames>>
    let heap: FrameHeap<FakeFrames>

    init() {
        let memory = machine.source
        let list = Self.banks.map {
            MemoryBank(range: MachineRange(start: MFN(Self.base + $0.start), count: $0.count), node: NUMANode($0.node))
        }
        let size = FrameTable<FakeFrames>.size(of: list.span)
        precondition(size <= 0x20 << 12)
        memory.pointer(to: MFN(Self.base).address).initializeMemory(as: UInt8.self, repeating: 0, count: Int(size))
        storage = .allocate(capacity: 1)
        storage.initialize(to: FrameTable(memory: memory, base: MFN(Self.base).address, banks: list.span))
        heap = FrameHeap(memory: memory, table: unsafe Ref(unsafe: storage))
        for bank in list { heap.add(bank.range) }
    }

    deinit {
        storage.deinitialize(count: 1)
        storage.deallocate()
    }

    static func node(_ frame: UInt64) -> UInt8? {
        banks.first { frame >= base + $0.start && frame < base + $0.start + $0.count }?.node
    }
    static let frames: [UInt64] = banks.flatMap { (base + $0.start)..<(base + $0.start + $0.count) }

    /// The largest aligned blocks that the frames make, as counts by order, by node.
    static func blocks(_ free: Set<UInt64>, node: UInt8) -> [Int] {
        var counts = [Int](repeating: 0, count: maximumOrder + 1)
        var left = free.filter { Self.node($0) == node }
        for order in stride(from: 11, through: 0, by: -1) {
            let size: UInt64 = 1 << UInt64(order)
            for start in left.filter({ $0 % size == 0 }) where (start..<start + size).allSatisfy(left.contains) {
                left.subtract(start..<start + size)
                counts[order] += 1
            }
        }
        return counts
    }

    /// Takes every block, the largest first, and gives all back. Says how many of each order there were, by node.
    func drain() -> [[Int]] {
        var taken: [(MFN, Int)] = []
        var counts = [[Int]](repeating: [Int](repeating: 0, count: maximumOrder + 1), count: 2)
        for order in stride(from: maximumOrder, through: 0, by: -1) {
            while let frame = heap.allocateUncleared(order: order, node: nil) {
                taken.append((frame, order))
                counts[Int(Self.node(frame.rawValue) ?? 9)][order] += 1
            }
        }
        for (frame, order) in taken { heap.free(frame, order: order) }
        return counts
    }

    /// Scrubs until nothing is dirty. False where that takes more steps than there are frames.
    func scrubAll(order: Int = 4) -> Bool {
        var steps = Self.frames.count
        for processor in 0..<3 {
            machine.processor = processor
            while heap.scrub(order: order) { steps -= 1 }
        }
        return steps >= 0
    }

    func isZero(_ frame: UInt64) -> Bool {
        let words = UnsafeRawBufferPointer(start: machine.source.pointer(to: MFN(frame).address), count: 4096)
        return words.bindMemory(to: UInt64.self).withContiguousStorageIfAvailable { words in
            // First, last and some between: zeroing is by page.
            stride(from: 0, through: 511, by: 73).allSatisfy { words[$0] == 0 }
        } ?? false
    }

    func soil(_ frame: UInt64, order: Int) {
        machine.source.pointer(to: MFN(frame).address).initializeMemory(
            as: UInt8.self, repeating: 0xC3, count: 4096 << order)
    }
}

// The two under test, as values that expectations can hold.
extension MemoryWorld {
    var count: UInt32 { storage.pointee.count }
    func index(of frame: MFN) -> UInt32? { storage.pointee.index(of: frame) }
    func node(of frame: MFN) -> NUMANode? { storage.pointee.node(of: frame) }
    func owner(of frame: MFN) -> (owner: DomainID, use: FrameUse)? { storage.pointee.owner(of: frame) }
    func assign(_ frame: MFN, to owner: DomainID, use: FrameUse) { storage.pointee.assign(frame, to: owner, use: use) }
    func hold(_ frame: MFN, of owner: DomainID, use: FrameUse = .domain) -> Bool {
        storage.pointee.hold(frame, of: owner, use: use)
    }
    func drop(_ frame: MFN) -> DomainID? { storage.pointee.drop(frame) }
    func first(of owner: DomainID, from place: inout UInt64, atMost: UInt64) -> MFN? {
        storage.pointee.first(of: owner, use: .domain, from: &place, atMost: atMost)
    }
    func giveUp(_ frame: MFN) -> FrameTable<FakeFrames>.GivenUp { storage.pointee.giveUp(frame) }
    /// The heap as code under test gets it.
    var frames: HeapFrames<FakeFrames> {
        withUnsafePointer(to: heap) { HeapFrames(unsafe Ref(unsafe: UnsafeMutablePointer(mutating: $0))) }
    }
    var freeFrames: UInt64 { heap.freeFrames }
    func freeFrames(on node: NUMANode) -> UInt64 { heap.freeFrames(on: node) }
    func allocate(order: Int, node: NUMANode?, isExact: Bool = false, claimed: UInt64 = 0) -> MFN? {
        heap.allocateForGuest(order: order, on: NodeRequest(node, isExact: isExact), claimed: claimed)
    }
    func claim(_ pages: UInt64) -> Bool { heap.claim(pages) }
    func giveBackClaim(_ pages: UInt64) { heap.giveBackClaim(pages) }
    func free(_ frame: MFN, order: Int) { heap.free(frame, order: order) }
    func scrub(order: Int = 4) -> Bool { heap.scrub(order: order) }
}

@Suite struct FrameTableTests {
    @Test func holesAndOutside() {
        let world = MemoryWorld()
        var next: UInt32 = 0
        for frame in MemoryWorld.base..<MemoryWorld.base + 0x720 {
            let node = MemoryWorld.node(frame)
            let index = world.index(of: MFN(frame))
            #expect((index != nil) == (node != nil), "frame \(frame)")
            #expect(world.node(of: MFN(frame)) == node.map { NUMANode($0) })
            guard let index else { continue }
            #expect(index == next)
            next += 1
        }
        #expect(world.count == next && next == UInt32(MemoryWorld.frames.count))
        for frame in [0, 1, MemoryWorld.base - 1, 1 << 32 + MemoryWorld.base + 0x300, 1 << 52, .max - 1, .max] as [UInt64] {
            #expect(world.index(of: MFN(frame)) == nil)
            #expect(world.node(of: MFN(frame)) == nil)
            #expect(world.owner(of: MFN(frame)) == nil)
            #expect(!world.hold(MFN(frame), of: .dom0))
            #expect(world.drop(MFN(frame)) == nil && world.giveUp(MFN(frame)) != .free)
        }
    }

    @Test func owners() throws {
        let world = MemoryWorld()
        let frame = try #require(world.allocate(order: 0, node: nil))
        let (guest, other) = (DomainID(3), DomainID(4))
        #expect(world.owner(of: frame)?.use == .hypervisor)
        #expect(!world.hold(frame, of: guest))
        world.assign(frame, to: guest, use: .domain)
        #expect(world.owner(of: frame)?.owner == guest && world.owner(of: frame)?.use == .domain)
        #expect(!world.hold(frame, of: other))
        #expect(world.hold(frame, of: guest) && world.hold(frame, of: guest))
        #expect(world.drop(frame) == nil)
        // Given up, it stays until the last reference goes, and nobody takes a new one.
        #expect(world.giveUp(frame) == .held(guest))
        #expect(world.owner(of: frame)?.use == .abandoned)
        #expect(!world.hold(frame, of: guest))
        #expect(world.drop(frame) == guest)
        world.free(frame, order: 0)
        #expect(world.owner(of: frame)?.use == .free)
        #expect(!world.hold(frame, of: guest))
        let next = try #require(world.allocate(order: 0, node: nil))
        world.assign(next, to: guest, use: .domain)
        #expect(world.giveUp(next) == .free)
    }

    /// Runs that go over holes, banks, nodes and frames that somebody holds: each frame is freed once, in blocks that the heap takes.
    @Test func runsGoBackInBlocks() {
        let seed = Randomised.seed(run: 0)
        print("runs of frames: seed \(seed)")
        var random = SplitMix(state: seed)
        let (world, guest) = (MemoryWorld(), DomainID(3))
        let (before, count) = (world.drain(), world.freeFrames)
        for _ in 0..<20 {
            var held: Set<UInt64> = []
            while let frame = world.heap.allocateUncleared(order: 0, node: nil) {
                world.assign(frame, to: guest, use: .domain)
                if Int.random(in: 0..<40, using: &random) == 0, world.hold(frame, of: guest) { held.insert(frame.rawValue) }
            }
            var (freed, kept): (Set<UInt64>, Int) = ([], 0)
            var frames = MemoryWorld.frames.sorted()[...]
            while let first = frames.first {
                let wanted = Int.random(in: 1...700, using: &random)
                let run = zip(frames.prefix(wanted), first...).prefix { $0 == $1 }.count
                world.storage.pointee.giveUp(MFN(first), count: UInt64(run)) { frame, order in
                    let block = frame.rawValue..<frame.rawValue + 1 << UInt64(order)
                    #expect(frame.rawValue % (1 << UInt64(order)) == 0)
                    #expect(Set(block.map { MemoryWorld.node($0) }).count == 1)
                    #expect(block.allSatisfy { freed.insert($0).inserted })
                    world.free(frame, order: order)
                } held: {
                    #expect($0 == guest)
                    kept += 1
                }
                frames = frames.dropFirst(run)
            }
            #expect(kept == held.count && freed.isDisjoint(with: held) && freed.count + kept == MemoryWorld.frames.count)
            for frame in held {
                #expect(world.drop(MFN(frame)) == guest)
                world.free(MFN(frame), order: 0)
            }
            #expect(world.freeFrames == count && world.drain() == before)
        }
    }

    /// A frame that was shared is nobody's once it is given up: its domain's number may be another's when it comes back.
    @Test func sharedFramesForgetTheirDomain() throws {
        let world = MemoryWorld()
        let frame = try #require(world.allocate(order: 0, node: nil))
        world.assign(frame, to: DomainID(3), use: .shared)
        #expect(world.hold(frame, of: DomainID(3), use: .shared))
        #expect(world.giveUp(frame) == .held(FrameTable<FakeFrames>.nobody))
        #expect(world.drop(frame) == FrameTable<FakeFrames>.nobody)
    }

    /// Frames of a domain's are found wherever they are, a few at a time.
    @Test func framesOfADomainAreFound() {
        let world = MemoryWorld()
        var own: Set<MFN> = []
        for _ in 0..<5 {
            let frame = world.allocate(order: 0, node: nil)!
            world.assign(frame, to: DomainID(3), use: .domain)
            own.insert(frame)
        }
        world.assign(world.allocate(order: 0, node: nil)!, to: DomainID(4), use: .domain)
        var (place, found, calls) = (UInt64(0), Set<MFN>(), 0)
        while place < UInt64(world.count) {
            calls += 1
            if let frame = world.first(of: DomainID(3), from: &place, atMost: 100) { found.insert(frame) }
        }
        #expect(found == own && calls >= Int(world.count) / 100)
    }
}

@Suite struct HeapTests {
    @Test func startsWithTheLargestBlocks() {
        let world = MemoryWorld()
        let all = Set(MemoryWorld.frames)
        #expect(world.freeFrames == UInt64(all.count))
        #expect(world.drain() == [MemoryWorld.blocks(all, node: 0), MemoryWorld.blocks(all, node: 1)])
        #expect(world.freeFrames == UInt64(all.count))
        #expect(world.allocate(order: maximumOrder + 1, node: nil) == nil)
        #expect(world.freeFrames(on: NUMANode(2)) == 0)
    }

    @Test func scrubbingEnds() {
        for order in [0, 4, maximumOrder] {
            let world = MemoryWorld()
            let isDone = world.scrubAll(order: order)
            #expect(isDone && !world.scrub())
            #expect(world.freeFrames == UInt64(MemoryWorld.frames.count))
            for frame in MemoryWorld.frames { #expect(world.isZero(frame), "frame \(frame)") }
            let all = Set(MemoryWorld.frames)
            #expect(world.drain() == [MemoryWorld.blocks(all, node: 0), MemoryWorld.blocks(all, node: 1)])
        }
    }

    /// Of the other node only where the wanted one has none.
    @Test func nodePreference() {
        let world = MemoryWorld()
        let count = world.freeFrames(on: NUMANode(1))
        #expect(count == 0x370)
        for number in 0..<count + 10 {
            // Who insists is refused where others go elsewhere.
            if number >= count { #expect(world.allocate(order: 0, node: NUMANode(1), isExact: true) == nil) }
            let frame = world.allocate(order: 0, node: NUMANode(1), isExact: number < count && number % 2 == 0)
            #expect(frame.flatMap { MemoryWorld.node($0.rawValue) } == (number < count ? 1 : 0))
        }
        #expect(world.freeFrames(on: NUMANode(1)) == 0)
        #expect(world.freeFrames(on: NUMANode(0)) == 0x1d7 + 0x10d - 10)
        // A node that is not there is no wish at all.
        #expect(world.allocate(order: 0, node: NUMANode(9)) != nil)
        #expect(world.allocate(order: 0, node: NUMANode(9), isExact: true) == nil)
    }

    /// Single frames stay at the pCPU's hand: what was freed comes back at once, and a neighbour does not get it.
    @Test func fastLists() throws {
        let world = MemoryWorld()
        let first = try #require(world.allocate(order: 0, node: nil))
        world.free(first, order: 0)
        #expect(world.allocate(order: 0, node: nil) == first)
        world.free(first, order: 0)
        world.machine.processor = 1
        let second = try #require(world.allocate(order: 0, node: nil))
        #expect(second != first)
        world.free(second, order: 0)
        #expect(world.freeFrames == UInt64(MemoryWorld.frames.count))
        // A whole bank is to be had only with what the lists hold.
        let all = world.drain()
        #expect(all == [0, 1].map { MemoryWorld.blocks(Set(MemoryWorld.frames), node: $0) })
    }

    /// Threads that share a list and pass it by, and what they hold at the same time.
    @Test func threads() {
        let world = MemoryWorld()
        nonisolated(unsafe) let heap = world
        DispatchQueue.concurrentPerform(iterations: 3) { thread in
            var random = SplitMix(state: UInt64(thread))
            var held: [MFN] = []
            for _ in 0..<5000 {
                if held.count < 40, Bool.random(using: &random), let frame = heap.allocate(order: 0, node: nil) {
                    heap.soil(frame.rawValue, order: 0)
                    held.append(frame)
                } else if let frame = held.popLast() {
                    // Somebody else's zeroes would show that it was given out twice.
                    if heap.isZero(frame.rawValue) { Issue.record("frame \(frame) is somebody else's too") }
                    heap.free(frame, order: 0)
                }
            }
            for frame in held { heap.free(frame, order: 0) }
        }
        #expect(world.freeFrames == UInt64(MemoryWorld.frames.count))
    }
}
