// SPDX-License-Identifier: Apache-2.0

import Base
import Testing
import Timekeeping

/// Deadlines that can be asked inside of an expectation.
private final class Deadlines {
    let deadlines = WakeDeadlines()
    var next: SystemTime { deadlines.next }
    func takeExpired(now: SystemTime) -> Bool { deadlines.takeExpired(now: now) }
}

@Suite struct WakeDeadlinesTests {
    private func time(_ nanoseconds: UInt64) -> SystemTime { SystemTime(nanoseconds: nanoseconds) }

    /// A vCPU polls, and another one is loaded in its place: its own timer, which is due later or earlier, is watched from then on.
    @Test(arguments: [(100, 200), (200, 100), (150, 150)] as [(UInt64, UInt64)])
    func aTimerDoesNotReplaceATimeout(poll: UInt64, timer: UInt64) {
        let watched = Deadlines()
        watched.deadlines.setPoll(time(poll))
        watched.deadlines.setTimer(time(timer))
        #expect(watched.next == time(min(poll, timer)))
        #expect(!watched.takeExpired(now: time(min(poll, timer) - 1)))
        #expect(watched.takeExpired(now: time(min(poll, timer))))
        #expect(watched.next == (poll == timer ? .never : time(max(poll, timer))))
        #expect(watched.takeExpired(now: time(max(poll, timer))) == (poll != timer))
        #expect(watched.next == .never)
    }

    @Test func eachEndsByItself() {
        let watched = Deadlines()
        watched.deadlines.setPoll(time(100))
        watched.deadlines.setTimer(time(200))
        // It was woken and is loaded: neither is watched.
        watched.deadlines.isLoaded()
        #expect(watched.next == time(100))
        watched.deadlines.runs()
        #expect(watched.next == .never)
        watched.deadlines.setTimer(time(200))
        watched.deadlines.runs()
        #expect(watched.next == time(200))
        watched.deadlines.setPoll(time(100))
        watched.deadlines.clear()
        #expect(!watched.takeExpired(now: time(1000)))
    }
}
