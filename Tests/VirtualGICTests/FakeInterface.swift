// SPDX-License-Identifier: Apache-2.0

import Base
import Support
import VirtualGIC

/// What several fake pCPUs share: news for vCPUs and for the physical interrupt controller.
final class Board {
    var kicked: Set<UInt32> = []
    var changed: [UInt32] = []
    var deactivated: [UInt32] = []
    var pending: [UInt32: Bool] = [:]
}

/// The virtual interface of one pCPU, and the guest that acknowledges and ends interrupts through it: what the hardware
/// does with list registers (ARM IHI 0048B 5.2, ARM IHI 0069 chapter 6).
final class FakeInterface<Format: ListRegisterFormat>: VirtualGICHost {
    let board: Board
    var registers: [UInt64]
    var wantsUnderflow = false
    /// A list register asked to hear of its end, and it came.
    var ended = false
    /// Reads and writes of list registers so far.
    var accesses = 0

    init(_ board: Board, registers count: Int = 4) {
        self.board = board
        registers = Array(repeating: 0, count: count)
    }

    var listRegisterCount: Int { registers.count }
    var emptyListRegisters: UInt32 {
        registers.indices.reduce(0) { $0 | (Format.state(registers[$1]).isEmpty ? 1 << UInt32($1) : 0) }
    }
    func listRegister(_ index: Int) -> UInt64 {
        accesses += 1
        return registers[index]
    }
    func setListRegister(_ index: Int, _ value: UInt64) {
        accesses += 1
        let entry = Format.decode(value)
        precondition(!(entry.physical != nil && entry.state == [.pending, .active]), "pending and active, but mapped")
        let twins = registers.indices.filter {
            $0 != index && !Format.state(registers[$0]).isEmpty && Format.decode(registers[$0]).interrupt == entry.interrupt
        }
        precondition(entry.state.isEmpty || twins.isEmpty, "interrupt \(entry.interrupt) in two list registers")
        registers[index] = value
    }
    func setUnderflowInterrupt(_ isOn: Bool) { wantsUnderflow = isOn }
    func kick(_ vcpu: VCPUID) { board.kicked.insert(vcpu.rawValue) }
    func mappingChanged(_ interrupt: UInt32, vcpu: VCPUID) { board.changed.append(interrupt) }
    func deactivate(physical: UInt32) { board.deactivated.append(physical) }
    func setPending(physical: UInt32, _ isPending: Bool) { board.pending[physical] = isPending }

    // MARK: The guest's side

    var entries: [ListRegister] { registers.filter { $0 != 0 }.map(Format.decode) }

    /// The maintenance interrupt's line.
    var maintenance: Bool {
        ended || (wantsUnderflow && registers.filter { !Format.state($0).isEmpty }.count <= 1)
    }

    /// Priority of what the guest is handling; 256 when idle.
    var running: Int {
        entries.filter { $0.state.contains(.active) }.map { Int($0.priority) }.min() ?? 256
    }

    /// The list register that an acknowledge would take.
    private var best: Int? {
        registers.indices.filter { Format.state(registers[$0]) == .pending && Int(Format.priority(registers[$0])) < running }
            .min { Format.priority(registers[$0]) < Format.priority(registers[$1]) }
    }

    /// GICC_IAR, ICC_IAR1_EL1. Nil for 1023.
    func acknowledge() -> ListRegister? {
        guard let index = best else { return nil }
        registers[index] = Format.with(.active, registers[index])
        return Format.decode(registers[index])
    }

    /// GICC_EOIR, ICC_EOIR1_EL1.
    func end(_ interrupt: UInt32) {
        guard
            let index = registers.indices.first(where: {
                let entry = Format.decode(registers[$0])
                return entry.state.contains(.active) && entry.interrupt == interrupt
            })
        else { return }
        let entry = Format.decode(registers[index])
        var state = entry.state
        state.remove(.active)
        registers[index] = Format.with(state, registers[index])
        if let physical = entry.physical { board.deactivated.append(physical) }
        // ICH_EISR, GICH_EISR: of registers that are free now.
        if entry.notifiesEnd && state.isEmpty { ended = true }
    }
}

/// The register offsets that the tests spell out.
enum Offset {
    static let control: UInt32 = 0
    static let setEnable: UInt32 = 0x100
    static let clearEnable: UInt32 = 0x180
    static let setPending: UInt32 = 0x200
    static let clearPending: UInt32 = 0x280
    static let setActive: UInt32 = 0x300
    static let clearActive: UInt32 = 0x380
    static let priority: UInt32 = 0x400
    static let target: UInt32 = 0x800
    static let configuration: UInt32 = 0xc00
    static let softwareInterrupt: UInt32 = 0xf00
    static let route: UInt32 = 0x6000
}

/// A domain of which each vCPU runs on a pCPU of its own, with the accesses that a guest's driver would make on either
/// version.
final class Rig<Format: ListRegisterFormat> {
    let machine: FakeMachine
    let gic: VirtualGIC<FakeFrames>
    let board = Board()
    var hosts: [FakeInterface<Format>]
    var isRunning: [Bool]

    init(_ version: GICVersion, vcpus: Int = 2, sharedInterrupts: Int = 64, registers: Int = 4) throws {
        let board = board
        machine = FakeMachine(frames: 64)
        gic = try VirtualGIC(
            version: version, vcpus: vcpus, sharedInterrupts: sharedInterrupts, frames: machine.source)
        isRunning = Array(repeating: false, count: vcpus)
        hosts = (0..<vcpus).map { _ in FakeInterface(board, registers: registers) }
    }

    func id(_ vcpu: Int) -> VCPUID { VCPUID(UInt32(vcpu)) }

    /// A 32-bit register with one field per interrupt, wherever the version has it.
    @discardableResult
    func write(_ register: UInt32, _ value: UInt32, bank: UInt32 = 0, vcpu: Int = 0, by: Int? = nil) -> Bool {
        let writer = by ?? vcpu
        if gic.version == .v3, bank == 0, register != Offset.control {
            return gic.writeRedistributor(
                UInt32(vcpu) * 0x20000 + 0x10000 + register, width: 4, value: UInt64(value), by: id(writer),
                on: hosts[writer])
        }
        return gic.writeDistributor(
            register + bank * 4, width: 4, value: UInt64(value), by: id(writer), on: hosts[writer])
    }

    func read(_ register: UInt32, bank: UInt32 = 0, vcpu: Int = 0) -> UInt32? {
        let value =
            gic.version == .v3 && bank == 0 && register != Offset.control
            ? gic.readRedistributor(
                UInt32(vcpu) * 0x20000 + 0x10000 + register, width: 4, by: id(vcpu), on: hosts[vcpu])
            : gic.readDistributor(register + bank * 4, width: 4, by: id(vcpu), on: hosts[vcpu])
        return value.map { UInt32($0) }
    }

    /// A register with one bit per interrupt.
    func write(_ register: UInt32, interrupt: UInt32, vcpu: Int = 0, by: Int? = nil) {
        write(register, 1 << (interrupt % 32), bank: interrupt / 32, vcpu: vcpu, by: by)
    }

    func setPriority(_ interrupt: UInt32, _ priority: UInt8, vcpu: Int = 0) {
        let redistributor = gic.version == .v3 && interrupt < 32
        let offset = Offset.priority + interrupt
        _ =
            redistributor
            ? gic.writeRedistributor(
                UInt32(vcpu) * 0x20000 + 0x10000 + offset, width: 1, value: UInt64(priority), by: id(vcpu), on: hosts[vcpu])
            : gic.writeDistributor(offset, width: 1, value: UInt64(priority), by: id(vcpu), on: hosts[vcpu])
    }

    func route(_ interrupt: UInt32, to target: Int, by: Int = 0) {
        if gic.version == .v2 {
            _ = gic.writeDistributor(
                Offset.target + interrupt, width: 1, value: 1 << UInt64(target), by: id(by), on: hosts[by])
        } else {
            _ = gic.writeDistributor(
                Offset.route + interrupt * 8, width: 8, value: GICVersion.affinity(of: id(target)), by: id(by), on: hosts[by]
            )
        }
    }

    func setEdge(_ interrupt: UInt32, _ isEdge: Bool) {
        let offset = Offset.configuration + interrupt / 16 * 4
        let shift = interrupt % 16 * 2 + 1
        let old = UInt32(gic.readDistributor(offset, width: 4, by: id(0), on: hosts[0])!)
        let new = isEdge ? old | 1 << shift : old & ~(1 << shift)
        _ = gic.writeDistributor(offset, width: 4, value: UInt64(new), by: id(0), on: hosts[0])
    }

    func switchOn() { write(Offset.control, gic.version == .v2 ? 1 : 0x12) }

    func sendSGI(_ interrupt: UInt32, to target: Int, by sender: Int) {
        if gic.version == .v2 {
            write(Offset.softwareInterrupt, 1 << (16 + UInt32(target)) | interrupt, by: sender)
        } else {
            gic.sendSGI(
                v3: UInt64(interrupt) << 24 | UInt64(target / 16) << 16 | 1 << UInt64(target % 16), by: id(sender),
                on: hosts[sender])
        }
    }

    func pulse(_ interrupt: UInt32, vcpu: Int = 0) { gic.pulse(interrupt, vcpu: id(vcpu), on: hosts[0]) }
    func raise(_ interrupt: UInt32, vcpu: Int = 0) { gic.raise(interrupt, vcpu: id(vcpu), on: hosts[0]) }
    func lower(_ interrupt: UInt32, vcpu: Int = 0) { gic.lower(interrupt, vcpu: id(vcpu)) }

    func hasPending(_ vcpu: Int) -> Bool { gic.hasPending(id(vcpu)) }
    func hasPending(running vcpu: Int) -> Bool { gic.hasPending(running: id(vcpu), on: hosts[vcpu]) }
    func isInFlight(_ interrupt: UInt32, _ vcpu: Int) -> Bool { gic.isInFlight(interrupt, vcpu: id(vcpu)) }
    func mapping(of interrupt: UInt32) -> VirtualGIC<FakeFrames>.Mapping? { gic.mapping(of: interrupt, vcpu: id(0)) }

    /// What a pCPU does before its guest runs on: only what it was told to.
    func enter(_ vcpu: Int) {
        isRunning[vcpu] = true
        board.kicked.remove(UInt32(vcpu))
        gic.enter(id(vcpu), on: hosts[vcpu])
    }
    func leave(_ vcpu: Int) {
        isRunning[vcpu] = false
        gic.leave(id(vcpu), on: hosts[vcpu])
    }

    /// The guest takes its next interrupt, after the exits that news would have forced.
    func acknowledge(_ vcpu: Int) -> ListRegister? {
        exits()
        return hosts[vcpu].acknowledge()
    }

    /// Lets the vCPUs that run hear their kicks and maintenance interrupts, until there are no more.
    func exits() {
        for round in 0... {
            precondition(
                round < 100,
                "kicks \(board.kicked) or maintenance interrupts do not end: \(hosts.map { ($0.wantsUnderflow, $0.ended, $0.entries) })"
            )
            var isQuiet = true
            for vcpu in hosts.indices where isRunning[vcpu] {
                if hosts[vcpu].maintenance {
                    gic.maintenance(id(vcpu))
                } else if !board.kicked.contains(UInt32(vcpu)) {
                    continue
                }
                hosts[vcpu].ended = false
                enter(vcpu)
                isQuiet = false
            }
            if isQuiet { return }
        }
    }
    func end(_ interrupt: UInt32, _ vcpu: Int) { hosts[vcpu].end(interrupt) }
}
