// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Support
import Testing

@testable import DomainBuilder

@Suite struct Dom0BanksTests {
    private static func list(_ ranges: [(start: UInt64, end: UInt64)]) -> RangeList<MachineSpace> {
        var list = RangeList<MachineSpace>()
        for range in ranges { list.insert(MachineRange(start: MFN(range.start), count: range.end - range.start)) }
        return list
    }

    /// In MiB.
    private static func choose(_ size: UInt64, _ ranges: [(UInt64, UInt64)]) -> [Range<UInt64>]? {
        let free = list(ranges.map { ($0.0 << 8, $0.1 << 8) })
        guard let chosen = Dom0Banks.choose(size << 8, from: free) else { return nil }
        return (0..<chosen.count).map { chosen[$0].range.start.rawValue >> 8..<chosen[$0].range.end.rawValue >> 8 }
    }

    /// With 8 GB dom0's RAM once lay above 4 GiB alone, where a device with 32-bit addresses reaches nothing.
    @Test func lowMemoryComesFirst() {
        #expect(Self.choose(2048, [(1024, 1170), (1180, 9216)]) == [1180..<3228])
        #expect(Self.choose(4096, [(1024, 9216)]) == [1024..<5120])
        // Xilinx Versal: RAM at 0 and above a hole.
        #expect(Self.choose(1024, [(0, 2048), (32768, 38912)]) == [0..<1024])
        #expect(Self.choose(3072, [(0, 2048), (32768, 38912)]) == [0..<2048, 32768..<33792])
        #expect(Self.choose(512, [(8192, 16384)]) == [8192..<8704])
    }

    /// Modules lie in the middle of low memory: the largest piece beside them is taken first.
    @Test func largePiecesComeFirst() {
        #expect(Self.choose(512, [(1024, 1168), (1200, 1232), (1280, 4096)]) == [1280..<1792])
        #expect(Self.choose(150, [(1024, 1168), (1200, 1232)]) == [1024..<1168, 1200..<1206])
    }

    /// What lies between the modules of a loader is no bank of its own, as long as there is something better.
    @Test func smallPiecesComeLast() {
        let versal: [(UInt64, UInt64)] = [(0, 2), (4, 128), (144, 158), (176, 192), (194, 2048), (32768, 33792)]
        #expect(Self.choose(2560, versal) == [194..<2048, 32768..<33474])
        #expect(Self.choose(1024, versal) == [194..<1218])
        #expect(Self.choose(2900, versal) == [4..<26, 194..<2048, 32768..<33792])
    }

    @Test func onlyWhatIsThere() {
        #expect(Self.choose(2048, [(1024, 3072)]) == [1024..<3072])
        #expect(Self.choose(2049, [(1024, 3072)]) == nil)
        #expect(Self.choose(0, [(1024, 3072)]) == [])
        #expect(Self.choose(1, []) == nil)
    }

    @Test(arguments: 0..<20) func randomMaps(run: Int) {
        let seed = Randomised.seed(run: run)
        var random = SplitMix(state: seed)
        var ranges: [(start: UInt64, end: UInt64)] = []
        var next = UInt64.random(in: 0..<0x4_0000, using: &random)
        for _ in 0..<Int.random(in: 1...40, using: &random) {
            let end = next + (1 << UInt64.random(in: 0...18, using: &random)) + UInt64.random(in: 0..<600, using: &random)
            ranges.append((next, end))
            next = end + UInt64.random(in: 1..<0x1_0000, using: &random)
        }
        let free = Self.list(ranges)
        let wanted = UInt64.random(in: 0...free.frames + 10, using: &random)
        let chosen = Dom0Banks.choose(wanted, from: free)
        #expect((chosen != nil) == (wanted <= free.frames), "seed \(seed)")
        guard let chosen else { return }
        #expect(chosen.frames == wanted, "seed \(seed)")
        var outside = chosen
        for index in 0..<free.count { outside.remove(free[index].range) }
        #expect(outside.frames == 0, "seed \(seed)")
        // High memory is taken where no large piece of low memory is left.
        var left = free
        for index in 0..<chosen.count { left.remove(chosen[index].range) }
        let takesHigh = (0..<chosen.count).contains { chosen[$0].range.end.rawValue > Dom0Banks.lowEnd }
        let hasLargeLow = (0..<left.count).contains {
            let first = (left[$0].range.start.rawValue + 511) & ~511
            return first + Dom0Banks.large <= min(left[$0].range.end.rawValue, Dom0Banks.lowEnd) & ~511
        }
        #expect(!takesHigh || !hasLargeLow, "seed \(seed)")
    }
}
