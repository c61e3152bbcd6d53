// SPDX-License-Identifier: Apache-2.0

import Base
import Machine
import Synchronization

/// Memory to list registers.
extension VirtualGIC {
    /// The pending list register that is least urgent.
    private struct Victim {
        /// Nil where every list register is active.
        var register: Int?
        var priority: UInt8
    }

    /// Gives list registers to what is deliverable in `banks`, the most urgent first where they do not suffice; the rest
    /// waits for the underflow interrupt.
    func fill<Host: VirtualGICHost>(
        _ banks: UInt32, _ cpu: CPUBlock<Frames>, _ vcpu: VCPUID, on host: Host
    ) {
        let isOn = isDistributorOn
        let all = UInt32(truncatingIfNeeded: (UInt64(1) &<< UInt64(truncatingIfNeeded: host.listRegisterCount)) &- 1)
        var free = all & ~cpu.word(CPULayout.used)
        var spill: UInt32 = 0
        var victim: Victim?
        var left = banks
        while left != 0 {
            let index = UInt32(truncatingIfNeeded: left.trailingZeroBitCount)
            left &= left &- 1
            guard hasBank(index) else { break }
            let bank = index == 0 ? cpu.bank : bank(index, vcpu: vcpu)
            let enabled = isOn ? bank.load(.enabled) : 0
            var bits = (bank.pendingInMemory & enabled | bank.load(.active)) & ~bank.load(.resident)
            while bits != 0 {
                let resident = Resident(
                    bank: bank, index: index, number: UInt32(truncatingIfNeeded: bits.trailingZeroBitCount), isLatched: false
                )
                bits &= bits &- 1
                if index != 0, forward(resident, vcpu, on: host) { continue }
                if free == 0 {
                    guard let evicted = evict(for: resident, &victim, &spill, cpu, vcpu, on: host) else {
                        spill |= 1 &<< index
                        continue
                    }
                    free = evicted
                }
                let register = free.trailingZeroBitCount
                if place(resident, enabled, in: register, cpu, vcpu, on: host) { free &= free &- 1 }
            }
        }
        cpu.setUsed(all & ~free)
        if spill != 0 { spill |= takeBackRepeats(all & ~free, cpu, vcpu, on: host) }
        cpu.setSpill(spill)
        setUnderflow(spill != 0, cpu, on: host)
    }

    /// Whether an SPI belongs to another vCPU, which then hears of it: it may have been raised here just before it was
    /// routed there.
    @inline(__always)
    private func forward(
        _ resident: Resident<Frames>, _ vcpu: VCPUID, on host: some VirtualGICHost
    ) -> Bool {
        let target = target(resident.bank, resident.number)
        if target == vcpu { return false }
        let bank: UInt32 = 1 &<< resident.index
        // One that knows, even if it has no room, is left alone: two that are full would kick each other for ever.
        let other = block(target)
        if (other.attention | other.spill) & bank == 0 { notify(target, bank, on: host) }
        return true
    }

    /// Puts an interrupt into a free list register. False where it is not deliverable after all: another pCPU changed
    /// it meanwhile.
    @inline(__always)
    private func place<Host: VirtualGICHost>(
        _ resident: Resident<Frames>, _ enabled: UInt32, in register: Int, _ cpu: CPUBlock<Frames>, _ vcpu: VCPUID,
        on host: Host
    ) -> Bool {
        let bank = resident.bank
        let bit = resident.bit
        // Whoever sets the bit has the interrupt.
        if bank.set(.resident, bit) & bit != 0 { return false }
        if resident.index != 0 {
            bank.setByte(BankLayout.holders, resident.number, UInt8(truncatingIfNeeded: vcpu.rawValue))
            // Who changes its state in memory looks at `resident` and then at the holder (`observe` in `drop`, `notifyOf` and
            // `notifyTargets`): where that is still the last one, what was changed is seen below.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        }
        forgetDrops(resident)
        let isMapped = bank.load(.mapped) & bit != 0
        var entry = ListRegister(
            interrupt: resident.index << 5 | resident.number, state: [],
            priority: bank.byte(BankLayout.priorities, resident.number), isGroup1: version == .v3)
        if bank.load(.active) & bit != 0, bank.clear(.active, bit) & bit != 0 { entry.state.insert(.active) }
        var isLatched = false
        // A mapped interrupt cannot be pending and active at once: its new pending state is the physical one's.
        if enabled & bit != 0, !(isMapped && entry.state.contains(.active)) {
            isLatched = takeLatch(resident, &entry)
            let isLine = bank.observe(.line) & ~bank.load(.edge) & bit != 0
            if isLatched || isLine { entry.state.insert(.pending) }
            if isLine { entry.notifiesEnd = true }
        }
        if entry.state.isEmpty {
            bank.clear(.resident, bit)
            return false
        }
        if isMapped {
            entry.physical = bank.physical(resident.number)
            entry.notifiesEnd = false
        }
        let mask: UInt32 = 1 &<< UInt32(register)
        let shared = cpu.word(CPULayout.shared)
        cpu.setWord(CPULayout.shared, resident.index == 0 ? shared & ~mask : shared | mask)
        cpu.setNumber(register, UInt16(truncatingIfNeeded: entry.interrupt) | (isLatched ? 1 << 15 : 0))
        host.setListRegister(register, Host.Format.encode(entry))
        return true
    }

    /// What was to be dropped from an earlier list register, which was released in that very moment, is not to be dropped from this
    /// one. Nothing is lost: who asks clears the state in memory first, which is read after this.
    @inline(__always)
    private func forgetDrops(_ resident: Resident<Frames>) {
        guard (resident.bank.load(.dropPending) | resident.bank.load(.dropActive)) & resident.bit != 0 else { return }
        resident.bank.clear(.dropPending, resident.bit)
        resident.bank.clear(.dropActive, resident.bit)
    }

    /// Takes the pending latch, for a GICv2 SGI that of one sender.
    @inline(__always)
    private func takeLatch(_ resident: Resident<Frames>, _ entry: inout ListRegister) -> Bool {
        let bank = resident.bank
        guard bank.load(.pending) & resident.bit != 0 else { return false }
        guard version == .v2, resident.index == 0, resident.number < 16 else {
            return bank.clear(.pending, resident.bit) & resident.bit != 0
        }
        guard let source = takeSource(resident.number, bank) else { return false }
        entry.source = source
        entry.notifiesEnd = bank.load(.pending) & resident.bit != 0
        return true
    }

    /// Makes room for an interrupt that is more urgent than one that waits in a list register, or that is active.
    /// Returns the freed list register as a bit.
    @inline(never)
    private func evict<Host: VirtualGICHost>(
        for resident: Resident<Frames>, _ victim: inout Victim?, _ spill: inout UInt32, _ cpu: CPUBlock<Frames>,
        _ vcpu: VCPUID, on host: Host
    ) -> UInt32? {
        let candidate = victim ?? findVictim(on: host)
        victim = candidate
        guard let register = candidate.register else { return nil }
        let isActive = resident.bank.load(.active) & resident.bit != 0
        guard isActive || resident.bank.byte(BankLayout.priorities, resident.number) < candidate.priority else { return nil }
        let value = host.listRegister(register)
        let loser = self.resident(in: register, of: cpu, vcpu)
        withdraw(loser, value, on: host)
        host.setListRegister(register, 0)
        spill |= 1 &<< loser.index
        victim = nil
        return 1 &<< UInt32(register)
    }

    /// While interrupts wait for a list register, none that is handled keeps its next occurrence there: its end would
    /// make that one deliverable with no exit, before more urgent ones that wait (maintenance interrupts come when a
    /// register becomes free; ARM IHI 0048B, 5.3.7). It goes back to memory, and the end brings the exit. Returns the
    /// banks concerned.
    @inline(never)
    private func takeBackRepeats<Host: VirtualGICHost>(
        _ used: UInt32, _ cpu: CPUBlock<Frames>, _ vcpu: VCPUID, on host: Host
    ) -> UInt32 {
        var banks: UInt32 = 0
        var left = used
        while left != 0 {
            let register = left.trailingZeroBitCount
            left &= left &- 1
            let value = host.listRegister(register)
            guard Host.Format.state(value) == [.pending, .active] else { continue }
            let resident = resident(in: register, of: cpu, vcpu)
            host.setListRegister(
                register, Host.Format.notifyingEnd(handled(resident, register, value, cpu, Host.Format.self)))
            banks |= 1 &<< resident.index
        }
        return banks
    }

    private func findVictim<Host: VirtualGICHost>(on host: Host) -> Victim {
        var victim = Victim(register: nil, priority: 0)
        for register in 0..<host.listRegisterCount {
            let value = host.listRegister(register)
            guard Host.Format.state(value) == .pending else { continue }
            let priority = Host.Format.priority(value)
            if victim.register == nil || priority > victim.priority {
                victim = Victim(register: register, priority: priority)
            }
        }
        return victim
    }
}
