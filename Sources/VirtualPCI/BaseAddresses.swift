// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine

/// Memory decoding and base addresses (Xen: drivers/vpci/header.c).
extension VirtualPCI {
    mutating func writeCommand(
        _ command: UInt16, _ state: inout FunctionState, at block: MachineAddress, _ host: Host
    ) {
        if state.isDecoded != (command & Command.memory != 0) {
            decode(&state, at: block, command: command, host)
        } else {
            host.writeConfiguration(state.function, ConfigurationOffset.command, UInt32(command), width: 2)
        }
    }

    /// While it is mapped an address stays.
    mutating func writeBase(_ index: Int, _ value: UInt32, _ state: inout FunctionState, _ host: Host) {
        let isHigh = state.bases[index].kind == .high
        let base = isHigh ? index - 1 : index
        let old = state.bases[base]
        let shift: UInt64 = isHigh ? 32 : 0
        // The device has no bits below its size.
        let part = value & UInt32(truncatingIfNeeded: old.mask >> shift)
        if old.isEnabled {
            if part != UInt32(truncatingIfNeeded: old.address >> shift) {
                host.complain("\(state.function.name): ignored BAR \(index) write while mapped")
            }
            return
        }
        state.bases[base].address = old.address & ~(0xffff_ffff << shift) | UInt64(part) << shift
        host.writeConfiguration(
            state.function, state.offset(ofBase: index), isHigh ? part : part | old.flags, width: 4)
    }

    mutating func writeROM(_ value: UInt32, _ state: inout FunctionState, at block: MachineAddress, _ host: Host) {
        let rom = state.bases[FunctionState.rom]
        let enables = value & 1 != 0
        if rom.isEnabled, enables { return host.complain("\(state.function.name): ignored ROM BAR write while mapped") }
        if !rom.isEnabled { state.bases[FunctionState.rom].address = UInt64(value) & rom.mask }
        if !state.isDecoded || rom.isEnabled == enables {
            state.romIsEnabled = enables
            host.writeConfiguration(state.function, state.offset(ofBase: FunctionState.rom), value, width: 4)
        } else {
            guard decodeROM(&state, at: block, isOn: enables, host) else { return }
        }
        if !enables { state.bases[FunctionState.rom].address = UInt64(value) & rom.mask }
    }

    // MARK: Decoding

    /// Memory decoding goes on or off, and the guest's memory with it. Where that cannot be, everything stays as it is: the
    /// guest can read that back.
    mutating func decode(_ state: inout FunctionState, at block: MachineAddress, command: UInt16, _ host: Host) {
        let isOn = command & Command.memory != 0
        let chosen = chosenBases(state, isOn: isOn, host)
        guard change(chosen, of: state, at: block, isOn: isOn, checksOwn: false, host) else { return }
        for index in state.bases.indices where chosen >> UInt8(index) & 1 != 0 { state.bases[index].isEnabled = isOn }
        host.writeConfiguration(state.function, ConfigurationOffset.command, UInt32(command), width: 2)
        state.isDecoded = isOn
    }

    /// The ROM's decoding changes while the function's is on.
    private mutating func decodeROM(
        _ state: inout FunctionState, at block: MachineAddress, isOn: Bool, _ host: Host
    ) -> Bool {
        let rom = state.bases[FunctionState.rom]
        let isPlaced = isPlaced(rom, state, host)
        let chosen: UInt8 = isPlaced ? 1 << UInt8(FunctionState.rom) : 0
        guard change(chosen, of: state, at: block, isOn: isOn, checksOwn: true, host) else { return false }
        if isPlaced { state.bases[FunctionState.rom].isEnabled = isOn }
        state.romIsEnabled = isOn
        host.writeConfiguration(
            state.function, state.offset(ofBase: FunctionState.rom),
            UInt32(truncatingIfNeeded: rom.address) | (isOn ? 1 : 0), width: 4)
        return true
    }

    /// A bit for each base address that takes part: those that are not so yet, and lie where they may.
    private func chosenBases(_ state: FunctionState, isOn: Bool, _ host: Host) -> UInt8 {
        var chosen: UInt8 = 0
        for index in state.bases.indices {
            let base = state.bases[index]
            guard base.isMemory, base.isEnabled != isOn else { continue }
            if base.kind == .rom, !state.romIsEnabled, isOn { continue }
            if isOn, !isPlaced(base, state, host) { continue }
            chosen |= 1 << UInt8(index)
        }
        return chosen
    }

    private func isPlaced(_ base: BaseAddress, _ state: FunctionState, _ host: Host) -> Bool {
        let range = base.frames
        if range.count > 0, !overlapsConfiguration(range), host.isHole(range) { return true }
        host.complain(
            "\(state.function.name): not mapping BAR [\(hex: range.start.rawValue), \(hex: range.end.rawValue &- 1)] invalid position"
        )
        return false
    }

    /// Maps or unmaps what `chosen` covers, but for message tables, and for what another base address has mapped.
    private func change(
        _ chosen: UInt8, of state: FunctionState, at block: MachineAddress, isOn: Bool, checksOwn: Bool, _ host: Host
    ) -> Bool {
        var ranges = RangeList<MachineSpace>()
        for index in state.bases.indices where chosen >> UInt8(index) & 1 != 0 { ranges.insert(state.bases[index].frames) }
        removeTables(of: state, from: &ranges)
        for index in 0..<count {
            let other = slot(index, host).block
            guard other.rawValue != 0, other != block || checksOwn else { continue }
            let neighbour = other == block ? state : self.state(at: other, host)
            for base in neighbour.bases.indices where neighbour.bases[base].isEnabled {
                if other == block, chosen >> UInt8(base) & 1 != 0 { continue }
                ranges.remove(neighbour.bases[base].frames)
            }
            // Where this one's accesses are to be seen nobody else's page may be.
            removeEnabledTables(of: neighbour, from: &ranges)
        }
        if isOn, !makeHoles(for: state, chosen, host) { return false }
        for index in 0..<ranges.count {
            let range = ranges[index].range
            if isOn ? host.map(range) : host.unmap(range) { continue }
            host.complain("\(state.function.name): cannot change the mapping of frames from \(hex: range.start.rawValue) on")
            for earlier in 0...index where isOn { _ = host.unmap(ranges[earlier].range) }
            return false
        }
        return true
    }

    private func removeTables(of state: FunctionState, from ranges: inout RangeList<MachineSpace>) {
        guard state.messageTable.count > 0 else { return }
        let parts = TablePart.all
        for index in parts.indices { ranges.remove(state.frames(of: parts[index])) }
    }

    private func removeEnabledTables(of state: FunctionState, from ranges: inout RangeList<MachineSpace>) {
        guard state.messageTable.count > 0 else { return }
        let parts = TablePart.all
        for index in parts.indices where state.base(of: parts[index]).isEnabled {
            ranges.remove(state.frames(of: parts[index]))
        }
    }

    /// Accesses to tables come to us: nothing is mapped there. False where the guest has put something else there.
    private func makeHoles(for state: FunctionState, _ chosen: UInt8, _ host: Host) -> Bool {
        guard state.messageTable.count > 0 else { return true }
        let parts = TablePart.all
        for index in parts.indices where chosen >> UInt8(state.baseIndex(of: parts[index])) & 1 != 0 {
            guard host.unmap(state.frames(of: parts[index])) else {
                host.complain("\(state.function.name): an existing mapping is where its message table is")
                return false
            }
        }
        return true
    }
}

extension FunctionState {
    func baseIndex(of part: TablePart) -> Int { Int((part == .table ? messageTable.table : messageTable.pending) & 7) }

    func base(of part: TablePart) -> BaseAddress { bases[baseIndex(of: part)] }

    /// Where a part of the message table is, in bytes.
    func address(of part: TablePart) -> UInt64 {
        base(of: part).address &+ UInt64((part == .table ? messageTable.table : messageTable.pending) & ~7)
    }

    func bytes(of part: TablePart) -> UInt64 { part == .table ? messageTable.tableBytes : messageTable.pendingBytes }

    func frames(of part: TablePart) -> MachineRange {
        var whole = BaseAddress()
        whole.address = address(of: part)
        whole.size = bytes(of: part)
        return whole.frames
    }
}

/// The two parts of a message table.
enum TablePart {
    case table, pending
    static var all: InlineArray<2, TablePart> { [.table, .pending] }
}
