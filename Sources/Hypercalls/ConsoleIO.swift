// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_console_io (int cmd, unsigned int count, char *buffer). The console is the hardware domain's; others have
    /// one from their toolstack.
    func consoleIO() throws(XenError) -> Outcome {
        guard domain.pointee.isPrivileged else { throw .eperm }
        switch ConsoleIOOp(rawValue: word(0)) {
        case .write: return try consoleWrite(count: word(1), at: handle(2))
        case .read: return try consoleRead(count: word(1), at: handle(2))
        case nil: throw .enosys
        }
    }

    /// At most 127 bytes at a time, as they are: they may be for somebody's terminal. Between two an interrupt may come in.
    private func consoleWrite(count: UInt32, at address: GuestVirtualAddress) throws(XenError) -> Outcome {
        var done: UInt32 = 0
        while done < count {
            if done > 0 && platform.shouldPreempt {
                return .againWithRest(
                    first: UInt64(word(0)), second: UInt64(count - done), third: (address + UInt64(done)).rawValue)
            }
            var buffer = InlineArray<128, UInt8>(repeating: 0)
            let part = min(count - done, 127)
            var span = buffer.mutableSpan
            try platform.guest.read(bytes: &span, count: Int(part), at: address + UInt64(done))
            platform.consoleWrite(buffer.span.extracting(..<Int(part)))
            done += part
        }
        return .success
    }

    private func consoleRead(count: UInt32, at address: GuestVirtualAddress) throws(XenError) -> Outcome {
        guard count <= UInt32(Int32.max) else { throw .e2big }
        var taken: UInt32 = 0
        while taken < count, let byte = platform.consoleRead() {
            try platform.guest.write(byte, at: address + UInt64(taken))
            taken += 1
        }
        return .value(Int64(taken))
    }
}
