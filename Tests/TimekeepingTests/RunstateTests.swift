// SPDX-License-Identifier: Apache-2.0

import Base
import Testing
import Timekeeping
import XenABI

private func at(_ nanoseconds: UInt64) -> SystemTime { SystemTime(nanoseconds: nanoseconds) }

@Suite struct RunstateTests {
    @Test func timesAddUpToTheClock() {
        var account = RunstateAccount(.offline, now: at(100))
        account.change(to: .runnable, now: at(150))
        account.change(to: .running, now: at(160))
        account.change(to: .running, now: at(170))
        account.change(to: .blocked, now: at(200))
        let told = account.information(for: Caller64.self)
        #expect(told.state == Runstate.blocked.rawValue)
        #expect(told.entryTime == 200)
        #expect((0..<4).map { told.time[$0] } == [40, 10, 0, 50])
        let asked = account.information(for: Caller64.self, now: at(1000))
        #expect((0..<4).map { asked.time[$0] } == [40, 10, 800, 50])
        #expect(account.time(in: .blocked, now: at(300)) == 100)
        #expect(account.time(in: .running, now: at(300)) == 40)
    }

    @Test func aClockThatGoesBackAddsNothing() {
        var account = RunstateAccount(.running, now: at(100))
        account.change(to: .blocked, now: at(90))
        #expect(account.entryTime == at(100))
        #expect(account.time(in: .running, now: at(500)) == 0)
        #expect(account.time(in: .blocked, now: at(50)) == 0)
    }

    @Test func compatLayout() {
        var account = RunstateAccount(.running, now: at(1 << 40))
        account.change(to: .blocked, now: at(1 << 41))
        let told = account.information(for: Caller32.self)
        #expect(told.entryTime.wide == 1 << 41)
        #expect(told.time[0].wide == 1 << 40)
    }
}

@Suite struct VCPUTimerTests {
    @Test func singleshot() {
        var timers = VCPUTimers()
        #expect(timers.next == .never)
        let past = timers.setSingleshot(at(5), now: at(10))
        #expect(past)
        #expect(timers.next == .never)
        let future = timers.setSingleshot(at(20), now: at(10))
        #expect(!future)
        #expect(timers.next == at(20))
        let early = timers.fire(now: at(19))
        let due = timers.fire(now: at(20))
        let again = timers.fire(now: at(99))
        #expect((early, due, again) == (false, true, false))
        _ = timers.setSingleshot(at(50), now: at(10))
        timers.stopSingleshot()
        #expect(timers.next == .never)
    }

    @Test func periodic() throws {
        var timers = VCPUTimers()
        #expect(throws: XenError.einval) { try timers.setPeriodic(999_999, now: at(0)) }
        #expect(throws: XenError.einval) { try timers.setPeriodic(1 << 62, now: at(0)) }
        try timers.setPeriodic(1_000_000, now: at(5))
        #expect(timers.next == at(1_000_005))
        let due = timers.fire(now: at(1_000_005))
        #expect(due)
        #expect(timers.next == at(2_000_005))
        // Missed periods come as one event, and the beat is kept.
        let late = timers.fire(now: at(7_500_000))
        #expect(late)
        #expect(timers.next == at(8_000_005))
        _ = timers.setSingleshot(at(7_600_000), now: at(7_500_000))
        #expect(timers.next == at(7_600_000))
        timers.stopPeriodic()
        timers.stopSingleshot()
        let stopped = timers.fire(now: .never)
        #expect(timers.next == .never)
        #expect(!stopped)
    }
}
