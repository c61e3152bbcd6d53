// SPDX-License-Identifier: Apache-2.0

import Testing
import VirtualGIC

@Suite struct ListRegisterTests {
    /// What must hold of any format.
    func laws<Format: ListRegisterFormat>(_ format: Format.Type) {
        for interrupt: UInt32 in [0, 15, 16, 27, 32, 1019] {
            for state: ListRegister.State in [.pending, .active, [.pending, .active]] {
                for priority: UInt8 in [0, 8, 0xa0, 0xf8] {
                    for physical: UInt32? in [nil, 27, 1019] {
                        var entry = ListRegister(
                            interrupt: interrupt, state: state, priority: priority, isGroup1: interrupt & 1 != 0,
                            physical: physical)
                        if physical == nil {
                            entry.source = interrupt < 16 ? 5 : 0
                            entry.notifiesEnd = priority != 0
                        }
                        let value = Format.encode(entry)
                        #expect(Format.decode(value) == entry)
                        #expect(Format.state(value) == state)
                        #expect(Format.priority(value) == priority)
                        #expect(Format.decode(Format.with([], value)).state == [])
                        var notifying = entry
                        if physical == nil { notifying.notifiesEnd = true }
                        #expect(Format.decode(Format.notifyingEnd(value)) == notifying)
                    }
                }
            }
        }
        #expect(Format.state(0).isEmpty)
    }

    @Test func v2() { laws(ListRegisterV2.self) }
    @Test func v3() { laws(ListRegisterV3.self) }

    @Test func spelling() {
        // GICH_LR: HW, group 0, pending, priority 0xa0, physical 27, virtual 27.
        let timer = ListRegister(interrupt: 27, state: .pending, priority: 0xa0, physical: 27)
        #expect(ListRegisterV2.encode(timer) == 0x8000_0000 | 0x1000_0000 | 0x14 << 23 | 27 << 10 | 27)
        #expect(ListRegisterV3.encode(timer) == 1 << 62 | 1 << 61 | 0xa0 << 48 | 27 << 32 | 27)
        let software = ListRegister(interrupt: 3, state: .active, priority: 0, isGroup1: true, source: 2, notifiesEnd: true)
        #expect(ListRegisterV2.encode(software) == 1 << 30 | 2 << 28 | 1 << 19 | 2 << 10 | 3)
        #expect(ListRegisterV3.encode(software) == UInt64(2) << 62 | 1 << 60 | 1 << 41 | 2 << 10 | 3)
    }
}
