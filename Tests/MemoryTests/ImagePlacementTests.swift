// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Support
import Testing

@testable import Memory

@Suite struct ImagePlacementTests {
    static let limit = MFN(1 << 20)

    static func range(_ start: UInt64, _ end: UInt64) -> MachineRange {
        MachineRange(start: MFN(start >> pageShift), count: (end - start) >> pageShift)
    }

    static func list(_ ranges: [(UInt64, UInt64)]) -> RangeList<MachineSpace> {
        var list = RangeList<MachineSpace>()
        for (start, end) in ranges { list.insert(range(start, end)) }
        return list
    }

    /// Where an image of `size` bytes at `start` goes, in bytes.
    static func place(
        from start: UInt64 = 2 << 20, size: UInt64 = 0x1d_0000, memory: [(UInt64, UInt64)], reserved: [(UInt64, UInt64)] = []
    ) -> UInt64? {
        ImagePlacement.place(
            for: range(start, start + size), in: list(memory), reserved: list(reserved), below: limit, alignment: 512
        )?.start.address.rawValue
    }

    /// A PC with 1 GiB and one with 8 GiB.
    @Test func topOfMemory() {
        #expect(Self.place(memory: [(0, 0x9_f000), (1 << 20, 0x3ffd_f000)]) == 0x3fe0_0000)
        #expect(Self.place(size: 0x20_0000, memory: [(0, 0x9_f000), (1 << 20, 0x3ffd_f000)]) == 0x3fc0_0000)
        #expect(Self.place(memory: [(1 << 20, 0x7ffd_f000), (4 << 30, 10 << 30)]) == 0x7fe0_0000)
        // RAM over the end of 4 GiB.
        #expect(Self.place(memory: [(1 << 20, 6 << 30)]) == (4 << 30) - 0x20_0000)
    }

    @Test func goesAroundWhatIsUsed() {
        let memory: [(UInt64, UInt64)] = [(1 << 20, 64 << 20)]
        #expect(Self.place(memory: memory, reserved: [(63 << 20, (63 << 20) + 1)]) == 62 << 20)
        #expect(Self.place(memory: memory, reserved: [(63 << 20, 64 << 20)]) == 60 << 20)
        #expect(Self.place(memory: memory, reserved: [(6 << 20, 64 << 20)]) == 4 << 20)
        // Its own place is in use; one that lies lower is no better.
        #expect(Self.place(memory: memory, reserved: [(4 << 20, 64 << 20)]) == nil)
        #expect(Self.place(from: 62 << 20, memory: memory) == nil)
        #expect(Self.place(from: 60 << 20, memory: memory) == 62 << 20)
        #expect(Self.place(memory: [(1 << 20, 5 << 20)]) == nil)
        #expect(Self.place(memory: []) == nil)
    }

    @Test func randomMaps() {
        let seed = Randomised.seed(run: 0)
        var random = SplitMix(state: seed)
        func pages(_ limit: Int) -> UInt64 { UInt64(Int.random(in: 0..<limit, using: &random)) << pageShift }
        for _ in 0..<500 {
            var memory: [(UInt64, UInt64)] = []
            var reserved: [(UInt64, UInt64)] = []
            for _ in 0...Int.random(in: 0..<6, using: &random) {
                let start = pages(1 << 21)
                memory.append((start, start + pages(1 << 18)))
            }
            for _ in 0..<Int.random(in: 0..<8, using: &random) {
                let start = pages(1 << 21)
                reserved.append((start, start + pages(1 << 16)))
            }
            let size = pages(1024) + 4096
            let start = pages(1 << 12) & ~0x1f_ffff
            guard let place = Self.place(from: start, size: size, memory: memory, reserved: reserved) else { continue }
            let end = place + size
            #expect(place & 0x1f_ffff == 0 && end <= 4 << 30 && place >= start + size, "seed \(seed)")
            for (first, last) in reserved where first < last { #expect(end <= first || last <= place, "seed \(seed)") }
            for page in stride(from: place, to: end, by: 4096) {
                #expect(memory.contains { $0.0 <= page && page < $0.1 }, "seed \(seed)")
            }
        }
    }
}
