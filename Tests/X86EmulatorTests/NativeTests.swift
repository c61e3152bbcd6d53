// SPDX-License-Identifier: Apache-2.0

import Native
import Support
import Testing

@testable import X86Emulator

/// Registers, and a copy of the data.
struct CopiedProcessor: EmulatedProcessor {
    let code: CodeWidth
    var stackWidth: Int { code == .bits64 ? 8 : 4 }
    var registers: [UInt64]
    var vectors: [VectorRegister]
    var flags: UInt64
    var instructionPointer: UInt64
    let base: UInt64
    let data: UnsafeMutableRawPointer

    subscript(register: Int) -> UInt64 {
        get { registers[register] }
        set { registers[register] = newValue }
    }
    /// Flat, but for what Linux lets 32-bit code read and write.
    func descriptor(of segment: Segment) -> SegmentDescriptor {
        SegmentDescriptor(base: 0, limit: .max, attributes: segment == .cs ? 0xcfb : 0xcf3)
    }
    var checksSegments: Bool { true }
    func probe(_ address: UInt64) throws(EmulationStop) { _ = try place(address, 1) }
    func vector(_ number: Int) throws(EmulationStop) -> VectorRegister { vectors[number] }
    mutating func setVector(_ number: Int, _ value: VectorRegister) throws(EmulationStop) { vectors[number] = value }
    var portRights: PortRights {
        PortRights(isProtected: true, level: 0, task: SegmentDescriptor(base: 0, limit: 0, attributes: 0))
    }
    func loadFromTask(_ address: UInt64) throws(EmulationStop) -> UInt8 { throw .memory }
    func input(_ port: UInt16, width: Int) -> UInt64 { 0 }
    func output(_ port: UInt16, _ value: UInt64, width: Int) {}
    func write(_ register: SystemRegister, _ value: UInt64) throws(EmulationStop) { throw .unknown }
    private func place(_ address: UInt64, _ width: Int) throws(EmulationStop) -> UnsafeMutableRawPointer {
        guard address >= base, address - base <= 8192 - UInt64(width) else { throw .memory }
        return data + Int(address - base)
    }
    func load(_ address: UInt64, width: Int) throws(EmulationStop) -> UInt64 {
        let place = try place(address, width)
        var value: UInt64 = 0
        withUnsafeMutableBytes(of: &value) { $0.copyMemory(from: UnsafeRawBufferPointer(start: place, count: width)) }
        return value
    }
    func store(_ value: UInt64, at address: UInt64, width: Int) throws(EmulationStop) {
        let place = try place(address, width)
        withUnsafeBytes(of: value) { place.copyMemory(from: $0.baseAddress!, byteCount: width) }
    }
}

/// The same instruction in the emulator and on the processor that the test runs on.
@Suite(.enabled(if: native_pages() != nil, "needs an x86-64 processor, and memory below 2 GiB"))
struct NativeTests {
    static let count = 1_000_000

    /// Every fourth instruction is one of 32-bit code.
    @Test func agreesWithTheProcessor() throws {
        let pages = try #require(native_pages())
        let native = UnsafeMutableRawPointer(pages) + 4096
        let copy = UnsafeMutableRawPointer.allocate(byteCount: 8192, alignment: 16)
        defer { copy.deallocate() }
        let seed = UInt64.random(in: 0...UInt64.max)
        print("X86Emulator seed \(seed)")
        var maker = CaseMaker(data: UInt64(UInt(bitPattern: native)), random: SplitMix(state: seed))
        var known: Set<UInt64> = []
        var families = [[Int]](repeating: [Int](repeating: 0, count: Int(Case.families)), count: 2)
        for number in 0..<Self.count {
            if number % 4096 == 0 { refill(native, copy, &maker.random) }
            maker.is32 = number % 4 == 3
            maker.leave = native_leave_address(maker.is32)
            let test = maker.next()
            families[test.is32 ? 1 : 0][Int(test.family)] += 1
            if let word = test.target ?? test.word {
                let place = Int(word.address) - Int(bitPattern: native)
                for data in [native, copy] { data.storeBytes(of: word.value, toByteOffset: place, as: UInt64.self) }
            }
            guard let difference = compare(test, native, copy) else {
                known.insert(UInt64(test.bytes.reduce(0) { $0 &* 31 &+ UInt64($1) }))
                continue
            }
            let bytes = test.bytes.map { String($0, radix: 16) }.joined(separator: " ")
            Issue.record("seed \(seed), case \(number), \(bytes): \(difference)")
            return
        }
        // The generator goes round: most of a million are different instructions.
        #expect(known.count > Self.count / 4)
        // Not one kind is left out, in code of either width.
        #expect(families.joined().min()! > Self.count / 2000, "\(families)")
    }

    private func refill(_ native: UnsafeMutableRawPointer, _ copy: UnsafeMutableRawPointer, _ random: inout SplitMix) {
        for word in 0..<1024 { native.storeBytes(of: random.next(), toByteOffset: word * 8, as: UInt64.self) }
        copy.copyMemory(from: native, byteCount: 8192)
    }

    /// What differs; nil where nothing does.
    private func compare(_ test: Case, _ native: UnsafeMutableRawPointer, _ copy: UnsafeMutableRawPointer) -> String? {
        let data = UInt64(UInt(bitPattern: native))
        var processor = CopiedProcessor(
            code: test.is32 ? .bits32 : .bits64, registers: test.registers, vectors: test.vectors, flags: test.flags,
            instructionPointer: data - 4096, base: data, data: copy)
        do throws(EmulationStop) { try emulate(test.bytes.span, on: &processor) } catch {
            return "\(error), \(test.registers.map { String($0, radix: 16) })"
        }
        var state = native_state()
        withUnsafeMutableBytes(of: &state.registers) { $0.copyBytes(from: test.registers.withUnsafeBytes { Array($0) }) }
        state.flags = test.flags
        withUnsafeMutableBytes(of: &state.vectors) { $0.copyBytes(from: test.vectors.withUnsafeBytes { Array($0) }) }
        native_run(test.bytes, test.bytes.count, test.is32, &state)
        let registers = withUnsafeBytes(of: &state.registers) { Array($0.bindMemory(to: UInt64.self)) }
        // What 32-bit code leaves in the upper halves is nobody's business.
        let part: UInt64 = test.is32 ? 0xffff_ffff : .max
        for (number, value) in registers.prefix(test.is32 ? 8 : 16).enumerated()
        where (value ^ processor.registers[number]) & part != 0 {
            return "register \(number) is \(String(processor.registers[number], radix: 16)), not \(String(value, radix: 16))"
        }
        let vectors = withUnsafeBytes(of: &state.vectors) { Array($0.bindMemory(to: VectorRegister.self)) }
        for number in 0..<16 where vectors[number] != processor.vectors[number] {
            return "vector \(number) is \(processor.vectors[number]), not \(vectors[number])"
        }
        let relevant = (Flag.status | Flag.direction) & ~test.undefined
        if (state.flags ^ processor.flags) & relevant != 0 {
            return "flags \(String(processor.flags, radix: 16)), not \(String(state.flags, radix: 16))"
        }
        let next = test.target?.value ?? data - 4096 + UInt64(test.bytes.count)
        if processor.instructionPointer != next { return "instruction pointer" }
        for word in stride(from: 0, to: 8192, by: 8) {
            let (is_, wanted) = (
                copy.load(fromByteOffset: word, as: UInt64.self), native.load(fromByteOffset: word, as: UInt64.self)
            )
            if is_ != wanted { return "memory at \(word) is \(String(is_, radix: 16)), not \(String(wanted, radix: 16))" }
        }
        return nil
    }
}
