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

    @Test func ascendingRanksOnly() async {
        let domain = Shared()
        let other = Shared()
        let table = SpinLock(0, rank: .p2m)
        domain.lock.withLock { _ in table.withLock { _ in } }
        domain.lock.withLock { _ in other.lock.withSecondLock { _ in } }
        table.withLock { _ in _ = domain.lock.withLockIfFree { _ in } }
        // What was released may be taken again.
        table.withLock { _ in }
        domain.lock.withLock { _ in }
        await #expect(processExitsWith: .failure) {
            let domain = SpinLock(0, rank: .domain)
            let table = SpinLock(0, rank: .p2m)
            table.withLock { _ in domain.withLock { _ in } }
        }
        await #expect(processExitsWith: .failure) {
            let one = SpinLock(0, rank: .domain)
            let two = SpinLock(0, rank: .domain)
            one.withLock { _ in two.withLock { _ in } }
        }
    }
}
