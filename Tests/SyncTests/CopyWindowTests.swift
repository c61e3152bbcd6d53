// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sync
import Synchronization
import Testing

@Suite struct CopyWindowTests {
    /// A guest's one page, mapped to one of two frames; whoever is not mapped belongs to somebody else.
    final class Guest: @unchecked Sendable {
        let window = CopyWindow()
        let mapped = Atomic<Int>(0)
        let stop = Atomic<Bool>(false)
        let frames = UnsafeMutablePointer<Int>.allocate(capacity: 2)
        /// Plain words on purpose: the thread sanitizer sees whether anybody looks at a frame that is gone.
        init() { frames.update(repeating: 0, count: 2) }
        deinit { frames.deallocate() }

        /// What a hypercall reads there.
        func copy() -> Int {
            window.open()
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            defer { window.close() }
            return frames[mapped.load(ordering: .sequentiallyConsistent)]
        }

        /// The page gets the other frame, and the old one a new owner.
        func exchange() {
            let old = mapped.load(ordering: .relaxed)
            // The other frame was somebody else's until now.
            frames[1 - old] = 0
            mapped.store(1 - old, ordering: .sequentiallyConsistent)
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            window.waitUntilClosed()
            frames[old] = 0xBAD
        }
    }

    @Test func nobodyCopiesWhatIsGone() {
        let guest = Guest()
        let seen = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 2) { thread in
            if thread == 0 {
                for _ in 0..<20_000 { guest.exchange() }
                guest.stop.store(true, ordering: .releasing)
            } else {
                while !guest.stop.load(ordering: .acquiring) {
                    if guest.copy() != 0 { seen.add(1, ordering: .relaxed) }
                }
            }
        }
        #expect(seen.load(ordering: .relaxed) == 0)
        let isOpen = guest.window.isOpen
        #expect(!isOpen)
    }

    @Test func aClosedWindowIsNotWaitedFor() {
        let window = CopyWindow()
        window.waitUntilClosed()
        window.open()
        let before = window.isOpen
        window.close()
        window.waitUntilClosed()
        let after = window.isOpen
        #expect(before && !after)
    }
}
