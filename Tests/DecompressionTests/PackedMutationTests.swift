// SPDX-License-Identifier: Apache-2.0

import Foundation
import Support
import Testing

@testable import Decompression

/// A million damaged files: each is unpacked or refused, in bounded time, and nothing traps.
///
/// The seed is printed; `XEN_MODEL_SEED=<number>` repeats it.
@Suite struct PackedMutationTests {
    /// Of this thread, in nanoseconds.
    static func processorTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Unpacks into little room; returns whether it was unpacked.
    static func attempt(_ packed: Span<UInt8>, _ packing: Packing, _ output: inout [UInt8], _ workspace: inout [UInt32]) -> Bool {
        var target = output.mutableSpan
        var words = workspace.mutableSpan
        do {
            let size = try packing.unpack(packed, into: &target, workspace: &words)
            #expect(size <= output.count)
            return true
        } catch { return false }
    }

    static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        for _ in 0...random.next() % 3 {
            let place = Int(random.next() % UInt64(bytes.count))
            switch random.next() % 5 {
            case 0: bytes[place] ^= 1 << UInt8(random.next() & 7)
            case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 2: bytes[place] = [0, 0xff, 0x7f, 0x80][Int(random.next() & 3)]
            case 3: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            default: if bytes.count > 8 { bytes.remove(at: place) }
            }
        }
    }

    @Test(arguments: Packer.ways)
    func endsWhateverTheInput(_ way: Packer.Way) throws {
        let seed = Randomised.seed(run: 0)
        let total = 1_000_000
        let attempts = total / Packer.ways.count + 1
        print("mutations of \(way): seed \(seed), \(attempts)")
        var random = SplitMix(state: seed)
        let files = try [40, 300, 1500].map { try Packer.pack(Packer.sample(UInt64($0), count: $0), way) }
        var output = [UInt8](repeating: 0, count: 3000)
        var workspace = [UInt32](repeating: .max, count: way.packing.workspaceCount)
        var unpacked = 0
        var slowest: UInt64 = 0
        for attempt in 0..<attempts {
            var bytes = files[attempt % files.count]
            Self.mutate(&bytes, &random)
            let start = Self.processorTime()
            if Self.attempt(bytes.span, way.packing, &output, &workspace) { unpacked += 1 }
            slowest = max(slowest, Self.processorTime() - start)
        }
        // A block's workspace and room for 3,000 bytes: nothing takes long.
        #expect(slowest < 200_000_000, "\(slowest) ns, seed \(seed)")
        #expect(unpacked < attempts / 2, "seed \(seed)")
    }

    /// A file that ends early is refused, wherever it ends.
    @Test(arguments: Packer.ways)
    func refusesWhatIsCutShort(_ way: Packer.Way) throws {
        var output = [UInt8](repeating: 0, count: 3000)
        var workspace = [UInt32](repeating: .max, count: way.packing.workspaceCount)
        for count in [0, 1, 300, 2500] {
            let packed = try Packer.pack(Packer.sample(UInt64(count), count: count), way)
            // Behind the blocks xz has an index, and nothing at all may follow where lz4 has none left.
            let needed = way.packing == .xz ? packed.count - 24 : way.packing == .lz4 ? packed.count - 4 : packed.count
            for end in 0..<needed {
                if way.packing == .lz4, end == 4 { continue }
                #expect(!Self.attempt(packed.span.extracting(..<end), way.packing, &output, &workspace), "\(end) of \(packed.count) bytes")
            }
        }
    }

    /// Noise behind a format's first bytes.
    @Test func endsWithNoise() throws {
        let seed = Randomised.seed(run: 1)
        print("noise: seed \(seed)")
        var random = SplitMix(state: seed)
        var output = [UInt8](repeating: 0, count: 3000)
        for way in Packer.ways {
            let head = try Packer.pack(Packer.sample(3, count: 100), way)
            var workspace = [UInt32](repeating: .max, count: way.packing.workspaceCount)
            for attempt in 0..<2000 {
                let noise = (0..<attempt % 200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                let bytes = Array(head[..<min(head.count, 4 + Int(random.next() % 40))]) + noise
                _ = Self.attempt(bytes.span, way.packing, &output, &workspace)
            }
        }
    }
}
