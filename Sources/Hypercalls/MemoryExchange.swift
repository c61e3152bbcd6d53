// SPDX-License-Identifier: Apache-2.0

import Base
import Containers
import Domains
import GrantTables
import Machine
import Memory
import P2M
import Sync
import XenABI

extension Call {
    /// Xen: XENMEM_exchange. From a domain whose memory is translated (ARM, x86 but PV) no frame can be taken away, so nothing is
    /// exchanged: what is to be refused before that is.
    func exchange(_ start: UInt64) throws(XenError) -> Outcome {
        try notContinued(start)
        var argument = try platform.guest.read(MemoryExchange<Caller>.self, at: handle(1))
        do throws(XenError) {
            try check(argument)
            guard argument.nrExchanged.wide < argument.input.nrExtents.wide else { return .success }
            guard isAcceptable(node: argument.output.flags) else { throw .einval }
            _ = try target(argument.input.domain)
            let order = argument.output.extentOrder
            let chunk = order > argument.input.extentOrder ? UInt64(order - argument.input.extentOrder) : 0
            // In whole chunks, as they have been done so far; none is left where the rest is less than one.
            let done = argument.nrExchanged.wide >> chunk
            guard done < argument.input.nrExtents.wide >> chunk else {
                argument.nrExchanged = argument.input.nrExtents
                try platform.guest.write(argument, at: handle(1))
                return .success
            }
            argument.nrExchanged = Caller.Word(lowBits: done << chunk)
            try firstFrame(of: argument.input, at: done << chunk)
            throw .eopnotsupp
        } catch {
            try platform.guest.write(argument, at: handle(1))
            throw error
        }
    }

    private func check(_ argument: MemoryExchange<Caller>) throws(XenError) {
        let (input, output) = (argument.input, argument.output)
        guard max(input.extentOrder, output.extentOrder) <= maximumExtentOrder else { throw .eperm }
        let mask = UInt64.max >> UInt64(64 - Caller.wordBits)
        let inputOrder = UInt64(input.extentOrder)
        let outputOrder = UInt64(output.extentOrder)
        guard argument.nrExchanged.wide <= input.nrExtents.wide, input.domain == output.domain,
            input.nrExtents.wide <= mask >> inputOrder, output.nrExtents.wide <= mask >> outputOrder,
            input.nrExtents.wide << inputOrder == output.nrExtents.wide << outputOrder
        else { throw .einval }
    }

    /// Throws EFAULT, EINVAL where there is no RAM.
    private func firstFrame(of input: MemoryReservation<Caller>, at index: UInt64) throws(XenError) {
        let gfn = GFN(try word(at: input.extentStart, index))
        let target = try target(input.domain)
        let entry = target.pointee.touch(gfn, write: false, platform)
        guard entry.type != .invalid, platform.isRAM(entry.frame) else { throw .einval }
    }
}
