// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine
import Support
import Testing

@Suite struct FrameMemoryTests {
    @Test func loadsWhatWasStored() throws {
        let machine = FakeMachine(frames: 4)
        let frame = try #require(machine.source.allocate())
        machine.source.store(UInt32(0xdead_beef), at: frame.address + 8)
        #expect(machine.source.load(UInt32.self, at: frame.address + 8) == 0xdead_beef)
        machine.source.zero(frame.address, count: 4096)
        #expect(machine.source.load(UInt32.self, at: frame.address + 8) == 0)
    }

    @Test func allocationFailsOnCommand() {
        let machine = FakeMachine(frames: 4)
        machine.failAfter = 1
        #expect(machine.source.allocate() != nil)
        #expect(machine.source.allocate() == nil)
    }
}
