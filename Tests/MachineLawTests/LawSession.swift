// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import P2M
import Support
import Synchronization

@testable import Domains

/// The law over one machine: an operation a step, all of it looked at now and then, and at the end nothing may be left.
struct LawSession<Format: EntryFormat>: ModelSession {
    let world: World<Format>
    private let census: Census<Format>
    private var steps = 0
    /// Steps between two looks at everything.
    private let every: Int

    var random: SplitMix {
        get { world.random }
        set { world.random = newValue }
    }

    init(format: Format, isX86: Bool, seed: UInt64, every: Int) throws {
        world = try World(format: format, isX86: isX86, seed: seed)
        census = Census(world)
        self.every = every
    }

    mutating func step() throws {
        world.act(on: world.below(world.pcpus))
        steps += 1
        try look(isFull: steps % every == 0)
    }

    private func look(isFull: Bool) throws {
        if let fault = world.machine.fault { throw Disagreement(fault + world.trace.text) }
        guard isFull else { return }
        do throws(Disagreement) {
            try census.check()
        } catch {
            throw Disagreement(error.description + world.trace.text)
        }
    }

    /// Every domain dies, dom0 last; then the machine is as it was.
    func finish() throws {
        world.machine.failAfter = -1
        try look(isFull: true)
        for _ in 0..<2 {
            for domain in world.unburied.reversed() where domain.pointee.id != .dom0 { try end(domain) }
        }
        if let dom0 = world.dom0 { try end(dom0) }
        world.dom0 = nil
        try settle()
        if let fault = world.machine.fault { throw Disagreement(fault + world.trace.text) }
        try expect(world.unburied.isEmpty, "a domain stays" + world.trace.text)
        let free = world.machine.heap.pointee.freeFrames
        try expect(
            free == world.freeAtStart, "\(world.freeAtStart) frames were free, and \(free) are at the end" + world.trace.text
        )
    }

    private func end(_ domain: Ref<Domain<LawPlatform<Format>>>) throws {
        var rounds = 0
        while !Domain.kill(domain, world.platform(0)) {
            try settle()
            rounds += 1
            try expect(rounds < 10_000, "a domain never dies")
        }
        try settle()
        try look(isFull: true)
    }

    private func settle() throws {
        for pcpu in 0..<world.pcpus { world.graces[pcpu] = world.grace }
        for pcpu in 0..<world.pcpus {
            world.holding[pcpu] = []
            world.directory.pointee.bury(world.platform(pcpu))
        }
    }
}
