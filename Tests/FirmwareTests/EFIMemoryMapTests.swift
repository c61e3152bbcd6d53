// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Support
import Testing

@Suite struct EFIMemoryMapTests {
    struct Descriptor {
        var type: UInt32 = 7
        var start: UInt64 = 0x4000_0000
        var pages: UInt64 = 16
        var attributes: UInt64 = 0xf
    }

    static func bytes(_ list: [Descriptor], size: Int = 48) -> [UInt8] {
        var bytes: [UInt8] = []
        func put(_ value: UInt64, _ count: Int) { for byte in 0..<count { bytes.append(UInt8(value >> UInt64(8 * byte) & 0xff)) } }
        for item in list {
            put(UInt64(item.type), 8)
            put(item.start, 8)
            put(0xdead_0000, 8)
            put(item.pages, 8)
            put(item.attributes, 8)
            put(.max, size - 40)
        }
        return bytes
    }

    static func ranges(_ bytes: [UInt8], size: UInt64 = 48) -> [MachineRange] {
        var found: [MachineRange] = []
        var usable = EFIMemoryMap(bytes.span, descriptorSize: size).usable()
        while let range = usable.next() { found.append(range) }
        return found
    }

    @Test func takesWhatIsFreeWithoutFirmware() {
        // Reserved to persistent memory.
        let list = (0...14).map { Descriptor(type: UInt32($0), start: 0x4000_0000 + UInt64($0) << 20) }
        let found = Self.ranges(Self.bytes(list))
        #expect(found.map { $0.start.rawValue } == [1, 2, 3, 4, 7].map { 0x40000 + $0 << 8 })
        #expect(found.allSatisfy { $0.count == 16 })
        #expect(Self.ranges(Self.bytes(list, size: 40), size: 40).count == 5)
    }

    @Test func leavesOutNonsense() {
        let bad = [
            Descriptor(start: 0x4000_0800), Descriptor(pages: 0), Descriptor(pages: .max), Descriptor(start: .max << 12, pages: 2),
            Descriptor(attributes: 7), Descriptor(type: 0x8000_0007),
        ]
        #expect(Self.ranges(Self.bytes(bad + [Descriptor()])).count == 1)
        #expect(Self.ranges([]).isEmpty)
        for size in [0, 39, UInt64.max] { #expect(Self.ranges(Self.bytes([Descriptor()]), size: size).isEmpty) }
        // The second is cut short.
        #expect(Self.ranges(Self.bytes([Descriptor(), Descriptor()]).dropLast()).count == 1)
    }

    @Test func mutatedMaps() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("EFI map seed \(seed)")
        var random = SplitMix(state: seed)
        let whole = Self.bytes((0..<8).map { Descriptor(type: UInt32($0), start: UInt64($0) << 30) })
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            for range in Self.ranges(bytes, size: Bool.random(using: &random) ? 48 : random.next()) {
                #expect(range.end > range.start, "seed \(seed)")
            }
        }
    }
}
