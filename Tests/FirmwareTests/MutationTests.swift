// SPDX-License-Identifier: Apache-2.0

import Firmware
import Foundation
import Testing

/// A million mutated inputs: every reader answers, none traps, none loops.
///
/// A failure prints its seed; `FIRMWARE_SEED=<number>` repeats it.
@Suite struct MutationTests {
    /// xorshift64*: small, and the same everywhere.
    struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_f491_4f6c_dd1d
        }
        mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(max(limit, 1))) }
    }

    static let seed =
        ProcessInfo.processInfo.environment["FIRMWARE_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...UInt64.max)

    /// A small tree that still has one of each thing a reader looks for.
    static func smallTree() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        return try write(into: &buffer) { writer in
            writer.reserve(start: 0x1000, size: 0x1000)
            writer.begin("")
            writer.property("#address-cells", u32: 2)
            writer.property("#size-cells", u32: 1)
            writer.property("interrupt-parent", u32: 1)
            writer.begin("aliases")
            writer.property("s", string: "/b/u")
            writer.end()
            writer.begin("chosen")
            writer.property("stdout-path", string: "s:9600")
            writer.property("bootargs", string: "dom0_mem=1G,max:2G -- x")
            writer.begin("module", unit: 0x100)
            writer.property("compatible", strings: ["multiboot,kernel", "multiboot,module"])
            writer.property("reg", cells: [0, 0x100, 0x200])
            writer.end()
            writer.end()
            writer.begin("memory")
            writer.property("device_type", string: "memory")
            writer.property("reg", cells: [0, 0x4000, 0x1000, 1, 0, 5])
            writer.end()
            writer.begin("cpus")
            writer.property("#address-cells", u32: 1)
            writer.begin("c")
            writer.property("device_type", string: "cpu")
            writer.property("reg", u32: 3)
            writer.property("enable-method", string: "psci")
            writer.end()
            writer.end()
            writer.begin("g")
            writer.property("compatible", string: "arm,gic-v3")
            writer.property("phandle", u32: 1)
            writer.property("#interrupt-cells", u32: 3)
            writer.property("interrupt-controller")
            writer.property("reg", cells: [0, 1, 2, 0, 4, 5])
            writer.property("interrupts", cells: [1, 9, 4])
            writer.end()
            writer.begin("b")
            writer.property("ranges", cells: [0, 0, 0, 7, 0x1000])
            writer.begin("u")
            writer.property("reg", cells: [0, 5, 6])
            writer.property("interrupts-extended", cells: [1, 0, 5, 4])
            writer.end()
            writer.end()
            writer.begin("timer")
            writer.property("compatible", string: "arm,armv8-timer")
            writer.property("interrupts", cells: [1, 13, 8, 1, 14, 8])
            writer.end()
            writer.end()
        }
    }

    /// Changes bits, bytes, words and the length. Words become values at which arithmetic breaks.
    static func mutate(_ bytes: inout [UInt8], _ random: inout Random) {
        for _ in 0...random.below(4) {
            guard !bytes.isEmpty else { return }
            let at = random.below(bytes.count)
            switch random.below(6) {
            case 0: bytes[at] ^= 1 << UInt8(random.below(8))
            case 1: bytes[at] = UInt8(truncatingIfNeeded: random.next())
            case 2, 3:
                let words: [UInt32] = [
                    0, 1, 2, 3, 4, 8, 9, 0x7f, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fffc, 0xffff_fff0,
                    UInt32(bytes.count), UInt32(bytes.count - at), 0x10000,
                ]
                let word = words[random.below(words.count)]
                let start = at & ~3
                for index in 0..<4 where start + index < bytes.count {
                    bytes[start + index] = UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * index))
                }
            case 4: bytes.removeLast(random.below(min(8, bytes.count)))
            default: bytes[at] = bytes[random.below(bytes.count)]
            }
        }
    }

    /// Asks a tree everything. Returns the number of answers, which must stay small: a loop would not.
    static func exercise(_ tree: DeviceTree) -> Int {
        var steps = 0
        var walk = tree.walk()
        while let node = walk.next() {
            steps += 1
            if tree.region(of: node) != nil { steps += 1 }
            if var interrupts = tree.interrupts(of: node) {
                while let interrupt = interrupts.next() { steps += interrupt.gic == nil ? 1 : 2 }
            }
        }
        var regions = tree.memoryRegions()
        while regions.next() != nil { steps += 1 }
        var reservations = tree.memoryReservations()
        while reservations.next() != nil { steps += 1 }
        var modules = tree.modules()
        while modules.next() != nil { steps += 1 }
        var processors = tree.processors()
        while processors.next() != nil { steps += 1 }
        if tree.gic() != nil { steps += 1 }
        if tree.timer() != nil { steps += 1 }
        if tree.psci() != nil { steps += 1 }
        if tree.consoleNode() != nil { steps += 1 }
        for port in [tree.chosenSerialPort(), tree.firstSerialPort()] where port != nil { steps += 1 }
        tree.forEachDistance { _, _, _ in steps += 1 }
        return steps + tree.hypervisorArguments().count + tree.dom0Arguments().count + tree.consoleOptions().count
    }

    /// Runs `body` `count` times on all CPUs, with a generator of its own per slice.
    static func parallel(_ count: Int, _ body: @Sendable (inout Random) -> Void) {
        let slices = 16
        print("FIRMWARE_SEED=\(seed)")
        DispatchQueue.concurrentPerform(iterations: slices) { slice in
            var random = Random(state: seed &+ UInt64(slice) &* 0x9e37_79b9_7f4a_7c15 | 1)
            for _ in 0..<count / slices { body(&random) }
        }
    }

    @Test func mutatedTrees() throws {
        let small = try Self.smallTree()
        #expect(try read(small) > 10)
        Self.parallel(90_000) { random in
            var bytes = small
            Self.mutate(&bytes, &random)
            if let tree = try? DeviceTree(bytes.span) { precondition(Self.exercise(tree) < 10_000, "a reader loops") }
        }
        func read(_ bytes: [UInt8]) throws -> Int { Self.exercise(try DeviceTree(bytes.span)) }
    }

    @Test(.enabled(if: Trees.isInstalled("dtc"), "needs dtc"))
    func mutatedBoard() throws {
        let board = try Trees.fixture("board")
        Self.parallel(1_000) { random in
            var bytes = board
            Self.mutate(&bytes, &random)
            if let tree = try? DeviceTree(bytes.span) { precondition(Self.exercise(tree) < 10_000, "a reader loops") }
        }
    }

    @Test func mutatedCopies() throws {
        let small = try Self.smallTree()
        Self.parallel(20_000) { random in
            var bytes = small
            Self.mutate(&bytes, &random)
            guard let tree = try? DeviceTree(bytes.span) else { return }
            var buffer = [UInt8](repeating: 0, count: random.below(2000))
            let copy = try? write(into: &buffer) { writer in
                writer.begin("")
                writer.copyProperties(of: tree.root, from: tree)
                writer.copyChildren(of: tree.root, from: tree)
                writer.end()
            }
            if let copy { precondition((try? DeviceTree(copy.span)) != nil, "the copy of a tree is no tree") }
        }
    }

    @Test func mutatedCommandLines() {
        let lines = [
            "dom0_mem=512M,max:1G+10% dom0_max_vcpus=2-4 noreboot console=dtuart x=0x10M -- root=\"a b\"",
            "no-noreboot x=\"17T\" dom0_mem=min:-5%,1G", "console=com1H,vga loglvl=all/none iommu=no-intremap maxcpus=0x10",
        ].map { Array($0.utf8) }
        let alphabet = Array(" =\"\t-,:+%0123456789xXkKmMgGtTbB-abno\0\u{7f}".utf8)
        Self.parallel(250_000) { random in
            var bytes = lines[random.below(lines.count)]
            for _ in 0...random.below(4) {
                let at = random.below(bytes.count)
                bytes[at] = alphabet[random.below(alphabet.count)]
            }
            let line = CommandLine(bytes.span)
            var size = OptionText(line.text("x", default: .literal("")))
            _ = try? size.size()
            var problems = 0
            let options = HypervisorOptions(line, isX86: random.below(2) == 0) { problems += $1.name.count + $1.value.count }
            if let memory = options.dom0Memory { _ = memory.bytes(available: random.next()) }
            var list = ConsoleList(line.text("console", default: .literal("")))
            while list.next() != nil { problems += list.text.count }
            precondition(problems < 1000)
        }
    }

    @Test func mutatedImages() {
        let headers = [
            LinuxImageTests.header([8: 0, 0x10: 0x0201_0000, 0x18: 10, 0x38: 0x644d_5241]),
            LinuxImageTests.header([0x24: 0x016f_2818, 0x28: 0, 0x2c: 0x50_0000]),
            // An EFI zboot image whose payload is the header itself.
            LinuxImageTests.header([0: 0x5a4d, 4: 0x676d_697a, 8: 0, 12: 64, 24: 0x7069_7a67]),
        ]
        Self.parallel(640_000) { random in
            var bytes = headers[random.below(3)]
            Self.mutate(&bytes, &random)
            if let image = LinuxZBoot(bytes.span) {
                precondition(image.payload.count <= bytes.count && image.packing.count <= 32, "a payload that is not in the file")
            }
            if let image = try? LinuxImage(header: bytes.span, fileSize: random.next()) {
                _ = image.loadAddress(in: random.next())
            }
        }
    }
}
