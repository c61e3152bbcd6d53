// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Testing
import Timekeeping
import XenABI

@Suite struct ClockTests {
    @Test func wallclockIsTheTimeAtBoot() {
        let clock = Wallclock(seconds: 1_700_000_000, nanoseconds: 5, at: SystemTime(nanoseconds: 3_000_000_006))
        #expect(clock.seconds == 1_699_999_996)
        #expect(clock.nanoseconds == 999_999_999)
        // Nonsense wraps, and nothing traps.
        _ = Wallclock(seconds: .max, nanoseconds: .max, at: .never)
        _ = Wallclock(seconds: 0, nanoseconds: 0, at: .never)
    }

    @Test(arguments: [SharedInfoLayout.arm, .x86_64, .x86_32]) func wallclockInSharedInfo(layout: SharedInfoLayout) throws {
        let machine = FakeMachine(frames: 1)
        let page = try #require(machine.source.allocate()).address
        let memory = machine.source
        var clock = Wallclock()
        clock.seconds = 0x2_0000_0003
        clock.nanoseconds = 7
        clock.publish(at: page, layout: layout, in: memory)
        #expect(memory.load(UInt32.self, at: page + layout.wallclockVersion) == 2)
        clock.publish(at: page, layout: layout, in: memory, offset: -1)
        #expect(memory.load(UInt32.self, at: page + layout.wallclockVersion) == 4)
        #expect(memory.load(UInt32.self, at: page + layout.wallclockSeconds) == 2)
        #expect(memory.load(UInt32.self, at: page + layout.wallclockSecondsHigh) == 2)
        #expect(memory.load(UInt32.self, at: page + layout.wallclockNanoseconds) == 7)
        // A version that the guest has scribbled on becomes even again.
        memory.store(UInt32.max, at: page + layout.wallclockVersion)
        clock.publish(at: page, layout: layout, in: memory)
        #expect(memory.load(UInt32.self, at: page + layout.wallclockVersion) % 2 == 0)
    }

    @Test(arguments: [1, 1000, 62_500_000, 1_000_000_000, 2_100_000_000, 5_000_000_000, .max] as [UInt64])
    func timeScale(frequency: UInt64) {
        let scale = TimeScale(frequency: frequency, origin: 1000, base: SystemTime(nanoseconds: 50))
        #expect(scale.time(counter: 1000) == SystemTime(nanoseconds: 50))
        guard frequency >= 1000 && frequency < .max else { return }
        // One second later, to a millionth.
        let second = scale.time(counter: 1000 + frequency).nanoseconds - 50
        #expect(abs(Int64(second) - 1_000_000_000) < 1000)
    }

    @Test func timeInfo() throws {
        let machine = FakeMachine(frames: 1)
        let page = try #require(machine.source.allocate()).address
        let scale = TimeScale(frequency: 1_000_000_000, origin: 9, base: SystemTime(nanoseconds: 8), flags: 1)
        scale.publish(for: Caller64.self, at: page + 64, in: machine.source)
        let told: VCPUTimeInfo<Caller64> = machine.source.load(at: page + 64)
        #expect(told.version == 2)
        #expect(told.tscTimestamp == 9)
        #expect(told.systemTime == 8)
        #expect(told.tscToSystemMultiplier == scale.multiplier)
        #expect(told.tscShift == scale.shift)
        #expect(told.flags == 1)
        scale.publish(for: Caller32.self, at: page + 128, in: machine.source)
        let compat: VCPUTimeInfo<Caller32> = machine.source.load(at: page + 128)
        #expect(compat.systemTime.wide == 8)
    }
}
