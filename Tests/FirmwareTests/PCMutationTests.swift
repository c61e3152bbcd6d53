// SPDX-License-Identifier: Apache-2.0

import Base
import Firmware
import Testing

/// Mutated structures of PC loaders and firmware: every reader answers, none traps, none loops.
@Suite struct PCMutationTests {
    /// A few changes to `bytes` between `range`'s bounds, in little-endian words where arithmetic breaks.
    static func mutate(_ bytes: inout [UInt8], in range: Range<Int>, _ random: inout MutationTests.Random) {
        let words: [UInt64] = [
            0, 1, 7, 8, 0x7f, 0x1000, 0x2000, 0x3fff, 0x4000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff0, 1 << 32,
            1 << 63, .max, .max - 7,
        ]
        for _ in 0...random.below(4) {
            let at = range.lowerBound + random.below(range.count)
            switch random.below(4) {
            case 0: bytes[at] ^= 1 << UInt8(random.below(8))
            case 1: bytes[at] = UInt8(truncatingIfNeeded: random.next())
            default:
                let word = words[random.below(words.count)]
                let width = random.below(2) == 0 ? 4 : 8
                for index in 0..<width where (at & ~3) + index < range.upperBound {
                    bytes[(at & ~3) + index] = UInt8(truncatingIfNeeded: word >> UInt64(index * 8))
                }
            }
        }
    }

    /// `count` mutations of `memory` between `range`'s bounds, each put back afterwards.
    static func each(
        _ count: Int, _ memory: PCMemory, _ range: Range<Int>,
        _ body: @Sendable (Span<UInt8>, inout MutationTests.Random) -> Void
    ) {
        MutationTests.parallel(count) { random in
            var bytes = Array(memory.bytes)
            // One copy serves many mutations.
            for _ in 0..<16 {
                mutate(&bytes, in: range, &random)
                body(bytes.span, &random)
                for index in range { bytes[index] = memory.bytes[index] }
            }
        }
    }

    static func exercise(_ information: BootInformation) -> Int {
        var steps = information.moduleCount
        for index in 0..<min(steps, 8) {
            if let module = information.module(index) { steps += module.words.count }
        }
        var map = information.memoryMap()
        while map.next() != nil { steps += 1 }
        return steps + information.hypervisorWords.count + information.loaderName.count + information.rootPointer.count
    }

    static func exercise(_ acpi: borrowing ACPI) -> Int {
        var steps = acpi.count + acpi.unreadable
        if let table = acpi.table("APIC") {
            for kind in [ACPI.RemappingKind.amd, .intel] {
                var entries = ACPI.RemappingEntries(table, kind: kind)
                while entries.next() != nil { steps += 1 }
            }
            var entries = ACPI.InterruptEntries(table)
            while entries.next() != nil { steps += 1 }
        }
        if let table = acpi.table("SRAT") {
            var entries = ACPI.Affinities(table)
            while entries.next() != nil { steps += 1 }
        }
        if let table = acpi.table("SLIT"), let distances = ACPI.Distances(table) {
            steps += Int(distances.distance(from: distances.count - 1, to: distances.count - 1) ?? 0)
        }
        if let table = acpi.table("FACP"), ACPI.FixedDescription(table).timer != nil { steps += 1 }
        if let table = acpi.table("HPET"), ACPI.eventTimer(table) != nil { steps += 1 }
        acpi.forEachTable { address, table in steps += Int(table.byteSum) + Int(address & 1) }
        return steps
    }

    @Test func mutatedMultiboot1() {
        Self.each(2_400, .multiboot1(), 0x1000..<0x1640) { memory, _ in
            if let information = try? BootInformation(multiboot1: 0x1000, in: memory) {
                precondition(Self.exercise(information) < 1_000_000, "a reader loops")
            }
        }
    }

    @Test func mutatedMultiboot2() {
        Self.each(2_400, .multiboot2(), 0x1000..<0x1200) { memory, _ in
            if let information = try? BootInformation(multiboot2: 0x1000, in: memory) {
                precondition(Self.exercise(information) < 1_000_000, "a reader loops")
            }
        }
    }

    @Test func mutatedPVH() {
        Self.each(1_600, .pvh(), 0x1000..<0x1480) { memory, _ in
            if let information = try? BootInformation(pvh: 0x1000, in: memory) {
                precondition(Self.exercise(information) < 1_000_000, "a reader loops")
            }
        }
    }

    @Test func mutatedTables() {
        let tables = [PCMemory.madt, PCMemory.srat(), PCMemory.slit, PCMemory.fadt, PCMemory.hpet]
        Self.each(2_400, .acpi(tables), 0x1300..<0x2500) { memory, _ in
            // Mutated pointers fail their checksum: ask the tables behind a good one, too.
            for start in [0x1300, 0x3000] {
                if let acpi = ACPI(rootPointer: memory.slice(from: start, count: 36), in: memory) {
                    precondition(Self.exercise(acpi) < 1_000_000, "a reader loops")
                }
            }
        }
    }

    @Test func mutatedSerialOptions() {
        let alphabet = Array("0123456789,/nxoems8 auto-=bdipqr".utf8)
        MutationTests.parallel(50_000) { random in
            let bytes = (0..<random.below(20)).map { _ in alphabet[random.below(alphabet.count)] }
            var options = SerialOptions(port: 0x3f8)
            try? options.read(bytes.span)
            _ = (options.divisor, options.lineControl)
        }
    }
}
