// SPDX-License-Identifier: Apache-2.0

public import Base
import Machine

/// Interrupts that are physical ones handed through, and questions about the state of others.
extension VirtualGIC {
    /// How the physical interrupt behind a mapped one has to be programmed.
    public struct Mapping: Equatable, Sendable {
        public let physical: UInt32
        /// The physical one is to be enabled.
        public let isEnabled: Bool
        /// As the guest configured it.
        public let isEdge: Bool
        /// The vCPU on whose pCPU it should arrive.
        public let target: VCPUID
    }

    /// Hands a physical interrupt through: what arrives as `pulse(interrupt, ...)` is deactivated by the guest's own
    /// end-of-interrupt. `vcpu` counts for private interrupts only. Before the guest runs, or with the interrupt disabled
    /// and not in flight. False where there is no such interrupt.
    ///
    ///     gic.map(47, vcpu: VCPUID(0), to: 47)         // an SPI of a device that dom0 has
    ///     gic.map(27, vcpu: vcpu, to: 27)              // the virtual timer, once for each vCPU
    @discardableResult
    public func map(_ interrupt: UInt32, vcpu: VCPUID, to physical: UInt32) -> Bool {
        let index = interrupt >> 5
        guard interrupt >= 16, hasBank(index), physical < 1020 else { return false }
        let bank = bank(index, vcpu: vcpu)
        bank.setPhysical(interrupt & 31, UInt16(truncatingIfNeeded: physical))
        bank.set(.mapped, 1 &<< (interrupt & 31))
        return true
    }

    /// Takes a mapping back. Under the same conditions as `map`.
    public func unmap(_ interrupt: UInt32, vcpu: VCPUID) {
        guard hasBank(interrupt >> 5) else { return }
        bank(interrupt >> 5, vcpu: vcpu).clear(.mapped, 1 &<< (interrupt & 31))
    }

    /// How to program the physical interrupt now; nil where none is mapped.
    public func mapping(of interrupt: UInt32, vcpu: VCPUID) -> Mapping? {
        let index = interrupt >> 5
        guard hasBank(index) else { return nil }
        let bank = bank(index, vcpu: vcpu)
        let bit: UInt32 = 1 &<< (interrupt & 31)
        guard bank.load(.mapped) & bit != 0 else { return nil }
        return Mapping(
            physical: bank.physical(interrupt & 31), isEnabled: bank.load(.enabled) & bit != 0,
            isEdge: bank.load(.edge) & bit != 0, target: index == 0 ? vcpu : target(bank, interrupt & 31))
    }

    /// Whether the guest enabled an interrupt.
    public func isEnabled(_ interrupt: UInt32, vcpu: VCPUID) -> Bool {
        hasBank(interrupt >> 5) && bank(interrupt >> 5, vcpu: vcpu).load(.enabled) >> (interrupt & 31) & 1 != 0
    }

    /// Whether an interrupt is pending or active for a vCPU that does not run. For a mapped private one: whether the
    /// physical one has to be active on the pCPU where the vCPU runs next, and must not stay so on this one.
    public func isInFlight(_ interrupt: UInt32, vcpu: VCPUID) -> Bool {
        guard hasBank(interrupt >> 5) else { return false }
        let bank = bank(interrupt >> 5, vcpu: vcpu)
        return (bank.pendingInMemory | bank.load(.active) | bank.load(.resident)) >> (interrupt & 31) & 1 != 0
    }

    /// The trigger that the device tree gives an interrupt, for the guest to find as its reset value.
    public func configure(_ interrupt: UInt32, vcpu: VCPUID, isEdge: Bool) {
        guard interrupt >= 16, hasBank(interrupt >> 5) else { return }
        let bank = bank(interrupt >> 5, vcpu: vcpu)
        if isEdge {
            bank.set(.edge, 1 &<< (interrupt & 31))
        } else {
            bank.clear(.edge, 1 &<< (interrupt & 31))
        }
    }

    /// Forgets what is in flight for a vCPU that was turned off (after `leave`): its pending and active private
    /// interrupts, and the active SPIs that it will never end. `host` is the pCPU where it ran.
    public func turnOff<Host: VirtualGICHost>(_ vcpu: VCPUID, on host: Host) {
        let cpu = block(vcpu)
        var left = cpu.word(CPULayout.saved)
        cpu.setWord(CPULayout.saved, 0)
        while left != 0 {
            let register = left.trailingZeroBitCount
            left &= left &- 1
            let resident = resident(in: register, of: cpu, vcpu)
            // Pending state of an SPI survives, its active state does not.
            withdraw(resident, cpu.value(register), on: host)
            resident.bank.clear(.active, resident.bit)
            if resident.bank.load(.mapped) & resident.bit != 0 {
                host.deactivate(physical: resident.bank.physical(resident.number))
            }
        }
        let bank = cpu.bank
        let flying = (bank.clear(.pending, ~0) | bank.clear(.active, ~0)) & bank.load(.mapped)
        forEach(flying) { host.deactivate(physical: bank.physical($0)) }
        for interrupt in UInt32(0)..<16 { bank.removeSource(of: interrupt, 0xff) }
    }
}

/// Calls `body` with the number of each bit that is set.
@inline(__always)
func forEach(_ bits: UInt32, _ body: (UInt32) -> Void) {
    var left = bits
    while left != 0 {
        body(UInt32(truncatingIfNeeded: left.trailingZeroBitCount))
        left &= left &- 1
    }
}
