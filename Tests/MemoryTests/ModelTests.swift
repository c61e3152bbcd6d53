// SPDX-License-Identifier: Apache-2.0

import Base
import Machine
import Support
import Testing

@testable import Memory

/// The heap against a set of free frames.
@Suite struct ModelTests {
    @Test(arguments: 0..<2) func agreesWithAModel(run: Int) {
        let found = Randomised.disagreement("allocator", steps: 2000, seed: Randomised.seed(run: run)) { _ in Session() }
        if let found { Issue.record("\(found)") }
    }
}

private struct Session: ModelSession {
    var random = SplitMix(state: 0)
    let world = MemoryWorld()
    var free = Set(MemoryWorld.frames)
    var taken: [(frame: UInt64, order: Int)] = []
    /// Frames that are set aside.
    var claimed: UInt64 = 0
    /// Nothing is dirty: all that can merge has.
    var isClean = false

    mutating func step() throws {
        world.machine.processor = Int.random(in: 0..<3, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<48: try allocate()
        case 48..<83: giveBack()
        case 83..<86: try claim()
        case 86..<97: _ = world.scrub(order: Int.random(in: 0...6, using: &random))
        default:
            try expect(world.scrubAll(), "scrubbing does not end")
            isClean = true
        }
        try expect(world.freeFrames == UInt64(free.count), "free frames")
        let sum = world.freeFrames(on: NUMANode(0)) + world.freeFrames(on: NUMANode(1))
        try expect(sum == UInt64(free.count), "free frames by node")
    }

    mutating func allocate() throws {
        let order = min(Int.random(in: 0...9, using: &random), Int.random(in: 0...9, using: &random))
        let node = UInt8.random(in: 0...2, using: &random)
        let wish = node < 2 ? NUMANode(node) : nil
        let wasFree = node < 2 ? world.freeFrames(on: NUMANode(node)) : 0
        // Frames at a pCPU's hand are nobody's, claim or not.
        let isExact = isClean && claimed == 0 && Bool.random(using: &random)
        let used = min(claimed, Bool.random(using: &random) ? 1 << UInt64(order) : 0)
        let result = world.allocate(order: order, node: wish, claimed: used)
        if isExact {
            // Merged as far as can be, it has a block if there is one, and on the right node.
            let nodes = (UInt8(0)..<2).filter { MemoryWorld.blocks(free, node: $0)[order...].contains { $0 > 0 } }
            let got = result.flatMap { MemoryWorld.node($0.rawValue) }
            try expect(
                (got != nil) == !nodes.isEmpty && (!nodes.contains(node) || got == node), "order \(order) of node \(node)")
        }
        guard let start = result?.rawValue else {
            let isLeft = UInt64(free.count) > claimed - used
            return try expect(order > 0 || !isLeft, "nothing left, though \(free.count) are free and \(claimed) claimed")
        }
        claimed -= used
        let block = start..<start + 1 << UInt64(order)
        try expect(start % (1 << UInt64(order)) == 0, "alignment")
        try expect(block.allSatisfy(free.contains), "not free")
        try expect(Set(block.map(MemoryWorld.node)).count == 1, "two nodes")
        try expect(order > 0 || wasFree == 0 || claimed > 0 || MemoryWorld.node(start) == node || node == 2, "node")
        try expect(block.allSatisfy(world.isZero), "old bytes")
        free.subtract(block)
        world.soil(start, order: order)
        taken.append((start, order))
    }

    mutating func giveBack() {
        guard !taken.isEmpty else { return }
        taken.swapAt(Int.random(in: taken.indices, using: &random), taken.count - 1)
        let (start, order) = taken.removeLast()
        world.free(MFN(start), order: order)
        free.formUnion(start..<start + 1 << UInt64(order))
        isClean = false
    }

    mutating func claim() throws {
        if claimed > 0 {
            world.giveBackClaim(claimed)
            claimed = 0
            return
        }
        let pages = UInt64.random(in: 0...600, using: &random)
        isClean = false
        try expect(world.claim(pages) == (pages <= UInt64(free.count)), "claim of \(pages) with \(free.count) free")
        if pages <= UInt64(free.count) { claimed = pages }
    }

    mutating func finish() throws {
        if claimed > 0 { world.giveBackClaim(claimed) }
        for (start, order) in taken { world.free(MFN(start), order: order) }
        try expect(world.scrubAll(), "scrubbing does not end")
        let all = Set(MemoryWorld.frames)
        try expect(world.drain() == [MemoryWorld.blocks(all, node: 0), MemoryWorld.blocks(all, node: 1)], "not merged")
        for frame in all { try expect(world.isZero(frame), "frame \(frame) has old bytes") }
    }
}
