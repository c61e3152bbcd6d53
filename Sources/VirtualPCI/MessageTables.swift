// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Machine

/// MSI-X: what the guest writes into a device's table of messages stays here; the device's own table has the hypervisor's
/// messages (Xen: drivers/vpci/msix.c).
extension VirtualPCI {
    private func entry(_ index: UInt64, in block: MachineAddress, _ host: Host) -> MessageEntry {
        host.frames.load(MessageEntry.self, at: MessageEntry.place(index, in: block))
    }

    private func setEntry(_ entry: MessageEntry, _ index: UInt64, in block: MachineAddress, _ host: Host) {
        host.frames.store(entry, at: MessageEntry.place(index, in: block))
    }

    // MARK: Capability

    mutating func writeTableControl(
        _ control: UInt16, _ state: inout FunctionState, at block: MachineAddress, _ host: Host
    ) {
        let masks = control >> 14 & 1 != 0
        let enables = control >> 15 != 0
        let offset = state.messageTable.offset + 2
        let wasReset =
            state.messageTable.isEnabled && host.readConfiguration(state.function, offset, width: 2) >> 15 & 1 == 0
        if enables {
            // Before the function may send again.
            if !masks || wasReset { updateEntries(state, at: block, all: wasReset, host) }
        } else {
            disableTable(&state, at: block, host)
        }
        state.messageTable.isMasked = masks
        state.messageTable.isEnabled = enables
        host.writeConfiguration(state.function, offset, UInt32(state.messageTable.control), width: 2)
    }

    private func updateEntries(_ state: FunctionState, at block: MachineAddress, all: Bool, _ host: Host) {
        for index in 0..<UInt64(state.messageTable.count) {
            var entry = entry(index, in: block, host)
            if all, !entry.vector.isNone {
                write(entry, index, state, at: block, host)
            } else if !entry.isMasked, entry.isChanged {
                update(&entry, index, state, at: block, host)
                setEntry(entry, index, in: block, host)
            }
        }
    }

    mutating func disableTable(_ state: inout FunctionState, at block: MachineAddress, _ host: Host) {
        guard state.messageTable.isEnabled else { return }
        state.messageTable.isEnabled = false
        for index in 0..<UInt64(state.messageTable.count) {
            var entry = entry(index, in: block, host)
            guard !entry.vector.isNone else { continue }
            drop(&entry, index, state, at: block, host)
            // Or it would not come back by being unmasked.
            entry.isChanged = true
            setEntry(entry, index, in: block, host)
        }
    }

    /// The device sends it no more.
    private func drop(
        _ entry: inout MessageEntry, _ index: UInt64, _ state: FunctionState, at block: MachineAddress, _ host: Host
    ) {
        guard !entry.vector.isNone else { return }
        setMask(true, index, state, host)
        host.dismiss(entry.vector, from: state.function, index: Int(index), records: state.records(in: block))
        host.release(entry.vector, rest: .none)
        entry.vector = .none
    }

    // MARK: Entries

    /// What the guest has written comes into effect.
    private func update(
        _ entry: inout MessageEntry, _ index: UInt64, _ state: FunctionState, at block: MachineAddress, _ host: Host
    ) {
        let message = entry.message
        if message.isNone {
            drop(&entry, index, state, at: block, host)
            return host.complain("\(state.function.name): entry \(index): unsupported address \(hex: entry.address)")
        }
        guard state.base(of: .table).isEnabled else {
            return host.complain("\(state.function.name): entry \(index): its table is not decoded")
        }
        if entry.vector.isNone {
            guard let vector = host.takeVectors(1, for: message) else {
                return host.complain("\(state.function.name): entry \(index): no vector")
            }
            entry.vector = vector
        } else if let nearer = host.takeNearer(entry.vector, for: message) {
            setMask(true, index, state, host)
            host.dismiss(entry.vector, from: state.function, index: Int(index), records: state.records(in: block))
            host.release(entry.vector, rest: message)
            entry.vector = nearer
        }
        host.direct(entry.vector, to: message)
        write(entry, index, state, at: block, host)
        entry.isChanged = false
    }

    /// Gives the device its message: masked meanwhile, or it might send half of it.
    private func write(
        _ entry: MessageEntry, _ index: UInt64, _ state: FunctionState, at block: MachineAddress, _ host: Host
    ) {
        let place = MachineAddress(state.address(of: .table) &+ index * 16)
        let message = host.admit(entry.vector, from: state.function, index: Int(index), records: state.records(in: block))
        setMask(true, index, state, host)
        host.writeMemory(place, message.address & 0xffff_ffff, width: 4)
        host.writeMemory(place + 4, message.address >> 32, width: 4)
        host.writeMemory(place + 8, UInt64(message.data), width: 4)
        setMask(entry.isMasked, index, state, host)
    }

    private func setMask(_ isMasked: Bool, _ index: UInt64, _ state: FunctionState, _ host: Host) {
        // Without decoding it would go somewhere else.
        guard state.base(of: .table).isEnabled else { return }
        host.writeMemory(MachineAddress(state.address(of: .table) &+ index * 16 &+ 12), isMasked ? 1 : 0, width: 4)
    }

    // MARK: The guest's accesses

    private func isAllowed(_ address: UInt64, width: Int, _ state: FunctionState, _ host: Host) -> Bool {
        if (width == 4 || width == 8) && address & UInt64(width - 1) == 0 { return true }
        host.complain("\(state.function.name): unaligned or invalid size MSI-X table access")
        return false
    }

    /// The guest reads in a page where a table is.
    func readTable(_ address: UInt64, width: Int, _ state: FunctionState, at block: MachineAddress, _ host: Host) -> UInt64 {
        let offset = address &- state.address(of: .table)
        guard offset < state.messageTable.tableBytes else { return readBeside(address, width: width, state, host) }
        guard isAllowed(address, width: width, state, host) else { return .max }
        let entry = entry(offset / 16, in: block, host)
        let words: InlineArray<4, UInt64> = [
            entry.address & 0xffff_ffff, entry.address >> 32, UInt64(entry.data), entry.isMasked ? 1 : 0,
        ]
        let word = Int(offset & 15) / 4
        return width == 8 ? words[word] | words[word + 1] << 32 : words[word]
    }

    /// The guest writes there. Addresses and data of an entry that is not masked come into effect when it is masked and
    /// unmasked again.
    func writeTable(
        _ address: UInt64, _ value: UInt64, width: Int, _ state: FunctionState, at block: MachineAddress, _ host: Host
    ) {
        let offset = address &- state.address(of: .table)
        guard offset < state.messageTable.tableBytes else { return writeBeside(address, value, width: width, state, host) }
        guard isAllowed(address, width: width, state, host) else { return }
        let index = offset / 16
        var entry = entry(index, in: block, host)
        let wasMasked = entry.isMasked
        let word = Int(offset & 15) / 4
        entry.set(word, UInt32(truncatingIfNeeded: value))
        if width == 8 { entry.set(word + 1, UInt32(truncatingIfNeeded: value >> 32)) }
        if entry.isMasked != wasMasked {
            let isLive = state.messageTable.isEnabled && !state.messageTable.isMasked
            if !entry.isMasked, isLive, entry.isChanged {
                update(&entry, index, state, at: block, host)
            } else if !entry.vector.isNone {
                setMask(entry.isMasked, index, state, host)
            }
        }
        setEntry(entry, index, in: block, host)
    }

    /// Pending bits, and what a device has in the same pages, are its own: where an access lies in such a page whole.
    private func isBeside(_ address: UInt64, width: Int, _ state: FunctionState, _ host: Host) -> Bool {
        let isPending = address &- state.address(of: .pending) < state.messageTable.pendingBytes
        if isPending, !isAllowed(address, width: width, state, host) { return false }
        let last = address &+ UInt64(width - 1)
        return last &- state.address(of: .table) >= state.messageTable.tableBytes
            && state.hasTable(in: MachineAddress(last).frame)
    }

    private func readBeside(_ address: UInt64, width: Int, _ state: FunctionState, _ host: Host) -> UInt64 {
        guard isBeside(address, width: width, state, host) else { return .max }
        if address & UInt64(width - 1) == 0 { return host.readMemory(MachineAddress(address), width: width) }
        var value: UInt64 = 0
        for index in 0..<UInt64(width) {
            value |= (host.readMemory(MachineAddress(address &+ index), width: 1) & 0xff) << (index * 8)
        }
        return value
    }

    private func writeBeside(_ address: UInt64, _ value: UInt64, width: Int, _ state: FunctionState, _ host: Host) {
        guard isBeside(address, width: width, state, host) else { return }
        if address & UInt64(width - 1) == 0 { return host.writeMemory(MachineAddress(address), value, width: width) }
        for index in 0..<UInt64(width) {
            host.writeMemory(MachineAddress(address &+ index), value >> (index * 8) & 0xff, width: 1)
        }
    }
}

extension MessageEntry {
    /// The guest writes word 0-3.
    fileprivate mutating func set(_ word: Int, _ value: UInt32) {
        switch word {
        case 0: address = address & ~0xffff_ffff | UInt64(value)
        case 1: address = address & 0xffff_ffff | UInt64(value) << 32
        case 2: data = value
        default: isMasked = value & 1 != 0
        }
        if word < 3 { isChanged = true }
    }
}

extension FunctionState {
    /// Whether a page has a part of the message table in it that is decoded.
    func hasTable(in frame: MFN) -> Bool {
        guard messageTable.count > 0 else { return false }
        let parts = TablePart.all
        for index in parts.indices where base(of: parts[index]).isEnabled && frames(of: parts[index]).contains(frame) {
            return true
        }
        return false
    }
}
