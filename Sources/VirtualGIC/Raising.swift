// SPDX-License-Identifier: Apache-2.0

public import Base
import Containers
import Machine
import Synchronization

/// Interrupts that come from outside the guest: devices, timers, event channels, mapped physical interrupts. From any
/// pCPU, under any lock.
extension VirtualGIC {
    /// Makes an interrupt pending once, whatever its trigger: an event, or the arrival of a mapped physical interrupt
    /// (acknowledged and priority-dropped, not deactivated: the guest's end-of-interrupt does that). `vcpu` counts for
    /// private interrupts only (16 to 31); a number that does not exist is ignored.
    ///
    ///     gic.pulse(31, vcpu: target, on: host)        // event channel upcall
    public func pulse(_ interrupt: UInt32, vcpu: VCPUID, on host: some VirtualGICHost) {
        let index = interrupt >> 5
        guard hasBank(index) else { return }
        let bank = bank(index, vcpu: vcpu)
        bank.set(.pending, 1 &<< (interrupt & 31))
        notifyOf(interrupt, bank, vcpu, on: host)
    }

    /// Raises the line of an interrupt. A level stays pending until `lower`; an edge is latched once per rise.
    ///
    ///     gic.raise(32 + 5, vcpu: VCPUID(0), on: host) // the console's receive buffer is no longer empty
    public func raise(_ interrupt: UInt32, vcpu: VCPUID, on host: some VirtualGICHost) {
        let index = interrupt >> 5
        guard hasBank(index) else { return }
        let bank = bank(index, vcpu: vcpu)
        let bit: UInt32 = 1 &<< (interrupt & 31)
        guard bank.set(.line, bit) & bit == 0 else { return }
        if bank.load(.edge) & bit != 0 { bank.set(.pending, bit) }
        notifyOf(interrupt, bank, vcpu, on: host)
    }

    /// Lowers the line of an interrupt. A level that the guest has not acknowledged is taken back at the vCPU's next
    /// entry; until then it may still see it and find no cause, as on hardware.
    public func lower(_ interrupt: UInt32, vcpu: VCPUID) {
        let index = interrupt >> 5
        guard hasBank(index) else { return }
        let bank = bank(index, vcpu: vcpu)
        let bit: UInt32 = 1 &<< (interrupt & 31)
        guard bank.clear(.line, bit) & bit != 0, bank.load(.resident) & bit != 0 else { return }
        block(index == 0 ? vcpu : holder(bank, interrupt & 31)).ask(1 &<< index)
    }

    /// There is something new to an interrupt: its vCPU is to look, and the one that still handles it, if that is
    /// another, is to say when it is done.
    @inline(__always)
    private func notifyOf(_ interrupt: UInt32, _ bank: Bank<Frames>, _ vcpu: VCPUID, on host: some VirtualGICHost) {
        let index = interrupt >> 5
        if index == 0 { return notify(vcpu, 1, on: host) }
        let target = target(bank, interrupt & 31)
        notify(target, 1 &<< index, on: host)
        if bank.observe(.resident) >> (interrupt & 31) & 1 != 0 {
            let holder = holder(bank, interrupt & 31)
            if holder != target { notify(holder, 1 &<< index, on: host) }
        }
    }

    /// Asks for attention and says so.
    @inline(__always)
    func notify(_ vcpu: VCPUID, _ banks: UInt32, on host: some VirtualGICHost) {
        block(vcpu).ask(banks)
        host.kick(vcpu)
    }

    // MARK: Software-generated interrupts

    /// A write to ICC_SGI1R_EL1 by a GICv3 guest (ARM IHI 0069, 12.2.21).
    public func sendSGI(v3 value: UInt64, by vcpu: VCPUID, on host: some VirtualGICHost) {
        let interrupt = UInt32(truncatingIfNeeded: value >> 24) & 15
        if value >> 40 & 1 != 0 {
            sendToOthers(interrupt, by: vcpu, on: host)
            return
        }
        // Affinity 3, 2 and the range selector must be 0: no vCPU has other ones.
        guard value & 0x00ff_f0ff_0000_0000 == 0 else { return }
        let cluster = UInt32(truncatingIfNeeded: value >> 16) & 0xff
        send(interrupt, to: UInt32(truncatingIfNeeded: value) & 0xffff, first: cluster << 4, by: vcpu, on: host)
    }

    /// A write to GICD_SGIR by a GICv2 guest (ARM IHI 0048B, 4.3.15).
    func sendSGI(v2 value: UInt32, by vcpu: VCPUID, on host: some VirtualGICHost) {
        let interrupt = value & 15
        switch value >> 24 & 3 {
        case 0: send(interrupt, to: value >> 16 & 0xff, first: 0, by: vcpu, on: host)
        case 1: sendToOthers(interrupt, by: vcpu, on: host)
        case 2: send(interrupt, to: 1 &<< vcpu.rawValue, first: 0, by: vcpu, on: host)
        default: break
        }
    }

    /// To each vCPU `first + n` for which bit `n` of `list` is set; those that do not exist are skipped.
    @inline(__always)
    private func send(
        _ interrupt: UInt32, to list: UInt32, first: UInt32, by vcpu: VCPUID, on host: some VirtualGICHost
    ) {
        var left = list
        while left != 0 {
            let target = first &+ UInt32(truncatingIfNeeded: left.trailingZeroBitCount)
            left &= left &- 1
            if Int(target) < vcpus { deliver(interrupt, to: VCPUID(target), by: vcpu, on: host) }
        }
    }

    private func sendToOthers(
        _ interrupt: UInt32, by vcpu: VCPUID, on host: some VirtualGICHost
    ) {
        var target: UInt32 = 0
        while Int(target) < vcpus {
            if target != vcpu.rawValue { deliver(interrupt, to: VCPUID(target), by: vcpu, on: host) }
            target += 1
        }
    }

    @inline(__always)
    private func deliver(
        _ interrupt: UInt32, to target: VCPUID, by vcpu: VCPUID, on host: some VirtualGICHost
    ) {
        let bank = privateBank(target)
        // The source before the pending bit: who takes the bit finds a source.
        if version == .v2 { bank.addSource(of: interrupt, 1 &<< vcpu.rawValue) }
        bank.set(.pending, 1 &<< interrupt)
        block(target).ask(1)
        if target != vcpu { host.kick(target) }
    }
}

/// GICv2: who sent an SGI.
extension Bank {
    private func sourceWord(_ interrupt: UInt32) -> Ref<Atomic<UInt32>> {
        frames.atomic(UInt32.self, at: address + BankLayout.sources + UInt64(interrupt & 12))
    }
    private func shift(_ interrupt: UInt32) -> UInt32 { (interrupt & 3) * 8 }

    func sources(of interrupt: UInt32) -> UInt32 {
        sourceWord(interrupt).pointee.load(ordering: .acquiring) >> shift(interrupt) & 0xff
    }
    func addSource(of interrupt: UInt32, _ sources: UInt32) {
        sourceWord(interrupt).pointee.bitwiseOr((sources & 0xff) << shift(interrupt), ordering: .acquiringAndReleasing)
    }
    func removeSource(of interrupt: UInt32, _ sources: UInt32) {
        sourceWord(interrupt).pointee.bitwiseAnd(
            ~((sources & 0xff) << shift(interrupt)), ordering: .acquiringAndReleasing)
    }

    /// Clears the pending bit of an SGI without sources, and sets it again if one came meanwhile.
    func settleSources(of interrupt: UInt32) {
        guard sources(of: interrupt) == 0 else { return }
        clear(.pending, 1 &<< interrupt)
        if sources(of: interrupt) != 0 { set(.pending, 1 &<< interrupt) }
    }
}
