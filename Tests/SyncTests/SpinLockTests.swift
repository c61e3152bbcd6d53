// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sync
import Testing

@Suite struct SpinLockTests {
    final class Shared: Sendable { let lock = SpinLock(0, rank: .domain) }

    @Test func excludesOtherThreads() {
        let shared = Shared()
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            for _ in 0..<20_000 { shared.lock.withLock { $0 += 1 } }
        }
        #expect(shared.lock.withLock { $0 } == 40_000)
    }

    @Test func refusesWhereTaken() {
        let shared = Shared()
        shared.lock.withLock { _ in
            #expect(shared.lock.withLockIfFree { $0 } == nil)
        }
        #expect(shared.lock.withLockIfFree { $0 } == 0)
    }
}
