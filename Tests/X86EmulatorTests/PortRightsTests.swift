// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import X86Emulator

/// INS and OUTS by code that may not use every port: IOPL, and the map in the task state segment (AMD APM 2, 12.2.4).
@Suite struct PortRightsTests {
    /// OUTSB, OUTSW, OUTSD and INSB, INSW, INSD.
    static let instructions: [(bytes: [UInt8], width: Int)] = [
        ([0x6e], 1), ([0x66, 0x6f], 2), ([0x6f], 4), ([0x6c], 1), ([0x66, 0x6d], 2), ([0x6d], 4), ([0xf3, 0x6e], 1), ([0xf3, 0x6c], 1),
    ]
    static let task: UInt64 = 0x2000
    static let map: UInt64 = 0x68

    /// A process at level 3 whose task has a map, with a one for every port; those in `allowed` have a zero.
    private func process(port: UInt16, allowed: [UInt16] = [], iopl: UInt64 = 0, limit: UInt32 = 0x68 + 8192, type: UInt16 = 0x8b)
        -> SmallProcessor
    {
        var cpu = SmallProcessor()
        cpu.portRights = PortRights(
            isProtected: true, level: 3, task: SegmentDescriptor(base: Self.task, limit: limit, attributes: type))
        cpu.flags = 2 | iopl << 12
        (cpu.registers[1], cpu.registers[2], cpu.registers[6], cpu.registers[7]) = (1, UInt64(port), 0x100, 0x200)
        cpu.memory[Int(Self.task) + 0x66] = UInt8(Self.map)
        for index in 0...8192 { cpu.memory[Int(Self.task + Self.map) + index] = 0xff }
        for port in allowed { cpu.memory[Int(Self.task + Self.map) + Int(port >> 3)] &= ~(1 << (port & 7)) }
        return cpu
    }

    private func isAllowed(_ bytes: [UInt8], _ cpu: SmallProcessor) throws -> Bool {
        var after = cpu
        do throws(EmulationStop) {
            try emulate(bytes.span, on: &after)
            return true
        } catch {
            #expect(error == .exception(13))
            #expect(after.outputs.isEmpty && after.stores == 0 && after.registers == cpu.registers)
            return false
        }
    }

    @Test(arguments: instructions.indices) func theMapDecides(_ index: Int) throws {
        let (bytes, width) = Self.instructions[index]
        for port: UInt16 in [0, 7, 0xcf8, 0xcfc, 0xcff, 0x1001] {
            let all = (0..<UInt16(width)).map { port &+ $0 }
            #expect(try !isAllowed(bytes, process(port: port)))
            #expect(try isAllowed(bytes, process(port: port, allowed: all)))
            // Every port that the access reaches counts.
            for left in all where width > 1 {
                #expect(try !isAllowed(bytes, process(port: port, allowed: all.filter { $0 != left })))
            }
        }
    }

    @Test func levels() throws {
        let outs: [UInt8] = [0x6e]
        for iopl: UInt64 in 0...3 {
            for level: UInt8 in 0...3 {
                var cpu = process(port: 0xcf8, iopl: iopl)
                cpu.portRights.level = level
                #expect(try isAllowed(outs, cpu) == (UInt64(level) <= iopl))
                // Real mode has no rights to lack; virtual 8086 mode goes by the map alone.
                cpu.portRights.isProtected = false
                #expect(try isAllowed(outs, cpu))
                cpu.portRights.isProtected = true
                cpu.flags |= 1 << 17
                #expect(try !isAllowed(outs, cpu))
            }
        }
    }

    /// A task without a map, or whose map ends before the port.
    @Test func tasksWithoutAMap() throws {
        let outs: [UInt8] = [0x6e]
        #expect(try isAllowed(outs, process(port: 8, allowed: [8], limit: 0x68 + 2)))
        #expect(try !isAllowed(outs, process(port: 8, allowed: [8], limit: 0x68 + 1)))
        #expect(try !isAllowed(outs, process(port: 8, allowed: [8], limit: 0x66)))
        for type: UInt16 in [0x0b, 0x83, 0x81, 0x82, 0x93] { #expect(try !isAllowed(outs, process(port: 8, allowed: [8], type: type))) }
        #expect(try isAllowed(outs, process(port: 8, allowed: [8], type: 0x89)))
    }
}
