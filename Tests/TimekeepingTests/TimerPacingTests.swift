// SPDX-License-Identifier: Apache-2.0

import Base
import Testing
import Timekeeping

/// A pCPU with a counter and a compare register, as both ISAs have them.
private final class Machine {
    let frequency: UInt64
    /// Wide, so that the test does not share the code's arithmetic.
    private(set) var counter: Double
    var pacing = TimerPacing()
    /// Interrupts so far.
    private(set) var interrupts = 0

    init(frequency: UInt64, upSince seconds: Double) {
        self.frequency = frequency
        counter = seconds * Double(frequency)
    }

    var now: SystemTime { SystemTime(nanoseconds: UInt64(counter / Double(frequency) * 1e9)) }

    /// The timer is set for `next`, and time passes until it interrupts. False where it is turned off.
    func sleep(until next: SystemTime) -> Bool {
        guard let wait = pacing.wait(until: next, now: now) else { return false }
        counter += Double(TimerPacing.ticks(wait, frequency: frequency))
        interrupts += 1
        pacing.fired(now: now)
        return true
    }
}

@Suite struct TimerPacingTests {
    static let frequencies: [UInt64] = [
        1_000_000, 24_000_000, 62_500_000, 999_999_937, 1_000_000_000, 2_400_000_000, 5_000_000_000, 1 << 40,
    ]

    /// SCHEDOP_poll with a timeout near 2^64, on counters of any rate: the compare register never holds a time in the past.
    @Test(arguments: frequencies) func aTimeThatNeverComes(frequency: UInt64) {
        let second: UInt64 = 1_000_000_000
        let far: [UInt64] = [.max - 1, .max - 1000, .max / 2, 1 << 63, .max / second * second]
        let uptimes: [Double] = [0, 1, 86_400 * 365]
        for next in far {
            for uptime in uptimes {
                let machine = Machine(frequency: frequency, upSince: uptime)
                let start = machine.now
                for _ in 0..<10 { #expect(machine.sleep(until: SystemTime(nanoseconds: next))) }
                let passed = machine.now.nanoseconds - start.nanoseconds
                #expect(passed >= 99_000_000_000, "10 interrupts in \(passed) ns of a counter of \(frequency) Hz")
            }
        }
    }

    /// A guest whose timer is due all the time leaves its pCPU most of it.
    @Test(arguments: frequencies) func aTimerThatIsAlwaysDue(frequency: UInt64) {
        let machine = Machine(frequency: frequency, upSince: 1000)
        let start = machine.now
        while machine.now.nanoseconds < start.nanoseconds + 100_000_000 {
            let due = machine.interrupts % 3 == 0 ? machine.now : SystemTime(nanoseconds: machine.now.nanoseconds - 1_000_000)
            #expect(machine.sleep(until: due))
        }
        #expect(machine.interrupts <= 2001)
    }

    /// Setting the timer again and again puts off nobody's.
    @Test func settingAgainDoesNotPutOff() {
        var pacing = TimerPacing()
        pacing.fired(now: SystemTime(nanoseconds: 1_000_000))
        let due = SystemTime(nanoseconds: 1_000_010)
        for passed: UInt64 in stride(from: 0, through: 49_000, by: 1000) {
            let now = SystemTime(nanoseconds: 1_000_000 + passed)
            #expect(pacing.wait(until: due, now: now) == 50_000 - passed)
        }
        #expect(pacing.wait(until: due, now: SystemTime(nanoseconds: 1_050_000)) == 0)
        // A clock that was set back does not make it wait.
        #expect(pacing.wait(until: due, now: SystemTime(nanoseconds: 0)) == 1_000_010)
    }

    /// Where nothing has just interrupted a timer is as good as the counter.
    @Test(arguments: frequencies) func isExact(frequency: UInt64) {
        for wait: UInt64 in [60_000, 1_000_000, 123_456_789, 999_999_999] {
            let machine = Machine(frequency: frequency, upSince: 3)
            machine.pacing.fired(now: machine.now)
            let due = machine.now + wait
            #expect(machine.sleep(until: due))
            let late = Int64(machine.now.nanoseconds) - Int64(due.nanoseconds)
            let tick = Int64(1_000_000_000 / frequency)
            #expect(late >= 0 && late <= 2 * tick + 6, "\(late) ns late")
        }
        #expect(TimerPacing().wait(until: .never, now: SystemTime(nanoseconds: 5)) == nil)
    }

    /// A guest's own timer, whatever it is set to, is not taken for one that is due.
    @Test(arguments: frequencies) func ticksAreTime(frequency: UInt64) {
        for seconds: UInt64 in [0, 1, 1000, 10_000_000] {
            let expected = seconds * 1_000_000_000
            let time = TimerPacing.time(seconds * frequency, frequency: frequency)
            #expect(time.nanoseconds == expected)
            let half = TimerPacing.time(seconds * frequency + frequency / 2, frequency: frequency).nanoseconds
            #expect(half >= expected + 499_999_000 && half <= expected + 500_000_000)
        }
        let far = TimerPacing.time(.max, frequency: frequency)
        #expect(far == .never || Double(far.nanoseconds) > Double(UInt64.max) / Double(frequency) * 0.99e9)
    }
}
