// SPDX-License-Identifier: Apache-2.0

import Base
import Machine

/// Message signalled interrupts (Xen: drivers/vpci/msi.c). While they are enabled, what the device sends is the hypervisor's
/// message, and what the guest gets is its own.
extension VirtualPCI {
    mutating func writeMessageControl(
        _ control: UInt16, _ state: inout FunctionState, at block: MachineAddress, _ host: Host
    ) {
        let count = min(1 << Int(min(5, control >> 4 & 7)), state.messages.maximum)
        let enables = control & 1 != 0
        if state.messages.isEnabled {
            // Off behind our back: the device has been reset.
            let wasReset = hardwareControl(state, host) & 1 == 0
            if enables, count == state.messages.count, !wasReset { return }
            disableMessages(&state, at: block, host)
        }
        state.messages.count = count
        if enables { enableMessages(&state, at: block, host) }
        host.writeConfiguration(
            state.function, state.messages.offset + 2, UInt32(state.messages.control), width: 2)
    }

    private func hardwareControl(_ state: FunctionState, _ host: Host) -> UInt32 {
        host.readConfiguration(state.function, state.messages.offset + 2, width: 2)
    }

    /// Without vectors they stay off.
    private func enableMessages(_ state: inout FunctionState, at block: MachineAddress, _ host: Host) {
        let count = state.messages.count
        guard let vector = host.takeVectors(count, for: state.messages.message) else {
            return host.complain("\(state.function.name): no vectors for \(count) messages")
        }
        state.messages.vector = vector
        state.messages.taken = count
        directMessages(state, host)
        var message = DeviceMessage(address: 0, data: 0)
        for index in 0..<count {
            let signal = host.admit(
                vector.next(index), from: state.function, index: index, records: state.records(in: block))
            if index == 0 { message = signal }
        }
        if state.messages.hasMask {
            host.writeConfiguration(state.function, state.messages.maskOffset, state.messages.mask, width: 4)
        }
        let offset = state.messages.offset
        host.writeConfiguration(state.function, offset + 4, UInt32(truncatingIfNeeded: message.address), width: 4)
        if state.messages.is64Bit {
            host.writeConfiguration(state.function, offset + 8, UInt32(truncatingIfNeeded: message.address >> 32), width: 4)
        }
        host.writeConfiguration(state.function, state.messages.dataOffset, message.data & 0xffff, width: 2)
        state.messages.isEnabled = true
    }

    private func directMessages(_ state: FunctionState, _ host: Host) {
        let message = state.messages.message
        if message.isNone {
            host.complain("\(state.function.name): unsupported address \(hex: state.messages.address)")
        }
        for index in 0..<state.messages.taken {
            host.direct(state.messages.vector.next(index), to: message.message(index, of: state.messages.taken))
        }
    }

    mutating func disableMessages(_ state: inout FunctionState, at block: MachineAddress, _ host: Host) {
        guard state.messages.isEnabled else { return }
        state.messages.isEnabled = false
        host.writeConfiguration(
            state.function, state.messages.offset + 2, UInt32(state.messages.control), width: 2)
        for index in 0..<state.messages.taken {
            host.dismiss(
                state.messages.vector.next(index), from: state.function, index: index, records: state.records(in: block))
            host.release(state.messages.vector.next(index), rest: .none)
        }
        state.messages.vector = .none
        state.messages.taken = 0
    }

    /// A part of the message changes; at once where they are enabled.
    func writeMessage(_ state: inout FunctionState, _ host: Host, _ change: (inout MessageCapability) -> Void) {
        change(&state.messages)
        if state.messages.isEnabled { directMessages(state, host) }
    }

    /// Masks stay the guest's: the device has them as they are.
    func writeMessageMask(_ mask: UInt32, _ state: inout FunctionState, _ host: Host) {
        state.messages.mask = mask
        if state.messages.isEnabled {
            host.writeConfiguration(state.function, state.messages.maskOffset, mask, width: 4)
        }
    }
}
