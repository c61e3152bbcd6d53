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

    /// Waiting for windows and opening one take part in the order of locks. The deadlock was one of three: who holds the events' lock
    /// wants the p2m's, who holds that waits for a window, and in the window somebody wanted the events' lock.
    @Test func windowsHaveTheirPlaceInTheOrder() async {
        let window = CopyWindow()
        let p2m = SpinLock(0, rank: .p2m)
        let frames = SpinLock(0, rank: .frameAllocator)
        p2m.withLock { _ in window.waitUntilClosed() }
        p2m.withLock { _ in
            window.open()
            window.close()
        }
        frames.withLock { _ in
            window.open()
            window.close()
        }
        window.open()
        frames.withLock { _ in }
        window.close()
        LockOrder.willWaitForProcessor()
        await #expect(processExitsWith: .failure) {
            let window = CopyWindow()
            let events = SpinLock(0, rank: .eventChannel)
            window.open()
            events.withLock { _ in }
        }
        await #expect(processExitsWith: .failure) {
            let window = CopyWindow()
            let frames = SpinLock(0, rank: .frameAllocator)
            frames.withLock { _ in window.waitUntilClosed() }
        }
        await #expect(processExitsWith: .failure) {
            let mine = CopyWindow()
            let another = CopyWindow()
            mine.open()
            another.waitUntilClosed()
        }
        await #expect(processExitsWith: .failure) {
            let window = CopyWindow()
            window.open()
            window.open()
        }
        await #expect(processExitsWith: .failure) {
            SpinLock(0, rank: .domainTable).withLock { _ in LockOrder.willWaitForProcessor() }
        }
        await #expect(processExitsWith: .failure) {
            CopyWindow().open()
            LockOrder.willWaitForProcessor()
        }
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
