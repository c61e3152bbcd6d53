// SPDX-License-Identifier: Apache-2.0

import Base
import Machine

/// The common case, which costs a fraction of the general one: one private interrupt (a timer, an event, an SGI) for a
/// vCPU whose list registers hold nothing but what the guest is done with.
extension VirtualGIC {
    /// Delivers it. False, with nothing changed, where the case is another.
    @inline(__always)
    func deliverOne<Host: VirtualGICHost>(_ cpu: CPUBlock<Frames>, on host: Host) -> Bool {
        let bank = cpu.bank
        guard !cpu.isBusy, cpu.word(CPULayout.shared) == 0, isDistributorOn,
            cpu.word(CPULayout.used) & ~host.emptyListRegisters == 0
        else { return false }
        let line = bank.load(.line) & ~bank.load(.edge)
        let bit = (bank.load(.pending) | line) & bank.load(.enabled)
        let special = bank.load(.active) | bank.load(.dropPending) | bank.load(.dropActive)
        guard bit != 0, special | bit & (bit &- 1) == 0 else { return false }
        let number = UInt32(truncatingIfNeeded: bit.trailingZeroBitCount)
        let isLatched: Bool
        var source: UInt8?
        if version == .v2, number < 16 {
            source = takeSource(number, bank)
            isLatched = source != nil
        } else {
            isLatched = bank.clear(.pending, bit) & bit != 0
        }
        // Only this pCPU writes the resident word of a private bank: all that were in list registers are done with.
        bank.store(.resident, bit)
        if !isLatched, bank.observe(.line) & line & bit == 0 {
            // Taken back by another pCPU in this very moment.
            bank.store(.resident, 0)
            cpu.setWord(CPULayout.used, 0)
            return true
        }
        cpu.setWord(CPULayout.used, 1)
        cpu.setNumber(0, UInt16(truncatingIfNeeded: number) | (isLatched ? 1 << 15 : 0))
        let isMapped = bank.load(.mapped) & bit != 0
        let entry = ListRegister(
            interrupt: number, state: .pending, priority: bank.byte(BankLayout.priorities, number),
            isGroup1: version == .v3, physical: isMapped ? bank.physical(number) : nil, source: source ?? 0,
            notifiesEnd: line & bit != 0 || (source != nil && bank.load(.pending) & bit != 0))
        host.setListRegister(0, Host.Format.encode(entry))
        return true
    }

    /// GICv2: takes one sender of an SGI. Nil where there is none any more.
    @inline(never)
    func takeSource(_ interrupt: UInt32, _ bank: Bank<Frames>) -> UInt8? {
        let sources = bank.sources(of: interrupt)
        if sources != 0 { bank.removeSource(of: interrupt, sources & (0 &- sources)) }
        bank.settleSources(of: interrupt)
        return sources == 0 ? nil : UInt8(truncatingIfNeeded: sources.trailingZeroBitCount)
    }
}
