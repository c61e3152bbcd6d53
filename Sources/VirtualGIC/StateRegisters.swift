// SPDX-License-Identifier: Apache-2.0

import Base
import Machine

/// Pending and active: registers whose truth may be in list registers.
extension VirtualGIC {
    @inline(never)
    func readState(
        _ kind: RegisterFamily.Kind, _ offset: UInt32, _ isShared: Bool, _ vcpu: VCPUID, by reader: VCPUID,
        on host: some VirtualGICHost
    ) -> UInt32 {
        let index = offset >> 2 & 31
        guard hasBank(index), !(isShared && index == 0) else { return 0 }
        recall(index, reader, on: host)
        let bank = bank(index, vcpu: vcpu)
        return kind == .setPending || kind == .clearPending ? bank.pendingInMemory : bank.load(.active)
    }

    @inline(never)
    func writeState(
        _ kind: RegisterFamily.Kind, _ offset: UInt32, _ value: UInt32, _ isShared: Bool, _ vcpu: VCPUID,
        by writer: VCPUID, on host: some VirtualGICHost
    ) {
        let index = offset >> 2 & 31
        guard hasBank(index), !(isShared && index == 0) else { return }
        recall(index, writer, on: host)
        let bank = bank(index, vcpu: vcpu)
        // A GICv2's SGIs become pending by their own registers only.
        let settable = version == .v2 && index == 0 ? value & 0xffff_0000 : value
        switch kind {
        case .setPending:
            let mapped = settable & bank.load(.mapped)
            bank.set(.pending, settable & ~mapped)
            forEach(mapped) { host.setPending(physical: bank.physical($0), true) }
            notifyTargets(of: settable & ~mapped, bank, index, vcpu, by: writer, on: host)
        case .clearPending:
            clearPending(settable, bank, on: host)
            drop(settable, .dropPending, bank, index, vcpu, by: writer, on: host)
        case .setActive:
            // One in another vCPU's list register keeps the state that it has there.
            let bits = value & ~bank.load(.resident)
            bank.set(.active, bits)
            notifyTargets(of: bits, bank, index, vcpu, by: writer, on: host)
        case .clearActive:
            let ended = bank.clear(.active, value) & value & bank.load(.mapped)
            forEach(ended) { host.deactivate(physical: bank.physical($0)) }
            drop(value, .dropActive, bank, index, vcpu, by: writer, on: host)
        default: break
        }
    }

    /// A mapped interrupt that is pending here is active there, and is given back.
    private func clearPending(_ bits: UInt32, _ bank: Bank<Frames>, on host: some VirtualGICHost) {
        let old = bank.clear(.pending, bits) & bits
        forEach(bits & bank.load(.mapped)) { number in
            if old >> number & 1 != 0 {
                host.deactivate(physical: bank.physical(number))
            } else {
                host.setPending(physical: bank.physical(number), false)
            }
        }
    }

    /// Asks the vCPUs that have these interrupts in list registers to drop a part of their state.
    private func drop(
        _ bits: UInt32, _ part: BankWord, _ bank: Bank<Frames>, _ index: UInt32, _ vcpu: VCPUID, by writer: VCPUID,
        on host: some VirtualGICHost
    ) {
        // After the state in memory was cleared. Pairs with `place`, which sets the bit and then reads that state.
        let elsewhere = bits & bank.observe(.resident)
        guard elsewhere != 0 else { return }
        // One that has been released meanwhile forgets it when it is placed anew.
        bank.set(part, elsewhere)
        notifyHolders(of: elsewhere, bank, index, vcpu, by: writer, on: host)
    }

    /// GICv2: CPENDSGIR and SPENDSGIR, a byte of senders for each SGI.
    @inline(never)
    func readSources(
        _ offset: UInt32, _ width: UInt32, _ vcpu: VCPUID, on host: some VirtualGICHost
    ) -> UInt32 {
        guard offset >= 0xf10, offset < 0xf30 else { return 0 }
        recall(0, vcpu, on: host)
        let bank = privateBank(vcpu)
        var value: UInt32 = 0
        for byte in 0..<width { value |= bank.sources(of: (offset & 15) + byte) &<< (byte * 8) }
        return value
    }
}
