// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Drivers
import MMIO
import Machine
import Support
import Synchronization
import Testing

/// The registers of an IOMMU, with what the hardware does when one is written.
final class FakeIOMMU: Bus, @unchecked Sendable {
    var words: [UInt64: UInt64] = [:]
    var onWrite: (UInt64, UInt64) -> Void = { _, _ in }
    var writes: [(offset: UInt64, value: UInt64)] = []
    /// Intel's global status.
    var status: UInt64 = 0

    func read64(_ offset: UInt64) -> UInt64 { words[offset] ?? 0 }
    func read32(_ offset: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: read64(offset & ~7) >> ((offset & 4) * 8))
    }
    func read8(_ offset: UInt64) -> UInt8 { 0 }
    func write64(_ offset: UInt64, _ value: UInt64) {
        writes.append((offset, value))
        words[offset] = value
        onWrite(offset, value)
    }
    func write32(_ offset: UInt64, _ value: UInt32) {
        writes.append((offset, UInt64(value)))
        let shift = (offset & 4) * 8
        words[offset & ~7] = read64(offset & ~7) & ~(0xffff_ffff << shift) | UInt64(value) << shift
        onWrite(offset, UInt64(value))
    }
    func write8(_ offset: UInt64, _ value: UInt8) {}
}

@Suite struct AMDIOMMUTests {
    let machine = FakeMachine(frames: 600)
    let registers = FakeIOMMU()

    /// Carries out the commands that were queued, as the hardware would.
    func answer(rings: MachineAddress, seen: @escaping (UInt64, UInt64) -> Void) {
        let memory = machine.source
        let registers = registers
        var head: UInt64 = 0
        registers.onWrite = { offset, value in
            guard offset == 0x2008 else { return }
            while head != value {
                let low = memory.load(UInt64.self, at: rings + head)
                let high = memory.load(UInt64.self, at: rings + head + 8)
                seen(low, high)
                if low >> 60 == 1 { memory.store(high, at: MachineAddress(low & 0x000f_ffff_ffff_fff8)) }
                head = (head + 16) % 4096
            }
        }
    }

    @Test func deviceTable() throws {
        let table = try #require(machine.source.allocate(order: 9, node: nil))
        AMDIOMMU<FakeIOMMU, FakeFrames>.fill(table.address, root: MFN(0x123), in: machine.source)
        for device in [0, 1, 0xffff] as [UInt64] {
            // V, TV, four levels, IR, IW (48882, 2.2.2.1), domain 1.
            #expect(machine.source.load(UInt64.self, at: table.address + device * 32) == 0x6000_0000_0012_3803)
            #expect(machine.source.load(UInt64.self, at: table.address + device * 32 + 8) == 1)
        }
    }

    @Test func startsAndFlushesForEver() throws {
        let rings = try #require(machine.source.allocate(order: 2, node: nil)).address
        var unit = AMDIOMMU(registers, memory: machine.source, rings: rings)
        registers.words[0x30] = 1 << 6
        var commands: [(UInt64, UInt64)] = []
        answer(rings: rings) { commands.append(($0, $1)) }
        let isStarted = unit.start(deviceTable: MachineAddress(0x20_0000))
        #expect(isStarted)
        #expect(registers.words[0] == 0x20_01ff && registers.words[0x18] == 0x1405)
        #expect(commands.map { $0.0 >> 60 } == [8, 3, 1])
        commands = []
        // The ring goes round several times.
        for _ in 0..<1000 {
            let isDone = unit.flush()
            #expect(isDone)
            #expect(commands.count == 2 && commands[0].0 == 3 << 60 | 1 << 32 && commands[0].1 == 0x7fff_ffff_ffff_f003)
            commands = []
        }
    }

    /// Nobody's messages pass but those that have an entry (48882, 2.2.5).
    @Test func interruptTables() throws {
        typealias Unit = AMDIOMMU<FakeIOMMU, FakeFrames>
        let memory = machine.source
        let devices = try #require(memory.allocate(order: 9, node: nil)).address
        let table = try #require(memory.allocate()).address
        Unit.refuseInterrupts(but: 0xa1, devices, in: memory)
        #expect(memory.load(UInt64.self, at: devices + 0xa1 * 32 + 16) == 0, "as they are")
        for device in [0, 0xa0, 0xffff] as [UInt64] {
            #expect(memory.load(UInt64.self, at: devices + device * 32 + 16) == 1, "remapped, and all refused")
        }
        Unit.setInterrupts(of: 0xa0, devices, table: (table, 256), in: memory)
        #expect(memory.load(UInt64.self, at: devices + 0xa0 * 32 + 16) == 2 << 60 | table.rawValue | 8 << 1 | 1)
        Unit.setInterrupt(0x31, in: table, vector: 0x61, apicID: 3, memory)
        #expect(memory.load(UInt32.self, at: table + 0x31 * 4) == 0x61_0301)
        Unit.clearInterrupt(0x31, in: table, memory)
        #expect(memory.load(UInt32.self, at: table + 0x31 * 4) == 0)
        Unit.setInterrupts(of: 0xa0, devices, table: nil, in: memory)
        #expect(memory.load(UInt64.self, at: devices + 0xa0 * 32 + 16) == 1)
        let rings = try #require(memory.allocate(order: 2, node: nil)).address
        var unit = AMDIOMMU(registers, memory: memory, rings: rings)
        var commands: [UInt64] = []
        answer(rings: rings) { low, _ in commands.append(low >> 60 == 1 ? 1 : low) }
        let isDone = unit.forget(0xa0)
        #expect(isDone && commands == [2 << 60 | 0xa0, 5 << 60 | 0xa0, 1])
    }

    @Test func tellsWhatItWasTold() throws {
        let rings = try #require(machine.source.allocate(order: 2, node: nil)).address
        let unit = AMDIOMMU(registers, memory: machine.source, rings: rings)
        #expect(unit.nextEvent() == nil)
        // The log's last entry, then its first.
        registers.words[0x2010] = 4080
        registers.words[0x2018] = 16
        machine.source.store(2 << 60 | 1 << 53 | 0x00fa as UInt64, at: rings + 4096 + 4080)
        machine.source.store(0x1234_5000 as UInt64, at: rings + 4096 + 4088)
        #expect(unit.nextEvent() == RemappingFault(device: 0xfa, address: 0x1234_5000, reason: 2, isWrite: true))
        #expect(registers.words[0x2010] == 0 && unit.nextEvent() != nil && unit.nextEvent() == nil)
    }
}

@Suite struct IntelIOMMUTests {
    let machine = FakeMachine(frames: 16)
    let registers = FakeIOMMU()
    /// Four and three levels, 2 MiB entries, draining, two fault records at 0x220, invalidation at 0xf0.
    static let capability: UInt64 = 6 << 8 | 1 << 34 | 3 << 54 | 0x22 << 24 | 1 << 40
    static let extended: UInt64 = 0xf << 8 | 1

    /// Commands show in the status, invalidations are done at once.
    func unit(capability: UInt64 = capability, answers: Bool = true) -> IntelIOMMU<FakeIOMMU> {
        registers.words[0x08] = capability
        registers.words[0x10] = Self.extended
        let registers = registers
        registers.onWrite = { offset, value in
            guard answers else { return }
            switch offset {
            case 0x18:
                // That a root is set stays so; translation follows its bit.
                let status = value & 1 << 31 | (registers.status | value) & 1 << 30
                registers.status = status
                registers.words[0x18] = value | status << 32
            case 0x28, 0xf8: registers.words[offset] = value & ~(1 << 63)
            default: break
            }
        }
        return IntelIOMMU(registers)
    }

    @Test func capabilities() {
        let four = unit()
        #expect(four.levels == 4 && four.hasLargePages && !four.hasHugePages && four.isCoherent && !four.remembersAbsence)
        #expect(unit(capability: 2 << 8 | 1 << 7).levels == 3 && unit(capability: 2 << 8 | 1 << 7).remembersAbsence)
        #expect(unit(capability: 1 << 8).levels == nil)
    }

    @Test func tables() throws {
        let root = try #require(machine.source.allocate(order: 1, node: nil)).address
        IntelIOMMU<FakeIOMMU>.fill(root, contextTable: root + pageSize, root: MFN(0x123), levels: 3, in: machine.source)
        for index in [0, 255] as [UInt64] {
            #expect(machine.source.load(UInt64.self, at: root + index * 16) == (root + pageSize).rawValue | 1)
            #expect(machine.source.load(UInt64.self, at: root + pageSize + index * 16) == 0x12_3001)
            #expect(machine.source.load(UInt64.self, at: root + pageSize + index * 16 + 8) == 0x101)
        }
    }

    @Test func starts() {
        #expect(unit().start(rootTable: MachineAddress(0x5000)))
        #expect(registers.words[0x20] == 0x5000 && registers.words[0x18]! >> 32 == 1 << 31 | 1 << 30)
        // Everything, with reads and writes drained.
        #expect(registers.writes.contains { $0.offset == 0xf8 && $0.value == 1 << 63 | 1 << 60 | 3 << 48 })
    }

    @Test func saysThatThereIsNoAnswer() {
        #expect(!unit(answers: false).start(rootTable: MachineAddress(0x5000)))
    }

    @Test func tellsWhatItWasTold() {
        let unit = unit()
        #expect(unit.nextFault() == nil)
        registers.words[0x30] = 2 << 32
        registers.words[0x230] = 0xdead_0000
        registers.words[0x238] = 1 << 63 | 5 << 32 | 0x10
        #expect(unit.nextFault() == RemappingFault(device: 0x10, address: 0xdead_0000, reason: 5, isWrite: true))
        #expect(registers.writes.last.map { $0.offset == 0x23c && $0.value == 1 << 31 } == true)
    }
}
