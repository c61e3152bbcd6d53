// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import X86Emulator

/// A processor in any mode with 64 KiB of memory, which refuses what lies beyond.
struct SmallProcessor: EmulatedProcessor {
    var code = CodeWidth.bits64
    var stackWidth = 8
    var registers = [UInt64](repeating: 0, count: 16)
    var flags: UInt64 = 2
    var instructionPointer: UInt64 = 0x100
    var bases: [UInt64] = [0, 0, 0, 0, 0, 0]
    var memory = [UInt8](repeating: 0, count: 65536)
    var stores = 0

    subscript(register: Int) -> UInt64 {
        get { registers[register] }
        set { registers[register] = newValue }
    }
    var segments: [SegmentDescriptor]?
    var vectors = [VectorRegister](repeating: VectorRegister(), count: 16)
    var hasVectors = true
    /// What INS reads one after the other, and what OUTS has written.
    var inputs: [UInt64] = []
    var outputs: [(port: UInt16, value: UInt64, width: Int)] = []

    func descriptor(of segment: Segment) -> SegmentDescriptor {
        segments?[Int(segment.rawValue)]
            ?? SegmentDescriptor(base: bases[Int(segment.rawValue)], limit: .max, attributes: 0xc93)
    }
    var checksSegments: Bool { segments != nil }
    func probe(_ address: UInt64) throws(EmulationStop) { _ = try load(address, width: 1) }
    func vector(_ number: Int) throws(EmulationStop) -> VectorRegister {
        guard hasVectors else { throw .deviceNotAvailable }
        return vectors[number]
    }
    mutating func setVector(_ number: Int, _ value: VectorRegister) throws(EmulationStop) { vectors[number] = value }
    var portRights = PortRights(isProtected: true, level: 0, task: SegmentDescriptor(base: 0, limit: 0, attributes: 0))
    func loadFromTask(_ address: UInt64) throws(EmulationStop) -> UInt8 { UInt8(try load(address, width: 1)) }
    mutating func input(_ port: UInt16, width: Int) -> UInt64 { inputs.isEmpty ? 0xff : inputs.removeFirst() }
    mutating func output(_ port: UInt16, _ value: UInt64, width: Int) { outputs.append((port, value, width)) }
    /// What was written, one after the other.
    var system: [(register: SystemRegister, value: UInt64)] = []
    mutating func write(_ register: SystemRegister, _ value: UInt64) throws(EmulationStop) {
        guard register != .control(1) else { throw .invalidOpcode }
        system.append((register, value))
    }
    func load(_ address: UInt64, width: Int) throws(EmulationStop) -> UInt64 {
        guard address <= 65536 - UInt64(width) else { throw .memory }
        return (0..<width).reversed().reduce(0) { $0 << 8 | UInt64(memory[Int(address) + $1]) }
    }
    mutating func store(_ value: UInt64, at address: UInt64, width: Int) throws(EmulationStop) {
        guard address <= 65536 - UInt64(width) else { throw .memory }
        for index in 0..<width { memory[Int(address) + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
        stores += 1
    }
}

@Suite struct ModeTests {
    /// MOV to CR and DR, in every width of code, and LMSW from memory and a register (AMD APM 3, MOV CRn, LMSW).
    @Test(
        arguments: [
            ([0x0f, 0x22, 0xe0], .bits64, .control(4), 0x1122_3344_5566_7788, 3),
            ([0x0f, 0x22, 0xe0], .bits32, .control(4), 0x5566_7788, 3),
            // No operand size, whatever the prefix, and memory is not said by ModRM.
            ([0x66, 0x0f, 0x22, 0x20], .bits32, .control(4), 0x5566_7788, 4),
            ([0x44, 0x0f, 0x22, 0xc0], .bits64, .control(8), 0x1122_3344_5566_7788, 4),
            ([0x41, 0x0f, 0x22, 0xc0], .bits64, .control(0), 0x99, 4),
            ([0x0f, 0x23, 0xf8], .bits64, .debug(7), 0x1122_3344_5566_7788, 3),
            ([0x0f, 0x01, 0xf0], .bits16, .machineStatus, 0x7788, 3),
            ([0x0f, 0x01, 0x33], .bits64, .machineStatus, 0xcdab, 3),
            ([0x0f, 0x06], .bits32, .taskSwitched, 0, 2),
        ] as [([UInt8], CodeWidth, SystemRegister, UInt64, UInt64)])
    func systemRegisters(_ bytes: [UInt8], _ code: CodeWidth, _ register: SystemRegister, _ value: UInt64, _ length: UInt64)
        throws
    {
        var cpu = SmallProcessor(code: code)
        cpu.registers[0] = 0x1122_3344_5566_7788
        cpu.registers[8] = 0x99
        cpu.registers[3] = 0x2000
        (cpu.memory[0x2000], cpu.memory[0x2001]) = (0xab, 0xcd)
        try run(bytes, &cpu)
        #expect(cpu.system.count == 1 && cpu.system[0].register == register && cpu.system[0].value == value)
        #expect(cpu.instructionPointer == 0x100 + length)
    }

    @Test func systemRegistersThatAreRefused() {
        var cpu = SmallProcessor()
        #expect(throws: EmulationStop.invalidOpcode) { try run([0x0f, 0x22, 0xc8], &cpu) }
        // LOCK, which on some processors names CR8; SGDT.
        for bytes: [UInt8] in [[0xf0, 0x0f, 0x22, 0xc0], [0x0f, 0x01, 0x03], [0x0f, 0x22]] {
            #expect(throws: EmulationStop.unknown) { try run(bytes, &cpu) }
        }
        #expect(cpu.system.isEmpty && cpu.instructionPointer == 0x100)
        let (move, other): ([UInt8], [UInt8]) = ([0x0f, 0x22, 0xd8], [0x0f, 0x20, 0xd8])
        #expect(writesSystemRegister(move.span, .bits64) && !writesSystemRegister(other.span, .bits64))
    }

    func run(_ bytes: [UInt8], _ processor: inout SmallProcessor, repetitions: Int = 100) throws(EmulationStop) {
        try emulate(bytes.span, on: &processor, repetitions: repetitions)
    }

    @Test func sixteenBits() throws {
        var cpu = SmallProcessor(code: .bits16, stackWidth: 2)
        cpu.bases = [0x2000, 0, 0x3000, 0x1000, 0, 0]
        cpu.registers[3] = 0xffff_0010
        cpu.registers[6] = 0xfff8
        cpu.registers[0] = 0x1122_3344
        // mov %ax,0x10(%bx,%si): the offset wraps at 64 KiB, DS.
        try run([0x89, 0x40, 0x10], &cpu)
        #expect(try cpu.load(0x1018, width: 4) == 0x3344 && cpu.instructionPointer == 0x103)
        // movl %eax,(%bp,%di) with an operand prefix: SS.
        cpu.registers[5] = 0x20
        cpu.registers[7] = 4
        try run([0x66, 0x89, 0x03], &cpu)
        #expect(try cpu.load(0x3024, width: 4) == 0x1122_3344)
        // mov %es:0x1234,%cx, mov (%eax),%dl with an address prefix: EAX is beyond, by a segment of 32 bits.
        try cpu.store(0xabcd, at: 0x3234, width: 2)
        try run([0x26, 0x8b, 0x0e, 0x34, 0x12], &cpu)
        #expect(cpu.registers[1] == 0xabcd)
        #expect(throws: EmulationStop.memory) { try self.run([0x67, 0x8a, 0x10], &cpu) }
        // push (%bx); pop 2(%bx): SP wraps at 64 KiB, the upper half stays.
        cpu.registers[4] = 0x5555_0000
        cpu.registers[3] = 0x20
        try cpu.store(0x7777, at: 0x1020, width: 2)
        cpu.bases[2] = 0
        try run([0xff, 0x37], &cpu)
        #expect(cpu.registers[4] == 0x5555_fffe)
        try run([0x8f, 0x47, 0x02], &cpu)
        #expect(cpu.registers[4] == 0x5555_0000)
        #expect(try cpu.load(0x1022, width: 2) == 0x7777)
        // jmp *(%bx): 16 bits of it.
        try run([0xff, 0x27], &cpu)
        #expect(cpu.instructionPointer == 0x7777)
    }

    @Test func thirtyTwoBits() throws {
        var cpu = SmallProcessor(code: .bits32, stackWidth: 4)
        cpu.bases = [0, 0, 0, 0xffff_f000, 0x4000, 0]
        cpu.registers[0] = 0x2000
        cpu.registers[1] = 0xcafe_f00d
        // mov %ecx,(%eax): linear addresses wrap at 4 GiB. inc %eax is 0x40 here, and not known: no memory.
        try run([0x89, 0x08], &cpu)
        #expect(try cpu.load(0x1000, width: 4) == 0xcafe_f00d)
        #expect(throws: EmulationStop.unknown) { try self.run([0x40], &cpu) }
        // movb $5,%fs:4(,%eax,1); mov 0x2000,%al
        try run([0x64, 0xc6, 0x04, 0x05, 4, 0, 0, 0, 5], &cpu)
        #expect(cpu.memory[0x6004] == 5)
        cpu.bases[3] = 0
        cpu.memory[0x2000] = 9
        try run([0xa0, 0, 0x20, 0, 0], &cpu)
        #expect(cpu.registers[0] == 0x2009)
        // mod 0, r/m 5 is an address of its own, not relative to EIP; addw $-1,(addr)
        try run([0x66, 0x83, 0x05, 0, 0x20, 0, 0, 0xff], &cpu)
        #expect(try cpu.load(0x2000, width: 2) == 8 && cpu.flags & Flag.carry != 0)
        // rep stosb with a 16-bit address: CX and DI alone.
        cpu.registers[1] = 0x1_0003
        cpu.registers[7] = 0x5_ffff
        cpu.registers[0] = 0xee
        try run([0xf3, 0x67, 0xaa], &cpu)
        #expect(cpu.registers[1] == 0x1_0000 && cpu.registers[7] == 0x5_0002)
        #expect(cpu.memory[0xffff] == 0xee && cpu.memory[0] == 0xee && cpu.memory[1] == 0xee)
    }

    /// What cannot be done leaves everything as it was, but for the elements of a string that are done.
    @Test func refusalsChangeNothing() throws {
        let outside: UInt64 = 0x2_0000
        for bytes in [
            [0x89, 0x08], [0x01, 0x08], [0x87, 0x08], [0xf0, 0x0f, 0xb1, 0x08], [0x0f, 0xc1, 0x08], [0xff, 0x30],
            [0x8f, 0x00],
            [0xff, 0x10], [0x48, 0xd1, 0x20], [0x0f, 0xab, 0x08], [0xf6, 0x20], [0x0f, 0x44, 0x08], [0xff, 0x00],
        ] as [[UInt8]] {
            var cpu = SmallProcessor()
            cpu.registers[0] = outside
            cpu.registers[4] = 0x8000
            let before = (cpu.registers, cpu.flags, cpu.instructionPointer)
            #expect(throws: EmulationStop.memory, "\(bytes)") { try self.run(bytes, &cpu) }
            #expect(
                cpu.registers == before.0 && cpu.flags == before.1 && cpu.instructionPointer == before.2 && cpu.stores == 0)
        }
        var cpu = SmallProcessor()
        cpu.registers[1] = 10
        cpu.registers[6] = 0x100
        cpu.registers[7] = 65536 - 12
        #expect(throws: EmulationStop.memory) { try self.run([0xf3, 0xa5], &cpu) }
        #expect(cpu.registers[1] == 7 && cpu.registers[6] == 0x10c && cpu.instructionPointer == 0x100)
    }

    /// A long string goes on where it stopped, and a repetition of 0 is none.
    @Test func stringsInPieces() throws {
        var cpu = SmallProcessor()
        cpu.registers[1] = 250
        cpu.registers[7] = 0x1000
        for left in [150, 50, 0] as [UInt64] {
            #expect(cpu.instructionPointer == 0x100)
            try run([0xf3, 0xab], &cpu)
            #expect(cpu.registers[1] == left)
        }
        #expect(cpu.instructionPointer == 0x102 && cpu.stores == 250)
        try run([0xf3, 0xab], &cpu)
        #expect(cpu.instructionPointer == 0x104 && cpu.stores == 250)
    }

    /// #DE, with nothing changed.
    @Test func divisionsWithoutAQuotient() throws {
        // RAX, RDX, divisor, bytes with the divisor at (%rbx).
        let rows: [(UInt64, UInt64, UInt64, [UInt8], Bool)] = [
            (5, 0, 0, [0xf7, 0x33], true), (0, 5, 5, [0xf7, 0x33], true), (.max, 4, 5, [0xf7, 0x33], false),
            (0x500, 0, 5, [0xf6, 0x33], true), (0x4ff, 0, 5, [0xf6, 0x33], false), (5, 0, 0, [0x48, 0xf7, 0x3b], true),
            (1 << 63, .max, .max, [0x48, 0xf7, 0x3b], true), (1 << 63, .max, 1, [0x48, 0xf7, 0x3b], false),
            (0xff80, 0, 0xff, [0xf6, 0x3b], true), (0xff80, 0, 1, [0xf6, 0x3b], false), (0x80, 0, 1, [0xf6, 0x3b], true),
            (0x8000_0000, 0xffff_ffff, 0xffff_ffff, [0xf7, 0x3b], true), (0x8000, 0xffff, 0xffff, [0x66, 0xf7, 0x3b], true),
            (0, 1, 2, [0x48, 0xf7, 0x33], false), (0, 2, 2, [0x48, 0xf7, 0x33], true),
        ]
        for row in rows {
            var cpu = SmallProcessor()
            (cpu.registers[0], cpu.registers[2], cpu.registers[3]) = (row.0, row.1, 0x1000)
            try cpu.store(row.2, at: 0x1000, width: 8)
            let before = cpu.registers
            guard row.4 else {
                try run(row.3, &cpu)
                continue
            }
            #expect(throws: EmulationStop.exception(0), "\(row)") { try self.run(row.3, &cpu) }
            #expect(cpu.registers == before && cpu.instructionPointer == 0x100)
        }
    }

    /// What segments of protected mode allow.
    @Test func segments() throws {
        let data = SegmentDescriptor(base: 0, limit: 0x1fff, attributes: 0xc93)
        // Type, limit, offset, width: whether it can be read, and written.
        let rows: [(UInt16, UInt32, UInt64, Int, Bool, Bool)] = [
            (0xc93, 0x1fff, 0x1ffc, 4, true, true), (0xc93, 0x1fff, 0x1ffd, 4, false, false),
            (0xc91, 0x1fff, 0x1000, 4, true, false), (0xc9b, 0x1fff, 0x1000, 4, true, false),
            (0xc99, 0x1fff, 0x1000, 4, false, false), (0xc13, 0x1fff, 0x1000, 4, false, false),
            (0xc97, 0x1fff, 0x2000, 4, true, true), (0xc97, 0x1fff, 0x1fff, 1, false, false),
            (0x097, 0x1fff, 0xfffc, 4, true, true), (0x097, 0x1fff, 0xfffd, 4, false, false),
            (0xc93, .max, 0xffff_fffc, 4, true, true), (0xc93, .max, 0xffff_fffd, 4, false, false),
        ]
        for row in rows {
            let segment = SegmentDescriptor(base: 0, limit: row.1, attributes: row.0)
            #expect(segment.allows(row.2, width: row.3, write: false) == row.4, "\(row)")
            #expect(segment.allows(row.2, width: row.3, write: true) == row.5, "\(row)")
        }
        var cpu = SmallProcessor(code: .bits32, stackWidth: 4)
        cpu.segments = [data, data, data, data, data, data]
        (cpu.registers[0], cpu.registers[4], cpu.registers[6], cpu.registers[7]) = (0x2000, 0x2002, 0x1000, 0x1fff)
        let before = cpu.registers
        // mov %ecx,(%eax); push 4(%esi), past the stack's end; movsl, to beyond ES; the same in real mode.
        #expect(throws: EmulationStop.exception(13)) { try self.run([0x89, 0x08], &cpu) }
        #expect(throws: EmulationStop.exception(12)) { try self.run([0x36, 0x89, 0x08], &cpu) }
        #expect(throws: EmulationStop.exception(12)) { try self.run([0xff, 0x76, 0x04], &cpu) }
        #expect(throws: EmulationStop.exception(13)) { try self.run([0xa5], &cpu) }
        #expect(cpu.registers == before && cpu.stores == 0)
        cpu.segments = nil
        try run([0x89, 0x08], &cpu)
        #expect(cpu.stores == 1)
    }

    @Test func portsInPieces() throws {
        var cpu = SmallProcessor(code: .bits32, stackWidth: 4)
        (cpu.registers[1], cpu.registers[2], cpu.registers[7]) = (3, 0x5_0061, 0x1000)
        cpu.inputs = [0x1122, 0x3344, 0x5566]
        try run([0xf3, 0x66, 0x6d], &cpu)
        #expect(try cpu.load(0x1000, width: 8) == 0x5566_3344_1122 && cpu.registers[1] == 0 && cpu.registers[7] == 0x1006)
        // outsb downwards.
        (cpu.registers[6], cpu.flags) = (0x1001, Flag.direction)
        try run([0x6e], &cpu)
        try run([0x6f], &cpu)
        #expect(cpu.outputs.map(\.port) == [0x61, 0x61] && cpu.outputs.map(\.value) == [0x11, 0x3344_1122])
        #expect(cpu.outputs.map(\.width) == [1, 4] && cpu.registers[6] == 0xffc)
        // Nothing is read from a port for a place that cannot be written.
        (cpu.registers[7], cpu.inputs) = (65535, [7])
        #expect(throws: EmulationStop.memory) { try self.run([0x6d], &cpu) }
        #expect(cpu.inputs == [7])
    }

    @Test func vectorsAtTheEdge() throws {
        var cpu = SmallProcessor()
        cpu.vectors[1] = VectorRegister(low: 1, high: 2)
        cpu.registers[0] = 65536 - 8
        // movups %xmm1,(%rax): half of it would fit; movaps of an odd address; a processor without.
        #expect(throws: EmulationStop.memory) { try self.run([0x0f, 0x11, 0x08], &cpu) }
        #expect(throws: EmulationStop.exception(13)) { try self.run([0x0f, 0x29, 0x08], &cpu) }
        cpu.hasVectors = false
        #expect(throws: EmulationStop.exception(7)) { try self.run([0x0f, 0x11, 0x08], &cpu) }
        #expect(throws: EmulationStop.unknown) { try self.run([0x0f, 0x11, 0xc8], &cpu) }
        #expect(cpu.stores == 0 && cpu.instructionPointer == 0x100)
    }

    @Test func notKnown() {
        var cpu = SmallProcessor()
        for bytes in [
            [], [0x66], [0x8b], [0x8b, 0x40], [0xc7, 0x08, 0, 0, 0, 0], [0xf0, 0x89, 0x08], [0xf0, 0x01, 0xc0],
            [0xf0, 0x39, 0x08],
            [0xff, 0x18], [0xff, 0x28], [0xff, 0x38], [0x8f, 0x08], [0x0f, 0xba, 0x00, 1], [0x0f, 0xff], [0x0f, 0x05],
            [0xcc], [0x82, 0x00, 1], [0x06], [0x66, 0x0f, 0xc3, 0x08], [0x0f, 0xc3, 0xc8],
            [UInt8](repeating: 0x66, count: 14) + [0x89, 0x08],
        ] as [[UInt8]] {
            #expect(throws: EmulationStop.unknown, "\(bytes)") { try self.run(bytes, &cpu) }
        }
        #expect(cpu.stores == 0 && cpu.instructionPointer == 0x100)
    }

    /// Whatever a guest puts there, the emulator comes back.
    @Test func anyBytes() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("X86Emulator bytes seed \(seed)")
        var random = SplitMix(state: seed)
        var done = 0
        for number in 0..<300_000 {
            var cpu = SmallProcessor()
            cpu.code = [.bits16, .bits32, .bits64][number % 3]
            cpu.stackWidth = [2, 4, 8][number % 3]
            for index in 0..<16 { cpu.registers[index] = random.next() >> (random.next() % 64) }
            cpu.flags = random.next() & (Flag.status | Flag.direction)
            let bytes = (0..<Int(random.next() % 17)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            do throws(EmulationStop) {
                try emulate(bytes.span, on: &cpu, repetitions: 4)
                done += 1
            } catch {}
        }
        #expect(done > 1000, "seed \(seed)")
    }
}
