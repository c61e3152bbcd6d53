// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Machine
import Memory
import Support
import Synchronization
import Testing

/// Real threads on the frame table; `make sanitize` runs them under the thread sanitizer.
@Suite struct ThreadTests {
    private final class Shared: @unchecked Sendable {
        let world = MemoryWorld()
        let held = Atomic<Int>(0)
        let freed = Atomic<Int>(0)
    }

    /// However references and the owner's end fall together, exactly one caller is told to free the frame, after the last
    /// reference has gone.
    @Test func threadsFreeAFrameOnce() {
        let shared = Shared()
        let frame = MFN(MemoryWorld.frames.first!)
        for round in 1...300 {
            shared.world.assign(frame, to: DomainID(7), use: .domain)
            shared.freed.store(0, ordering: .relaxed)
            DispatchQueue.concurrentPerform(iterations: 3) { thread in
                if thread == 2 {
                    if shared.world.giveUp(frame) == .free { shared.freed.add(1, ordering: .relaxed) }
                    return
                }
                for _ in 0..<20 where shared.world.hold(frame, of: DomainID(7)) {
                    shared.held.add(1, ordering: .relaxed)
                    if shared.world.drop(frame) != nil { shared.freed.add(1, ordering: .relaxed) }
                }
            }
            guard shared.freed.load(ordering: .relaxed) == 1 else {
                Issue.record("round \(round): freed \(shared.freed.load(ordering: .relaxed)) times")
                return
            }
        }
        #expect(shared.held.load(ordering: .relaxed) > 0)
    }
}
