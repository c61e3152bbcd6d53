// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import Machine
import Memory
import Sync
import XenABI

extension Call {
    /// Xen: __HYPERVISOR_console_io (int cmd, unsigned int count, char *buffer)
    func consoleIO() throws(XenError) -> Outcome {
        guard domain.pointee.isPrivileged || word(0) == ConsoleIOOp.write.rawValue else { throw .eperm }
        switch ConsoleIOOp(rawValue: word(0)) {
        case .write: return try consoleWrite(count: word(1), at: handle(2))
        case .read: return try consoleRead(count: word(1), at: handle(2))
        case nil: throw .enosys
        }
    }

    /// At most 127 bytes at a time; a longer write is made again for the rest, so that it can be interrupted.
    private func consoleWrite(count: UInt32, at address: GuestVirtualAddress) throws(XenError) -> Outcome {
        var rest = count
        var address = address
        var left = ConsoleLine.partSize
        while rest > 0 {
            var buffer = InlineArray<128, UInt8>(repeating: 0)
            let part = min(rest, 127)
            var span = buffer.mutableSpan
            try platform.guest.read(bytes: &span, count: Int(part), at: address)
            rest -= part
            if domain.pointee.isPrivileged {
                platform.consoleWrite(buffer.span.extracting(..<Int(part)))
            } else {
                addToLine(buffer.span.extracting(..<Int(part)), left: &left, isLast: rest == 0)
            }
            address += UInt64(part)
        }
        return .success
    }

    /// `left` bytes are left of a part, which ends with each line and with the last byte.
    private func addToLine(_ text: borrowing Span<UInt8>, left: inout Int, isLast: Bool) {
        for index in text.indices {
            let byte = text[index]
            left -= 1
            let endsPart = left == 0 || isLast && index == text.count - 1
            let isComplete = domain.pointee.consoleLine.withLock { line in
                guard line.add(byte, endsPart: endsPart) else { return false }
                platform.consolePrint(&line, of: domain.pointee.id)
                return true
            }
            if endsPart || isComplete { left = ConsoleLine.partSize }
        }
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
